using GemmaSharp.Checkpoints;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>Adapters that fit: every naming scheme, scale and element type in which peft and mlx-lm write them.</summary>
public sealed class LoraAdapterTests(TinyBase tiny) : IClassFixture<TinyBase>
{
    [Theory]
    [InlineData("peft")]
    [InlineData("rslora")]
    public void Load_RecordedAdapter_FindsEveryModuleAndScale(string name)
    {
        LoraAdapter adapter = LoraAdapter.Load(System.IO.Path.GetDirectoryName(GoldenFiles.Find($"lora/{name}/adapter_config.json"))!, tiny.Checkpoint);
        Assert.Equal(AdapterFormat.Peft, adapter.Format);
        Assert.Equal(name, adapter.Name);
        Assert.Equal(AdapterFolder.Tensors(name).Count, adapter.Report.UsedTensors);
        Assert.Equal(AdapterFolder.Tensors(name).Count / 2, adapter.Modules.Count);
        Assert.Equal([FindingKind.OtherBase], adapter.Report.Findings.Select(finding => finding.Kind));
        Assert.Equal(AdapterFolder.Tensors(name).Sum(tensor => (long)tensor.Bytes.Length), adapter.Bytes);
        foreach (LoraPair pair in adapter.Pairs)
        {
            string leaf = pair.Module.Path[(pair.Module.Path.LastIndexOf('.') + 1)..];
            (int rank, float scale) = (name, leaf) switch
            {
                ("peft", "q_proj") => (8, 1f),
                ("peft", "o_proj") => (4, 4f),
                ("peft", _) => (4, 2f),
                _ => (4, 4f),
            };
            Assert.Equal((rank, scale), (pair.Rank, pair.Scale));
        }
    }

    [Fact]
    public void Load_MlxForm_GivesTheSameChange()
    {
        using AdapterFolder folder = AdapterFolder.Mlx();
        LoraAdapter mlx = LoraAdapter.Load(folder.Path, tiny.Checkpoint);
        LoraAdapter peft = LoraAdapter.Load(System.IO.Path.GetDirectoryName(GoldenFiles.Find("lora/rslora/adapter_config.json"))!, tiny.Checkpoint);
        Assert.Equal(AdapterFormat.MlxLm, mlx.Format);
        Assert.Equal(peft.Modules, mlx.Modules);
        foreach ((LoraPair a, LoraPair b) in mlx.Pairs.Zip(peft.Pairs))
        {
            Assert.Equal(b.Down, a.Down);
            Assert.All(a.Up.Zip(b.Up), pair => Assert.Equal(pair.Second * b.Scale, pair.First * a.Scale, 1e-6f * Math.Abs(pair.Second)));
        }
    }

    [Theory]
    [InlineData("model.language_model.", "model.language_model.")]
    [InlineData("model.language_model.", "language_model.model.")]
    [InlineData("model.language_model.", "model.")]
    [InlineData("model.language_model.", "")]
    [InlineData("model.language_model.", "model.language_model.model.")]
    public void Load_AnyNamingScheme_FindsTheModules(string from, string to)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Select(t => t with { Name = t.Name.Replace(from, to, StringComparison.Ordinal) }));
        Assert.Contains("language_model.layers.5.self_attn.o_proj", LoraAdapter.Load(folder.Path, tiny.Checkpoint).Modules);
    }

    [Theory]
    [InlineData(".weight", ".default.weight")]
    [InlineData("base_model.model.", "")]
    public void Load_OlderSaves_AreTheSame(string from, string to)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Select(t => t with { Name = t.Name.Replace(from, to, StringComparison.Ordinal) }));
        Assert.Equal(50, LoraAdapter.Load(folder.Path, tiny.Checkpoint).Modules.Count);
    }

    [Fact]
    public void Load_SeveralPatterns_FirstMatchCounts()
    {
        using AdapterFolder folder = AdapterFolder.Peft(config =>
        {
            config["alpha_pattern"] = System.Text.Json.Nodes.JsonNode.Parse("""
                {"^model.language_model.layers.0.mlp.up_proj": 40, "layers\\.[01]\\.mlp\\.(?P<which>up|gate)_proj": 80, "proj": 1000, "mlp.up_proj": 160}
                """);
        });
        LoraAdapter adapter = LoraAdapter.Load(folder.Path, tiny.Checkpoint);
        Assert.Equal(10f, Scale("layers.0.mlp.up_proj"));
        Assert.Equal(20f, Scale("layers.0.mlp.gate_proj"));
        Assert.Equal(20f, Scale("layers.1.mlp.up_proj"));
        Assert.Equal(40f, Scale("layers.2.mlp.up_proj"));
        Assert.Equal(2f, Scale("layers.2.mlp.gate_proj"));

        float Scale(string module) => Assert.Single(adapter.Pairs, pair => pair.Module.Path == "language_model." + module).Scale;
    }

    [Theory]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.F64)]
    public void Load_OtherFloats_AreWidened(ElementType type)
    {
        byte[] one = type switch
        {
            ElementType.BF16 => [0x80, 0x3F],
            ElementType.F16 => BitConverter.GetBytes((Half)1),
            _ => BitConverter.GetBytes(1.0),
        };
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Take(2).Select(t => t with { Type = type, Bytes = [.. Enumerable.Repeat(one, t.Bytes.Length / 4).SelectMany(b => b)] }));
        LoraPair pair = Assert.Single(LoraAdapter.Load(folder.Path, tiny.Checkpoint).Pairs);
        Assert.All(pair.Down, value => Assert.Equal(1f, value));
        Assert.All(pair.Up, value => Assert.Equal(1f, value));
    }

    [Fact]
    public void Load_EveryLinearOfTextTowersAndEmbedders_Fits()
    {
        LinearModule[] modules = [.. tiny.Checkpoint.Linears.All];
        using AdapterFolder folder = AdapterFolder.Of(
            """{"peft_type": "LORA", "r": 3, "lora_alpha": 3}""", "adapter_model.safetensors",
            modules.SelectMany(module => AdapterFolder.Pair(TensorNames.HuggingFace(module.Path + ".weight")[..^".weight".Length], 3, module.InFeatures, module.OutFeatures)));
        LoraAdapter adapter = LoraAdapter.Load(folder.Path, tiny.Checkpoint);
        Assert.Equal(modules.Select(module => module.Path), adapter.Modules);
        Assert.Empty(adapter.Report.Findings);
        foreach (string path in (string[])
            ["lm_head", "embed_vision.embedding_projection", "embed_audio.embedding_projection", "audio_tower.conformer.0.attention.attn.relative_position_embedding.pos_proj",
             "audio_tower.subsample_conv_projection.input_proj_linear", "language_model.per_layer_model_projection", "language_model.layers.3.altup.prediction_coefs",
             "language_model.layers.3.altup.correction_coefs", "language_model.layers.3.altup.modality_router", "language_model.altup_projections.0"])
        {
            Assert.Contains(path, adapter.Modules);
        }
    }

    [Theory]
    [InlineData("model.language_model.")]
    [InlineData("model.")]
    [InlineData("")]
    public void Load_KeysOfSharedLayers_AreNotedAndLeftOut(string prefix)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all =>
            [.. all.Select(t => t with { Name = t.Name.Replace("model.language_model.", prefix, StringComparison.Ordinal) }), .. AdapterFolder.Pair(prefix + "layers.5.self_attn.k_proj", 4, 128, 64)]);
        LoraAdapter adapter = LoraAdapter.Load(folder.Path, tiny.Checkpoint);
        Finding note = Assert.Single(adapter.Report.Findings, finding => finding.Kind == FindingKind.UnusedModule);
        Assert.Equal(Severity.Note, note.Severity);
        Assert.Equal("The adapter changes language_model.layers.5.self_attn.k_proj, which nothing reads: this layer shares the keys and values of an earlier one.", note.Problem);
        Assert.DoesNotContain("language_model.layers.5.self_attn.k_proj", adapter.Modules);
    }
}
