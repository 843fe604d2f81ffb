using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Conversion;

/// <summary>Conversions of tiny-c against the bytes MLX's own converters wrote.</summary>
public sealed class MlxConversionTests
{
    static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Recorded => [.. MlxCheckpoints.Names];

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Convert_TinyC_WritesTheBytesOfMlx(string name)
    {
        using var files = new TempFolder();
        MlxCheckpoints.Convert(name, files["out"]);
        Assert.Equal(Expected($"mlx/{name}/tensors.json"), ConvertedTensors.Hashes(files["out"]));
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Convert_TinyC_ConfigurationSaysWhatMlxSays(string name)
    {
        using var files = new TempFolder();
        MlxCheckpoints.Convert(name, files["out"]);
        using JsonDocument ours = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(files["out"], "config.json")));
        using JsonDocument mlx = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"mlx/{name}/config.json")));
        foreach (string key in (string[])["quantization", "quantization_config"])
        {
            Assert.Equal(Settings(mlx, key), Settings(ours, key));
        }

        Assert.Equal(mlx.RootElement.GetProperty("model_type").GetString(), ours.RootElement.GetProperty("model_type").GetString());
        Assert.True(JsonElement.DeepEquals(mlx.RootElement.GetProperty("text_config"), ours.RootElement.GetProperty("text_config")));
    }

    [Fact]
    public void Convert_ToMlxAndBack_IsTheOriginal()
    {
        using var files = new TempFolder();
        MlxCheckpoints.Convert("mlx-bf16", files["mlx"]);
        ConversionResult back = CheckpointConverter.Convert(files["mlx"], files["hf"], new ConversionOptions { Layout = CheckpointLayout.HuggingFace }, cancellationToken: Stop);
        Assert.Equal(Expected("tiny-c/tensors.json"), ConvertedTensors.Hashes(files["hf"]));
        Assert.Empty(back.Notes);
        using JsonDocument original = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find("tiny-c/files/config.json")));
        using JsonDocument written = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(files["hf"], "config.json")));
        Assert.True(JsonElement.DeepEquals(original.RootElement, written.RootElement));
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Convert_QuantisedToHuggingFaceNamesAndBack_IsTheSame(string name)
    {
        using var files = new TempFolder();
        MlxCheckpoints.Convert(name, files["mlx"]);
        CheckpointConverter.Convert(files["mlx"], files["hf"], new ConversionOptions { Layout = CheckpointLayout.HuggingFace }, cancellationToken: Stop);
        CheckpointConverter.Convert(files["hf"], files["again"], new ConversionOptions { Layout = MlxCheckpoints.Options(name).Layout }, cancellationToken: Stop);
        Assert.Equal(ConvertedTensors.Hashes(files["mlx"]), ConvertedTensors.Hashes(files["again"]));
        Assert.Equal(File.ReadAllText(Path.Combine(files["mlx"], "config.json")), File.ReadAllText(Path.Combine(files["again"], "config.json")));
    }

    [Fact]
    public void Convert_Dequantised_IsWhatTheQuantisedMatricesHold()
    {
        using var files = new TempFolder();
        MlxCheckpoints.Convert("mlx-mixed", files["mlx"]);
        CheckpointConverter.Convert(files["mlx"], files["dense"], new ConversionOptions { Dequantize = true, Type = ElementType.F32 }, cancellationToken: Stop);
        using Checkpoint quantised = Checkpoint.Open(files["mlx"]), dense = Checkpoint.Open(files["dense"]);
        ModelParts.Build(quantised.Root, quantised.Config);
        ModelParts.Build(dense.Root, dense.Config);
        Assert.DoesNotContain(dense.Tensors, tensor => tensor.Name.EndsWith(".scales", StringComparison.Ordinal) || tensor.Name.EndsWith(".biases", StringComparison.Ordinal));
        Assert.Equal("float32", JsonDocument.Parse(File.ReadAllBytes(Path.Combine(files["dense"], "config.json"))).RootElement.GetProperty("torch_dtype").GetString());
        int compared = 0;
        foreach (StoredTensor scales in quantised.Tensors.Where(tensor => tensor.CanonicalName.EndsWith(".scales", StringComparison.Ordinal)))
        {
            string module = scales.CanonicalName[..^".scales".Length];
            StoredTensor wide = Assert.Single(dense.Tensors, tensor => tensor.CanonicalName == module + ".weight");
            int rows = (int)wide.Shape[0], columns = (int)wide.Shape[1];
            WeightMatrix matrix = quantised.Root.Linear(module, columns, rows).Weight;
            float[] expected = new float[columns], actual = new float[columns];
            for (int row = 0; row < rows; row++)
            {
                matrix.ReadRow(row, expected);
                wide.Data.ToSingles((long)row * columns, actual);
                Assert.Equal(expected, actual);
            }

            compared++;
        }

        Assert.True(compared > 80);
    }

    /// <summary>What a configuration says of each module, and of all others under the empty name.</summary>
    static SortedDictionary<string, string> Settings(JsonDocument config, string key)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (!config.RootElement.TryGetProperty(key, out JsonElement quantization))
        {
            return settings;
        }

        settings[""] = Setting(quantization);
        foreach (JsonProperty module in quantization.EnumerateObject().Where(p => p.Value.ValueKind is JsonValueKind.Object or JsonValueKind.False))
        {
            settings[module.Name] = module.Value.ValueKind == JsonValueKind.False ? "false" : Setting(module.Value);
        }

        return settings;

        // Older writers leave out the mode, which is affine then.
        static string Setting(JsonElement e) =>
            $"{(e.TryGetProperty("mode", out JsonElement mode) ? mode.GetString() : "affine")} {e.GetProperty("bits").GetInt32()} {e.GetProperty("group_size").GetInt32()}";
    }

    static SortedDictionary<string, string> Expected(string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find(path)));
        return new SortedDictionary<string, string>(
            json.RootElement.EnumerateObject().ToDictionary(
                entry => entry.Name,
                entry => ConvertedTensors.Line(entry.Value.GetProperty("dtype").GetString()!, entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt64()), entry.Value.GetProperty("sha256").GetString()!),
                StringComparer.Ordinal),
            StringComparer.Ordinal);
    }
}
