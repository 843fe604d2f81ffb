using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;
using GemmaSharp.Model;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Text;

/// <summary>The text model on packed weights of every kind against the reference run on their dequantised values.</summary>
public sealed class QuantizedTextTests
{
    public static TheoryData<string> Quantised => [.. MlxCheckpoints.Names.Where(name => name != "mlx-bf16")];

    [Fact]
    public void Forward_FileWrittenByMlx_IsTheDequantisedReference() => Check(Path.Combine(GoldenFiles.Root, "mlx/lm-affine-3-64"), "lm-affine-3-64");

    [Theory]
    [MemberData(nameof(Quantised))]
    public void Forward_Converted_IsTheDequantisedReference(string name)
    {
        using var files = new TempFolder();
        MlxCheckpoints.Convert(name, files["out"]);
        Check(files["out"], name);
    }

    static void Check(string folder, string name)
    {
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        ModelParts parts = ModelParts.Build(checkpoint.Root, checkpoint.Config);
        TextModel model = parts.Text;
        Assert.DoesNotContain(checkpoint.Report().Findings, finding => finding.Severity != Severity.Note);
        using var team = new WorkerTeam(2);
        using TextPass pass = model.NewPass(team);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"mlx/{name}/goldens/text-long.json")));
        int[] ids = Integers(json, "token_ids"), greedy = Integers(json, "greedy");
        using KvCache cache = model.NewCache(ids.Length);
        var step = new TextStep();
        step.Add(cache, ids, ids.Length);
        var trace = new RecordingTrace();
        model.Forward(step, pass, trace);

        Golden expected = Golden.Load($"mlx/{name}/goldens/text-long.safetensors");
        string[] keys = [.. expected.Keys.Where(key => key is "lm_head" or "logits" or "last_logits" || key.StartsWith("language_model.", StringComparison.Ordinal))];
        Assert.True(keys.Length > 20);
        foreach (string key in keys)
        {
            double difference = expected.Compare(key, trace[key]);
            Assert.True(difference <= 1e-4, $"{key}: {difference:E2}");
        }

        int vocabulary = checkpoint.Config.TextConfig.VocabSize;
        float[] logits = pass.Logits.Span[^vocabulary..].ToArray();
        foreach (int token in greedy)
        {
            logits[1] = logits[6] = float.NegativeInfinity;
            Assert.Equal(token, Array.IndexOf(logits, logits.Max()));

            // A token of the multimodal vocabularies needs its embedder; the whole model is compared elsewhere.
            if (token >= checkpoint.Config.TextConfig.VocabSizePerLayerInput)
            {
                break;
            }

            step.Clear();
            step.Add(cache, [token], 1);
            model.Forward(step, pass);
            logits = pass.Logits.Span.ToArray();
        }
    }

    static int[] Integers(JsonDocument json, string property) => [.. json.RootElement.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
}
