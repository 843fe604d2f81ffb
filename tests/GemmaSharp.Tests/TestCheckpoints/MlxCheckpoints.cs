using System.Globalization;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>The conversions of tiny-c that MLX's own converters were recorded making, and the options that make them here.</summary>
public static class MlxCheckpoints
{
    /// <summary>Folders below <c>Goldens/mlx</c>; <c>lm-</c> names say mode, bits and group size.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "mlx-bf16", "mlx-4bit", "mlx-mixed",
        "lm-affine-2-32", "lm-affine-3-64", "lm-affine-4-128", "lm-affine-5-32", "lm-affine-6-64", "lm-affine-8-32", "lm-mxfp4-4-32", "lm-nvfp4-4-16", "lm-mxfp8-8-32",
    ];

    /// <summary>Converts tiny-c into a new folder.</summary>
    public static void Convert(string name, string destination)
    {
        using TinyCheckpoint source = TinyCheckpoint.Create("tiny-c");
        CheckpointConverter.Convert(source.Folder, destination, Options(name), cancellationToken: TestContext.Current.CancellationToken);
    }

    /// <summary>The options of one of <see cref="Names"/>.</summary>
    public static ConversionOptions Options(string name)
    {
        if (name == "mlx-bf16")
        {
            return new ConversionOptions { Layout = CheckpointLayout.MlxVlm };
        }

        if (name.StartsWith("mlx-", StringComparison.Ordinal))
        {
            QuantizationRecipe recipe = name == "mlx-mixed"
                ? QuantizationRecipe.Named("mixed_3_6") with { Keep = ["*.layers.1.self_attn.o_proj"] }
                : new QuantizationRecipe { Format = QuantizationFormat.Create(QuantizationMode.Affine, 4, 64) };
            return new ConversionOptions { Layout = CheckpointLayout.MlxVlm, Quantize = recipe, Rounding = QuantizationRounding.Cpu };
        }

        string[] parts = name.Split('-');
        Assert.True(QuantizationFormat.TryParseMode(parts[1], out QuantizationMode mode));
        return new ConversionOptions
        {
            Layout = CheckpointLayout.MlxLm,
            Quantize = new QuantizationRecipe { Format = QuantizationFormat.Create(mode, int.Parse(parts[2], CultureInfo.InvariantCulture), int.Parse(parts[3], CultureInfo.InvariantCulture)) },
            Rounding = QuantizationRounding.Cpu,
        };
    }
}
