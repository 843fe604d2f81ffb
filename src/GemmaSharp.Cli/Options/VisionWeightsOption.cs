using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary><c>--vision-weights</c>: whether kernel rows and columns are exchanged, as in the first upload.</summary>
sealed class VisionWeightsOption
{
    static readonly (string Name, VisionWeights Value)[] s_choices = [("auto", VisionWeights.Auto), ("as-is", VisionWeights.AsIs),
        ("transposed", VisionWeights.Transposed)];

    /// <summary>The option, to add to a command.</summary>
    public Option<string?> Option { get; } = Choices.Option(
        "--vision-weights", "auto|as-is|transposed",
        "Rows and columns of vision kernels: exchanged in the first upload of the weights. Default: auto, by the stem bias that it lacks.",
        s_choices.Select(choice => choice.Name));

    /// <summary>What was chosen.</summary>
    public VisionWeights Read(ParseResult parse) => Choices.Value(parse, Option, s_choices) ?? VisionWeights.Auto;
}
