using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The whole model, files to tokens, against recorded outputs of the reference implementation.</summary>
public sealed class ModelGoldenTests
{
    /// <summary>Ordinary agreement of float32 with float32.</summary>
    const double Float32 = 1e-4;

    /// <summary>Twelve layers without scale in the attention amplify rounding in the longer cases of tiny-b; see <c>TextGoldenTests</c>.</summary>
    const double Amplified = 1e-3;

    public static TheoryData<string, string, double> Cases => new()
    {
        { "tiny-a", "text-short", Float32 }, { "tiny-a", "text-long", Float32 }, { "tiny-a", "image", Float32 }, { "tiny-a", "audio", Float32 }, { "tiny-a", "mixed", Float32 },
        { "tiny-b", "text-short", Float32 }, { "tiny-b", "text-long", Amplified }, { "tiny-b", "audio", Amplified },
        { "tiny-c", "text-short", Float32 }, { "tiny-c", "text-long", Float32 }, { "tiny-c", "image", Float32 }, { "tiny-c", "audio", Float32 }, { "tiny-c", "mixed", Float32 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task TraceAndGreedyTokens_RecordedCase_AreTheReferences(string name, string golden, double tolerance)
    {
        using TinyCheckpoint files = TinyCheckpoint.Create(name, name == "tiny-b" ? WithVisionEmbedder : null);
        using GemmaModel model = GemmaModel.Load(files.Folder);
        await Check(model, $"{name}/goldens/{golden}", tolerance);
    }

    [Fact]
    public async Task TraceAndGreedyTokens_FirstUploadsVision_AreTheReferences()
    {
        using TinyCheckpoint files = TinyCheckpoint.CreateFirstUpload();
        using GemmaModel model = GemmaModel.Load(files.Folder);
        Assert.Contains(model.Report.Findings, finding => finding.Kind == FindingKind.FirstUploadVision);
        await Check(model, "tiny-c/goldens-old-vision/image", Float32);
    }

    [Fact]
    public async Task Generate_TinyBWithoutVisionWeights_RefusesAPictureAndHears()
    {
        using TinyCheckpoint files = TinyCheckpoint.Create("tiny-b");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        Assert.Null(model.Vision);
        var picture = ChatMessage.User([new ImagePart(new RgbImage(1, 1, [1, 2, 3]))]);
        var error = Assert.Throws<GenerationException>(() => model.Encode([picture]));
        Assert.Contains("no vision tower", error.Message, StringComparison.Ordinal);

        var recorded = new RecordedCase(Path.Combine(GoldenFiles.Root, "tiny-b/goldens/audio"));
        List<int> ids = await Greedy(model, model.Encode(recorded.Messages), recorded.Greedy.Length);
        int firstVisionToken = Array.FindIndex(recorded.Greedy, id => id is >= 2048 and < 2176);
        Assert.Equal(recorded.Greedy[..(firstVisionToken + 1)], ids[..(firstVisionToken + 1)]);
        Assert.Equal(recorded.Greedy.Length, ids.Count);
    }

    public static TheoryData<string> Quantised => [.. MlxCheckpoints.Names.Where(name => name != "mlx-bf16")];

    [Theory]
    [MemberData(nameof(Quantised))]
    public async Task TraceAndGreedyTokens_QuantisedCheckpoint_AreTheReferencesOfItsDequantisedWeights(string name)
    {
        // mlx-lm keeps the text model alone; the reference ran it with tiny-c's own towers and embedders, so these stay as they are.
        ConversionOptions options = MlxCheckpoints.Options(name);
        if (options.Layout == CheckpointLayout.MlxLm)
        {
            options = options with { Layout = CheckpointLayout.MlxVlm, Quantize = options.Quantize! with { Keep = ["embed_vision", "embed_audio"] } };
        }

        using TinyCheckpoint source = TinyCheckpoint.Create("tiny-c");
        using var files = new TempFolder();
        CheckpointConverter.Convert(source.Folder, files["out"], options, cancellationToken: TestContext.Current.CancellationToken);
        using GemmaModel model = GemmaModel.Load(files["out"], new GemmaModelOptions { Exact = true });
        await Check(model, $"mlx/{name}/goldens/text-long", Float32);
        if (name.StartsWith("mlx-", StringComparison.Ordinal))
        {
            await Check(model, $"mlx/{name}/goldens/mixed", Float32);
        }
    }

    static async Task Check(GemmaModel model, string path, double tolerance)
    {
        var recorded = new RecordedCase(Path.Combine(GoldenFiles.Root, path));
        var trace = new RecordingTrace();
        EncodedPrompt prompt = model.Encode(recorded.Messages, trace: trace);
        Assert.Equal(recorded.PromptIds, prompt.Ids);
        model.Trace(prompt, trace);
        Golden expected = Golden.Load(path + ".safetensors");
        foreach (string key in expected.Keys.Where(key => key != "generated_logits"))
        {
            Assert.True(trace.Names.Contains(key), $"{key} is not in the trace");
            double difference = expected.Compare(key, trace[key]);
            Assert.True(difference <= tolerance, $"{key}: {difference:E2}");
        }

        Assert.Equal(recorded.Greedy, await Greedy(model, prompt, recorded.Greedy.Length));
    }

    static async Task<List<int>> Greedy(GemmaModel model, EncodedPrompt prompt, int count)
    {
        using GemmaSession session = model.NewSession();
        var ids = new List<int>();
        var options = new GenerationOptions { Temperature = 0, MaxTokens = count, IgnoreEos = true };
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, options, TestContext.Current.CancellationToken))
        {
            ids.Add(token.Id);
        }

        return ids;
    }

    /// <summary>The recordings of tiny-b were made with a vision embedder by the weight rule, which its file then lacks; the model draws tokens of its vocabulary.</summary>
    static IEnumerable<TinyTensor> WithVisionEmbedder(List<TinyTensor> tensors) =>
    [
        .. tensors,
        TinyCheckpoint.Rule("model.embed_vision.embedding.weight", [128, 2048], 2),
        TinyCheckpoint.Rule("model.embed_vision.embedding_projection.weight", [128, 2048], 2),
        TinyCheckpoint.Rule("model.embed_vision.hard_embedding_norm.weight", [2048], 2),
        TinyCheckpoint.Rule("model.embed_vision.soft_embedding_norm.weight", [2048], 2),
    ];
}
