using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.Model.Text;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>Adapters merged into the weights, against the reference with the adapter applied.</summary>
public sealed class LoraMergeTests(TinyBase tiny) : IClassFixture<TinyBase>
{
    [Theory]
    [InlineData("peft")]
    [InlineData("rslora")]
    public void AddTo_EveryModule_GivesTheReferencesNumbers(string name)
    {
        var merge = new LoraMerge(new WeightedAdapter(Load(name)));
        using TextFixture fixture = new("tiny-c", change: AdapterFolder.Merging(merge));
        Assert.Equal(merge.Modules.Count, fixture.Checkpoint.Tensors.Count(tensor => tensor.Type == ElementType.F32));

        Golden expected = Golden.Load($"lora/{name}/goldens/text-long.safetensors");
        int[] ids = expected.Integers("input.input_ids");
        var trace = new RecordingTrace(expected.Contains);
        fixture.Run(fixture.Model.NewCache(ids.Length), ids, ids.Length, trace);
        Assert.True(trace.Names.Count > 20);
        Assert.InRange(expected.AssertClose(trace), 1e-9, 1e-4);
    }

    [Fact]
    public void AddTo_RowsInPieces_GiveTheSameBits()
    {
        const string Module = "language_model.layers.1.mlp.down_proj";
        var merge = new LoraMerge(new WeightedAdapter(Load("peft"), 0.7f), new WeightedAdapter(Load("rslora"), -1.3f));
        float[] random = [.. Enumerable.Range(0, 128 * 256).Select(i => MathF.Sin(i))];
        float[] whole = [.. random], pieces = [.. random];
        merge.AddTo(Module, 0, whole);
        for (int row = 0; row < 128;)
        {
            int count = Math.Min(1 + (row % 7), 128 - row);
            merge.AddTo(Module, row, pieces.AsSpan(row * 256, count * 256));
            row += count;
        }

        Assert.Equal(whole, pieces);
        Assert.NotEqual(random, whole);

        // Against a plain sum in double.
        double worst = 0;
        foreach (int row in (int[])[0, 17, 127])
        {
            for (int column = 0; column < 256; column++)
            {
                double sum = random[(row * 256) + column];
                foreach ((string name, double weight) in (ReadOnlySpan<(string, double)>)[("peft", 0.7 * 2), ("rslora", -1.3 * 4)])
                {
                    float[] a = Tensor(name, "lora_A"), b = Tensor(name, "lora_B");
                    for (int k = 0; k < 4; k++)
                    {
                        sum += weight * b[(row * 4) + k] * a[(k * 256) + column];
                    }
                }

                worst = Math.Max(worst, Math.Abs(sum - whole[(row * 256) + column]));
            }
        }

        Assert.InRange(worst, 0, 1e-6);

        static float[] Tensor(string name, string half) =>
            AdapterFolder.Singles(Assert.Single(AdapterFolder.Tensors(name), t => t.Name == $"{AdapterFolder.Prefix}model.{Module}.{half}.weight"));
    }

    [Fact]
    public void AddTo_WeightZeroOrOtherModule_ChangesNothing()
    {
        Assert.Empty(new LoraMerge(new WeightedAdapter(Load("peft"), 0)).Modules);
        float[] weights = [1, 2, 3];
        var merge = new LoraMerge(new WeightedAdapter(Load("peft")));
        merge.AddTo("language_model.layers.0.altup.modality_router", 0, weights);
        Assert.Equal([1, 2, 3], weights);
    }

    [Theory]
    [InlineData(0, 127)]
    [InlineData(-1, 128)]
    [InlineData(127, 256)]
    public void AddTo_RowsThatAreNot_AreRefused(int firstRow, int count) =>
        Assert.Throws<ArgumentException>(() => new LoraMerge(new WeightedAdapter(Load("peft"))).AddTo("language_model.layers.0.self_attn.q_proj", firstRow, new float[count]));

    [Fact]
    public void Create_TiedHead_IsRefused()
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => [.. all, .. AdapterFolder.Pair("lm_head", 4, 128, tiny.Checkpoint.Config.TextConfig.VocabSize)]);
        LoraAdapter adapter = LoraAdapter.Load(folder.Path, tiny.Checkpoint);
        Assert.Contains("changes lm_head, whose weight is that of embed_tokens", Assert.Throws<AdapterException>(() => new LoraMerge(new WeightedAdapter(adapter))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Set_BadWeightsAndMixedBases_AreRefused()
    {
        LoraAdapter adapter = Load("peft");
        Assert.Throws<ArgumentException>(() => new AdapterSet(new WeightedAdapter(adapter, float.NaN)));
        Assert.Throws<ArgumentException>(() => new AdapterSet(new WeightedAdapter(adapter, float.MaxValue)));
        using TinyBase other = new();
        LoraAdapter foreign = LoraAdapter.Load(adapter.Folder, other.Checkpoint);
        Assert.Throws<ArgumentException>(() => new AdapterSet(new WeightedAdapter(adapter), new WeightedAdapter(foreign)));
        Assert.True(new AdapterSet(new WeightedAdapter(adapter, 0)).IsEmpty);
    }

    LoraAdapter Load(string name) => LoraAdapter.Load(System.IO.Path.GetDirectoryName(GoldenFiles.Find($"lora/{name}/adapter_config.json"))!, tiny.Checkpoint);
}
