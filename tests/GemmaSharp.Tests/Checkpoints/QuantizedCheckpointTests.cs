using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>What the load report says of a checkpoint as MLX's own converter wrote it, 3 bits in groups of 64, when parts are damaged.</summary>
public sealed class QuantizedCheckpointTests
{
    const string Folder = "mlx/lm-affine-3-64";

    [Theory]
    [InlineData(".biases", "lacks the .biases")]
    [InlineData(".scales", "as one number for each group of its codes")]
    public void Report_PartOfAModuleMissing_SaysWhich(string part, string expected)
    {
        using var files = new TempFolder();
        LoadReport report = Damaged(files.Path, tensors => tensors.Where(t => !t.Name.EndsWith($"layers.1.mlp.up_proj{part}", StringComparison.Ordinal)));
        Assert.True(report.HasErrors);
        Assert.Contains(report.Findings, f => f.Severity == Severity.Error && f.ModulePath.EndsWith("layers.1.mlp.up_proj", StringComparison.Ordinal) && f.Problem.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Report_ConfigurationSaysOtherwise_TheTensorsCount()
    {
        using var files = new TempFolder();
        LoadReport report = Damaged(files.Path, tensors => tensors, config => config.Replace("\"bits\": 3", "\"bits\": 4", StringComparison.Ordinal));
        Assert.False(report.HasErrors);
        Assert.Contains(report.Findings, f => f.Severity == Severity.Warning && f.Problem.Contains("affine3/64 by their tensors", StringComparison.Ordinal));
    }

    static LoadReport Damaged(string folder, Func<IEnumerable<TinyTensor>, IEnumerable<TinyTensor>> change, Func<string, string>? config = null)
    {
        string source = Path.Combine(GoldenFiles.Root, Folder);
        string json = File.ReadAllText(Path.Combine(source, "config.json"));
        File.WriteAllText(Path.Combine(folder, "config.json"), config?.Invoke(json) ?? json);
        using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(source, "model.safetensors")))
        {
            TinyCheckpoint.WriteFile(
                Path.Combine(folder, "model.safetensors"),
                [.. change(file.Entries.Select(e => new TinyTensor(e.Name, e.Type, [.. e.Shape], file.Tensor(e).Block.Read(e.Offset, (int)e.Length).ToArray())))]);
        }

        using Checkpoint checkpoint = Checkpoint.Open(folder);
        _ = new TextModel(checkpoint.Root, checkpoint.Config.TextConfig);
        return checkpoint.Report();
    }

}
