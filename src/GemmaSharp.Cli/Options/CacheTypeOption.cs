using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary><c>--cache-type</c>: how keys and values of conversations are stored.</summary>
sealed class CacheTypeOption
{
    static readonly (string Name, CacheType Value)[] s_choices = [("f32", CacheType.F32), ("bf16", CacheType.BF16), ("f16", CacheType.F16)];

    /// <summary>The option, to add to a command.</summary>
    public Option<CacheType> Option { get; } = new("--cache-type")
    {
        HelpName = "f32|bf16|f16",
        Description = "How keys and values of a conversation are stored: bf16 and f16 take half the memory and round them. Default: f32.",
        DefaultValueFactory = _ => CacheType.F32,
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            foreach ((string name, CacheType value) in s_choices)
            {
                if (name == text)
                {
                    return value;
                }
            }

            result.AddError($"--cache-type is {text}; f32, bf16 or f16 is needed.");
            return CacheType.F32;
        },
    };

    /// <summary>What was chosen.</summary>
    public CacheType Read(ParseResult parse) => parse.GetValue(Option);
}
