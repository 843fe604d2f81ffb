using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary><c>--cache-type</c>: how keys and values of conversations are stored.</summary>
sealed class CacheTypeOption
{
    static readonly (string Name, CacheType Value)[] s_choices = [("f32", CacheType.F32), ("bf16", CacheType.BF16), ("f16", CacheType.F16)];

    /// <summary>The option, to add to a command.</summary>
    public Option<string?> Option { get; } = Choices.Option(
        "--cache-type", "f32|bf16|f16", "How keys and values of a conversation are stored: bf16 and f16 take half the memory and round them. Default: f32.",
        s_choices.Select(choice => choice.Name));

    /// <summary>What was chosen.</summary>
    public CacheType Read(ParseResult parse) => Choices.Value(parse, Option, s_choices) ?? CacheType.F32;
}
