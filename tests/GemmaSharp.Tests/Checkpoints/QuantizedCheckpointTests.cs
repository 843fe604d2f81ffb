using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;
using GemmaSharp.Text;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>A checkpoint as MLX's own converter wrote it, 3 bits in groups of 64, used where it lies.</summary>
public sealed class QuantizedCheckpointTests
{
    const string Folder = "mlx/lm-affine-3-64";

    [Fact]
    public void Forward_MlxLmFile_IsTheDequantisedReference()
    {
        using Checkpoint checkpoint = Checkpoint.Open(Path.Combine(GoldenFiles.Root, Folder));
        var model = new TextModel(checkpoint.Root, checkpoint.Config.TextConfig);
        Assert.False(checkpoint.Report().HasErrors);
        using var team = new WorkerTeam(2);
        using TextWorkspace workspace = model.NewWorkspace(team);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"{Folder}/goldens/text-long.json")));
        int[] ids = Integers(json, "token_ids"), greedy = Integers(json, "greedy");
        using KvCache cache = model.NewCache(ids.Length);
        var step = new TextStep();
        step.Add(cache, ids, ids.Length);
        var trace = new RecordingTrace();
        model.Forward(step, workspace, trace);

        Golden expected = Golden.Load($"{Folder}/goldens/text-long.safetensors");
        string[] keys = [.. expected.Keys.Where(trace.Names.Contains)];
        Assert.True(keys.Length > 20);
        foreach (string key in keys)
        {
            double difference = expected.Compare(key, trace[key]);
            Assert.True(difference <= 1e-4, $"{key}: {difference:E2}");
        }

        int vocabulary = checkpoint.Config.TextConfig.VocabSize;
        float[] logits = workspace.Logits[^vocabulary..].ToArray();
        foreach (int token in greedy)
        {
            logits[1] = logits[6] = float.NegativeInfinity;
            Assert.Equal(token, Array.IndexOf(logits, logits.Max()));
            if (token >= checkpoint.Config.TextConfig.VocabSizePerLayerInput)
            {
                break;
            }

            step.Clear();
            step.Add(cache, [token], 1);
            model.Forward(step, workspace);
            logits = workspace.Logits.ToArray();
        }
    }

    [Theory]
    [InlineData(".biases", "lacks the .biases")]
    [InlineData(".scales", "needs BF16, F16 or F32")]
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
        Assert.Contains(report.Findings, f => f.Severity == Severity.Warning && f.Problem.Contains("affine3/64 by its tensors", StringComparison.Ordinal));
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

    static int[] Integers(JsonDocument json, string property) => [.. json.RootElement.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
}
