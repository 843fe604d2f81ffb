using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Layers;
using GemmaSharp.Model;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.Model.Text;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>The text model with adapters applied at run time.</summary>
public sealed class AdapterTextTests
{
    [Theory]
    [InlineData("peft")]
    [InlineData("rslora")]
    public void Forward_RecordedAdapter_GivesTheReferencesNumbersAndTokens(string name)
    {
        using TextFixture fixture = new("tiny-c");
        AdapterSet adapters = new(Load(name, fixture.Checkpoint));
        Golden expected = Golden.Load($"lora/{name}/goldens/text-long.safetensors");
        (int[] ids, int[] greedy) = (Integers(name, "token_ids"), Integers(name, "greedy"));
        using KvCache cache = fixture.Model.NewCache(ids.Length);
        var trace = new RecordingTrace(expected.Contains);
        float[] logits = fixture.Run(cache, ids, ids.Length, trace, adapters);
        Assert.True(trace.Names.Count > 20);
        expected.AssertClose(trace);

        int vocabulary = fixture.Model.Config.VocabSize;
        logits = logits[^vocabulary..];
        float[] all = new float[greedy.Length * vocabulary];
        int compared = 0;
        foreach (int token in greedy)
        {
            logits.CopyTo(all, compared++ * vocabulary);
            logits[1] = logits[6] = float.NegativeInfinity;
            Assert.Equal(token, Array.IndexOf(logits, logits.Max()));

            // A token of the multimodal vocabularies needs its embedder; the whole model is compared elsewhere.
            if (token >= fixture.Model.Config.VocabSizePerLayerInput)
            {
                break;
            }

            logits = fixture.Run(cache, [token], 1, adapters: adapters);
        }

        Assert.True(compared > 1);
        if (compared == greedy.Length)
        {
            expected.AssertClose("generated_logits", all);
        }
    }

    [Fact]
    public void Forward_MlxForm_GivesTheSameNumbers()
    {
        using TextFixture fixture = new("tiny-c");
        using AdapterFolder folder = AdapterFolder.Mlx();
        int[] ids = Integers("rslora", "token_ids");
        float[] mlx = Run(fixture, ids, new(LoraAdapter.Load(folder.Path, fixture.Checkpoint)));
        AssertClose(Run(fixture, ids, new(Load("rslora", fixture.Checkpoint))), mlx, 1e-5);
    }

    [Fact]
    public void Forward_WeightZeroOrNoAdapter_GivesTheBasesBits()
    {
        using TextFixture fixture = new("tiny-c");
        int[] ids = Integers("peft", "token_ids");
        float[] expected = Run(fixture, ids, null);
        LoraAdapter adapter = Load("peft", fixture.Checkpoint);
        Assert.Equal(expected, Run(fixture, ids, AdapterSet.None));
        Assert.Equal(expected, Run(fixture, ids, new(adapter, 0)));
        Assert.NotEqual(expected, Run(fixture, ids, new(adapter, 1e-3f)));
        Assert.Equal(expected, Run(fixture, ids, null));
    }

    [Fact]
    public void Forward_TwoHalvesOrTwoAdapters_AddUp()
    {
        using TextFixture fixture = new("tiny-c");
        int[] ids = Integers("peft", "token_ids");
        LoraAdapter peft = Load("peft", fixture.Checkpoint), rslora = Load("rslora", fixture.Checkpoint);
        AssertClose(Run(fixture, ids, new(peft)), Run(fixture, ids, new(new WeightedAdapter(peft, 0.75f), new WeightedAdapter(peft, 0.25f))), 1e-5);
        AssertClose(Run(fixture, ids, null), Run(fixture, ids, new(new WeightedAdapter(rslora, 1.5f), new WeightedAdapter(rslora, -1.5f))), 1e-5);

        // Against both merged.
        var merge = new LoraMerge(new WeightedAdapter(peft, 0.5f), new WeightedAdapter(rslora));
        using TextFixture merged = new("tiny-c", change: AdapterFolder.Merging(merge));
        AssertClose(Run(merged, ids, null), Run(fixture, ids, new(new WeightedAdapter(peft, 0.5f), new WeightedAdapter(rslora))), 1e-5);
    }

    [Fact]
    public void Forward_EveryLinear_IsChangedAsIfMerged()
    {
        using TextFixture fixture = new("tiny-c");
        LinearModule[] modules = [.. fixture.Checkpoint.Linears.All.Where(module => !module.Tied)];
        Assert.Equal(87, modules.Length);
        using AdapterFolder folder = AdapterFolder.Of(
            """{"peft_type": "LORA", "r": 5, "lora_alpha": 4}""", "adapter_model.safetensors",
            modules.SelectMany(module => AdapterFolder.Pair("model." + module.Path, 5, module.InFeatures, module.OutFeatures, module.Index)));
        LoraAdapter adapter = LoraAdapter.Load(folder.Path, fixture.Checkpoint);
        int[] ids = Integers("peft", "token_ids");
        using TextFixture merged = new("tiny-c", change: AdapterFolder.Merging(new LoraMerge(new WeightedAdapter(adapter))));
        var expected = new RecordingTrace();
        var actual = new RecordingTrace();
        merged.Run(merged.Model.NewCache(ids.Length), ids, ids.Length, expected);
        fixture.Run(fixture.Model.NewCache(ids.Length), ids, ids.Length, actual, new(adapter));
        foreach (string name in expected.Names)
        {
            AssertClose(expected[name], actual[name], 1e-4, name);
        }
    }

    [Fact]
    public void Forward_TiedHead_ChangesTheHeadAndNotTheEmbeddings()
    {
        using TextFixture fixture = new("tiny-c");
        int vocabulary = fixture.Model.Config.VocabSize;
        TinyTensor[] pair = AdapterFolder.Pair("lm_head", 4, 128, vocabulary);
        using AdapterFolder folder = AdapterFolder.Of("""{"peft_type": "LORA", "r": 4, "lora_alpha": 2}""", "adapter_model.safetensors", pair);
        int[] ids = Integers("peft", "token_ids")[..9];
        var plain = new RecordingTrace();
        var adapted = new RecordingTrace();
        fixture.Run(fixture.Model.NewCache(9), ids, 9, plain);
        fixture.Run(fixture.Model.NewCache(9), ids, 9, adapted, new(LoraAdapter.Load(folder.Path, fixture.Checkpoint)));
        Assert.Equal(plain["language_model.norm"], adapted["language_model.norm"]);
        float[] x = plain["language_model.norm"], a = AdapterFolder.Singles(pair[0]), b = AdapterFolder.Singles(pair[1]), expected = [.. plain["lm_head"]];
        for (int t = 0; t < 9; t++)
        {
            for (int k = 0; k < 4; k++)
            {
                double low = Enumerable.Range(0, 128).Sum(c => (double)x[(t * 128) + c] * a[(k * 128) + c]);
                for (int v = 0; v < vocabulary; v++)
                {
                    expected[(t * vocabulary) + v] += (float)(0.5 * low * b[(v * 4) + k]);
                }
            }
        }

        AssertClose(expected, adapted["lm_head"], 1e-5);
    }

    [Fact]
    public void Forward_MixedBatchChunksAndThreads_GivesEachSequenceItsOwnBits()
    {
        int[] ids = Integers("peft", "token_ids");
        using TextFixture alone = new("tiny-c", threads: 1);
        using TextFixture together = new("tiny-c", threads: 3);
        AdapterSet[] ours = Sets(alone), theirs = Sets(together);
        int vocabulary = alone.Model.Config.VocabSize;

        // Each sequence starts elsewhere in the text and wants the logits of its last two tokens.
        float[][] expected = [.. ours.Select((set, i) => alone.Run(alone.Model.NewCache(256), Text(i), 2, adapters: set))];
        foreach (int chunk in (int[])[1, 3, 16, 64])
        {
            KvCache[] caches = [.. theirs.Select(_ => together.Model.NewCache(64))];
            float[][] actual = [.. theirs.Select(_ => new float[2 * vocabulary])];
            var step = new TextStep();
            int[] fed = new int[theirs.Length];
            for (int round = 0; Enumerable.Range(0, fed.Length).Any(i => fed[i] < Text(i).Length); round++)
            {
                step.Clear();
                var wanted = new List<int>();
                for (int turn = 0; turn < theirs.Length; turn++)
                {
                    int i = (turn + round) % theirs.Length, left = Text(i).Length - fed[i];
                    int count = Math.Min(left, 1 + ((chunk + i + round) % chunk));
                    if (count > 0)
                    {
                        // The two last rows may come in one step or in two.
                        int logits = Math.Max(0, count - Math.Max(0, left - 2));
                        step.Add(caches[i], Text(i).AsSpan(fed[i], count), logits, adapters: theirs[i]);
                        fed[i] += count;
                        wanted.AddRange(Enumerable.Repeat(i, logits));
                    }
                }

                together.Model.Forward(step, together.Pass);
                for (int row = 0; row < wanted.Count; row++)
                {
                    int i = wanted[row], ofSequence = wanted.Skip(row).Count(w => w == i);
                    int slot = 2 - (Text(i).Length - fed[i]) - ofSequence;
                    together.Pass.Logits.Span.Slice(row * vocabulary, vocabulary).CopyTo(actual[i].AsSpan(slot * vocabulary));
                }
            }

            for (int i = 0; i < expected.Length; i++)
            {
                Assert.True(expected[i].AsSpan().SequenceEqual(actual[i]), $"chunks of up to {chunk}, sequence {i}");
            }
        }

        int[] Text(int i) => ids[(3 * i)..^(2 * i)];

        static AdapterSet[] Sets(TextFixture fixture)
        {
            LoraAdapter peft = Load("peft", fixture.Checkpoint), rslora = Load("rslora", fixture.Checkpoint);
            using AdapterFolder wide = AdapterFolder.Of(
                """{"peft_type": "LORA", "r": 33, "lora_alpha": 4}""", "adapter_model.safetensors",
                fixture.Checkpoint.Linears.All.Where(module => module.Index % 3 == 0).SelectMany(module => AdapterFolder.Pair("model." + module.Path, 33, module.InFeatures, module.OutFeatures, module.Index)));
            LoraAdapter all = LoraAdapter.Load(wide.Path, fixture.Checkpoint);
            return [AdapterSet.None, new(peft), new(rslora, 0.5f), new(new WeightedAdapter(rslora), new WeightedAdapter(peft, -2)), AdapterSet.None, new(all), new(peft)];
        }
    }

    [Fact]
    public void Forward_OverQuantisedBase_IsTheDequantisedBaseWithTheAdapter()
    {
        using var files = new TempFolder();
        string packed = Path.Combine(GoldenFiles.Root, "mlx/lm-affine-3-64");
        CheckpointConverter.Convert(packed, files["dense"], new ConversionOptions { Dequantize = true, Type = ElementType.F32 }, cancellationToken: TestContext.Current.CancellationToken);
        int[] ids = Integers("peft", "token_ids");
        float[] plain = Logits(packed, ids, null), actual = Logits(packed, ids, "peft");
        AssertClose(Logits(files["dense"], ids, "peft"), actual, 1e-4);
        Assert.NotEqual(plain, actual);
    }

    [Fact]
    public void Forward_OverASlice_IsTheSlicedCheckpointWithTheAdapter()
    {
        using TinyCheckpoint whole = TinyCheckpoint.Create("tiny-c");
        using var files = new TempFolder();
        var slice = MatFormerSlice.Parse("200,301,256,100;skip=0,4");
        CheckpointConverter.Convert(whole.Folder, files["cut"], new ConversionOptions { Slice = slice }, cancellationToken: TestContext.Current.CancellationToken);
        using Checkpoint sliced = Checkpoint.Open(whole.Folder, new CheckpointOptions { Slice = slice }), cut = Checkpoint.Open(files["cut"]);
        ModelParts parts = ModelParts.Build(sliced.Root, sliced.Config), expected = ModelParts.Build(cut.Root, cut.Config);
        using AdapterFolder folder = AdapterFolder.Of(
            """{"peft_type": "LORA", "r": 6, "lora_alpha": 4}""", "adapter_model.safetensors",
            sliced.Linears.All.Where(module => module.Path.Contains("layers", StringComparison.Ordinal)).SelectMany(module => AdapterFolder.Pair("model." + module.Path, 6, module.InFeatures, module.OutFeatures, module.Index)));
        int[] ids = Integers("peft", "token_ids");
        float[] actual = Logits(parts.Text, ids, new(LoraAdapter.Load(folder.Path, sliced)));
        Assert.Equal(Logits(expected.Text, ids, new(LoraAdapter.Load(folder.Path, cut))), actual);
        Assert.NotEqual(Logits(parts.Text, ids, null), actual);

        LoadReport refused = LoraAdapter.Check(Path.GetDirectoryName(GoldenFiles.Find("lora/peft/adapter_config.json"))!, sliced);
        Assert.Contains(refused.Findings, finding => finding.Kind == FindingKind.UnknownModule && finding.Repair!.Contains("--merge-adapter and --slice", StringComparison.Ordinal));
        Assert.Contains(refused.Findings, finding => finding.Kind == FindingKind.WrongShape && finding.Repair!.Contains("--merge-adapter and --slice", StringComparison.Ordinal));
    }

    [Fact]
    public void Forward_StepsOfTheSameSize_AllocateNothing()
    {
        using TextFixture fixture = new("tiny-c", threads: 1);
        AdapterSet adapters = new(new WeightedAdapter(Load("peft", fixture.Checkpoint)), new WeightedAdapter(Load("rslora", fixture.Checkpoint), 0.5f));
        using KvCache cache = fixture.Model.NewCache(64);
        var step = new TextStep();
        int[] ids = Integers("peft", "token_ids")[..4];
        Step();
        Assert.Equal(0, Allocated());
        adapters = AdapterSet.None;
        Assert.Equal(0, Allocated());

        // A collection that other tests cause ends this thread's allocation block and counts what is left of it; the least of several steps is free of that, and of the steps in which a cache grows.
        long Allocated() => Enumerable.Range(0, 8).Min(_ =>
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Step();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        });

        void Step()
        {
            step.Clear();
            step.Add(cache, ids, 1, adapters: adapters);
            fixture.Model.Forward(step, fixture.Pass);
        }
    }

    [Fact]
    public void Forward_AdapterOfAnotherModel_IsRefused()
    {
        using TextFixture fixture = new("tiny-c"), other = new("tiny-c");
        int[] ids = [1, 2];
        Assert.Throws<ArgumentException>(() => fixture.Run(fixture.Model.NewCache(2), ids, 1, adapters: new(Load("peft", other.Checkpoint))));
    }

    static float[] Run(TextFixture fixture, int[] ids, AdapterSet? adapters)
    {
        using KvCache cache = fixture.Model.NewCache(ids.Length);
        return fixture.Run(cache, ids, 3, adapters: adapters);
    }

    static float[] Logits(string folder, int[] ids, string? adapter)
    {
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        TextModel model = ModelParts.Build(checkpoint.Root, checkpoint.Config).Text;
        return Logits(model, ids, adapter is null ? null : new(Load(adapter, checkpoint)));
    }

    static float[] Logits(TextModel model, int[] ids, AdapterSet? adapters)
    {
        using var team = new WorkerTeam(2);
        using TextPass pass = model.NewPass(team);
        using KvCache cache = model.NewCache(ids.Length);
        var step = new TextStep();
        step.Add(cache, ids, 3, adapters: adapters);
        model.Forward(step, pass);
        return pass.Logits.Span.ToArray();
    }

    static LoraAdapter Load(string name, Checkpoint checkpoint) => LoraAdapter.Load(Path.GetDirectoryName(GoldenFiles.Find($"lora/{name}/adapter_config.json"))!, checkpoint);

    static int[] Integers(string name, string property)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"lora/{name}/goldens/text-long.json")));
        return [.. json.RootElement.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
    }

    static void AssertClose(float[] expected, float[] actual, double tolerance, string name = "")
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max() / expected.Max(Math.Abs);
        Assert.True(difference <= tolerance, $"{name} {difference:E2}");
    }
}
