using System.CommandLine;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Cli.Options;

/// <summary>How weights are quantised: bits, group size and mode, or a recipe.</summary>
sealed class RecipeOptions
{
    readonly Option<int?> _bits = Numbers.Whole(
        "--bits", "N", "Quantise linear layers and embeddings to 2, 3, 4, 5, 6 or 8 bits. Default where another option asks for quantising: 4.", 1, 32);
    readonly Option<int?> _groupSize = Numbers.Whole("--group-size", "N", "Weights that share a scale: 32, 64 or 128. Default: 64.", 1, 1 << 20);
    readonly Option<string?> _mode = Choices.Option(
        "--mode", "affine|mxfp4|nvfp4|mxfp8", "How weights are quantised. Default: affine.", ["affine", "mxfp4", "nvfp4", "mxfp8"]);
    readonly Option<string?> _recipe = Choices.Option(
        "--recipe", "NAME", $"A mixed recipe, low and high bits: {string.Join(", ", QuantizationRecipe.Names)}.", QuantizationRecipe.Names);

    /// <summary>The options, to add to a command.</summary>
    public IEnumerable<Option> All => [_bits, _groupSize, _mode, _recipe];

    /// <summary>What is asked for; null when nothing asks for quantising.</summary>
    /// <exception cref="CliException">Two options contradict each other, or there is no such format.</exception>
    public QuantizationRecipe? Read(ParseResult parse)
    {
        int? bits = parse.GetValue(_bits), groupSize = parse.GetValue(_groupSize);
        string? mode = parse.GetValue(_mode);
        bool format = bits is not null || groupSize is not null || mode is not null;
        if (parse.GetValue(_recipe) is string named)
        {
            return format
                ? throw CliException.Usage("--recipe says bits, group size and mode by itself; leave out --bits, --group-size and --mode.")
                : QuantizationRecipe.Named(named);
        }

        if (!format)
        {
            return null;
        }

        _ = QuantizationFormat.TryParseMode(mode ?? "affine", out QuantizationMode parsed);
        return QuantizationFormat.TryCreate(parsed, bits, groupSize, out QuantizationFormat? created, out string? fault)
            ? new QuantizationRecipe { Format = created }
            : throw CliException.Usage(fault);
    }
}
