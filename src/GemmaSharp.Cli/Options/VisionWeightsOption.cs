using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary><c>--vision-weights</c>: whether kernel rows and columns are exchanged, as in the first upload.</summary>
sealed class VisionWeightsOption
{
    static readonly (string Name, VisionWeights Value)[] s_choices = [("auto", VisionWeights.Auto), ("as-is", VisionWeights.AsIs),
        ("transposed", VisionWeights.Transposed)];

    /// <summary>The option, to add to a command.</summary>
    public Option<VisionWeights> Option { get; } = new("--vision-weights")
    {
        HelpName = "auto|as-is|transposed",
        Description = "Rows and columns of vision kernels: exchanged in the first upload of the weights. Default: auto, by the stem bias that it lacks.",
        DefaultValueFactory = _ => VisionWeights.Auto,
        CustomParser = result =>
        {
            string text = result.Tokens.Count == 1 ? result.Tokens[0].Value : "";
            foreach ((string name, VisionWeights value) in s_choices)
            {
                if (name == text)
                {
                    return value;
                }
            }

            result.AddError($"--vision-weights is {text}; auto, as-is or transposed is needed.");
            return VisionWeights.Auto;
        },
    };

    /// <summary>What was chosen.</summary>
    public VisionWeights Read(ParseResult parse) => parse.GetValue(Option);
}
