using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>One fault is planted in a sound adapter; the report must name exactly that one.</summary>
public sealed class AdapterReportTests(TinyBase tiny) : IClassFixture<TinyBase>
{
    const string Query = AdapterFolder.Layer + "3.self_attn.q_proj.";

    [Theory]
    [InlineData("peft_type", "\"IA3\"", "The adapter's peft_type is IA3; only LORA can be applied.")]
    [InlineData("peft_type", "\"LOHA\"", "The adapter's peft_type is LOHA; only LORA can be applied.")]
    [InlineData("peft_type", "\"VERA\"", "The adapter's peft_type is VERA; only LORA can be applied.")]
    [InlineData("peft_type", "\"OFT\"", "The adapter's peft_type is OFT; only LORA can be applied.")]
    [InlineData("use_dora", "true", "use_dora is true; adapters with DoRA cannot be applied.")]
    [InlineData("use_qalora", "true", "use_qalora is true; adapters with QALoRA cannot be applied.")]
    [InlineData("lora_bias", "true", "lora_bias is true; adapters with a bias in the pairs cannot be applied.")]
    [InlineData("modules_to_save", "[\"lm_head\"]", "modules_to_save is [\"lm_head\"]; adapters with whole modules saved with the adapter cannot be applied.")]
    [InlineData("layer_replication", "[[0,4],[2,5]]", "layer_replication is [[0,4],[2,5]]; adapters with layer replication cannot be applied.")]
    [InlineData("target_parameters", "[\"mlp.w\"]", "target_parameters is [\"mlp.w\"]; adapters with LoRA on bare parameters cannot be applied.")]
    [InlineData("trainable_token_indices", "[1,2]", "trainable_token_indices is [1,2]; adapters with trained token embeddings cannot be applied.")]
    [InlineData("alora_invocation_tokens", "[5]", "alora_invocation_tokens is [5]; adapters with activated LoRA cannot be applied.")]
    [InlineData("init_lora_weights", "\"pissa_niter_16\"", "init_lora_weights is pissa_niter_16; PiSSA takes a part out of the base's weights, and the base here still has it.")]
    [InlineData("lora_alpha", "\"8\"", "lora_alpha is \"8\"; a number is needed.")]
    [InlineData("r", "0", "r is 0; a whole number of 1 or more is needed.")]
    [InlineData("alpha_pattern", "[]", "alpha_pattern is []; an object of numbers by module is needed.")]
    [InlineData("alpha_pattern", "{\"q_proj(\": 2}", "The key q_proj( of alpha_pattern is no regular expression.")]
    [InlineData("alpha_pattern", "{\"q_proj\": \"2\"}", "The key q_proj of alpha_pattern has a value that is no number.")]
    public void Check_PeftSetting_IsRefusedByName(string key, string value, string problem)
    {
        using AdapterFolder folder = AdapterFolder.Peft(config => config[key] = JsonNode.Parse(value));
        Finding error = Assert.Single(Errors(folder));
        Assert.Equal(problem, error.Problem);
        Assert.NotNull(error.Repair);
        Assert.Equal("adapter_config.json", error.File);
    }

    [Theory]
    [InlineData("fine_tune_type", "\"dora\"", "fine_tune_type is \"dora\"; only lora can be applied.")]
    [InlineData("fine_tune_type", "\"full\"", "fine_tune_type is \"full\"; only lora can be applied.")]
    [InlineData("use_dora", "true", "use_dora is true; only lora can be applied.")]
    [InlineData("lora_parameters", "{\"rank\": 4}", "lora_parameters.scale is missing; a number is needed.")]
    [InlineData("lora_parameters", "7", "lora_parameters is missing or no object, and its scale is needed.")]
    [InlineData("lora_parameters", "{\"rank\": -1, \"scale\": 2}", "lora_parameters.rank is -1; a whole number of 1 or more is needed.")]
    public void Check_MlxSetting_IsRefusedByName(string key, string value, string problem)
    {
        using AdapterFolder folder = AdapterFolder.Mlx(config => config[key] = JsonNode.Parse(value));
        Assert.Equal(problem, Assert.Single(Errors(folder)).Problem);
    }

    [Theory]
    [InlineData("model.language_model.embed_tokens.lora_embedding_A", "is LoRA on an embedding table, which cannot be applied")]
    [InlineData("model.language_model.layers.0.mlp.up_proj.lora_magnitude_vector", "is DoRA, which cannot be applied")]
    [InlineData("model.language_model.layers.0.mlp.up_proj.lora_B.bias", "is a bias of the pair (lora_bias), which cannot be applied")]
    [InlineData("model.language_model.layers.0.mlp.up_proj.hada_w1_a", "is LoHa, which cannot be applied")]
    [InlineData("model.language_model.layers.0.mlp.up_proj.ia3_l", "is IA3, which cannot be applied")]
    [InlineData("model.language_model.norm.weight", "is a whole tensor and no change of one, which cannot be applied")]
    [InlineData("lm_head.modules_to_save.weight", "is a whole module saved with the adapter (modules_to_save), which cannot be applied")]
    [InlineData("something", "is no part of a LoRA adapter")]
    public void Check_ForeignTensor_IsRefusedByName(string name, string problem)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Append(AdapterFolder.Filled(AdapterFolder.Prefix + name, 1, 4)));
        Finding error = Assert.Single(Errors(folder));
        Assert.Equal(FindingKind.Unsupported, error.Kind);
        Assert.Equal($"Tensor {AdapterFolder.Prefix}{name} {problem}.", error.Problem);
    }

    [Theory]
    [InlineData("m", "is DoRA, which cannot be applied")]
    [InlineData("A", "is mlx-vlm's LoRA, which cannot be applied")]
    [InlineData("lora_a_scales", "is quantised LoRA, which cannot be applied")]
    [InlineData("weight", "is a whole tensor and no change of one, which cannot be applied")]
    public void Check_ForeignMlxTensor_IsRefusedByName(string leaf, string problem)
    {
        const string Module = "model.language_model.layers.0.mlp.up_proj.";
        using AdapterFolder folder = AdapterFolder.Mlx(tensors: all => all.Append(AdapterFolder.Filled(Module + leaf, 1, 4)));
        Assert.Equal($"Tensor {Module}{leaf} {problem}.", Assert.Single(Errors(folder)).Problem);
    }

    [Theory]
    [InlineData("model.language_model.layers.0.self_attn.query_proj", "The closest name here is language_model.layers.0.self_attn.q_proj.")]
    [InlineData("model.language_model.layers.17.self_attn.q_proj", "language_model.layers of this base has 6 entries; use the adapter with the base it was trained on.")]
    [InlineData("transformer.h.0.attn.c_attn", "Use the adapter with the base it was trained on.")]
    public void Check_UnknownModule_IsNamedWithItsRepair(string module, string repair)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => [.. all, .. AdapterFolder.Pair(module, 4, 128, 128)]);
        Finding error = Assert.Single(Errors(folder));
        Assert.Equal(FindingKind.UnknownModule, error.Kind);
        Assert.Contains(", which this base does not have.", error.Problem, StringComparison.Ordinal);
        Assert.Equal(repair, error.Repair);
    }

    [Theory]
    [InlineData("_orig_mod.")]
    [InlineData("module.")]
    [InlineData("wrapper.of.mine.")]
    public void Check_SomethingBeforeEveryName_IsOneWarning(string prefix)
    {
        using AdapterFolder peft = AdapterFolder.Peft(tensors: all => all.Select(x => x with { Name = prefix + x.Name }));
        using AdapterFolder inside = AdapterFolder.Peft(
            tensors: all => all.Select(x => x with { Name = x.Name.Replace(AdapterFolder.Prefix, AdapterFolder.Prefix + prefix, StringComparison.Ordinal) }));
        using AdapterFolder mlx = AdapterFolder.Mlx(tensors: all => all.Select(x => x with { Name = prefix + x.Name }));
        foreach (AdapterFolder folder in (AdapterFolder[])[peft, inside, mlx])
        {
            LoadReport report = Report(folder);
            Finding finding = Assert.Single(report.Findings, finding => finding.Severity != Severity.Note);
            Assert.Equal((FindingKind.WrappedNames, Severity.Warning), (finding.Kind, finding.Severity));
            Assert.Equal(report.Tensors, report.UsedTensors);
        }
    }

    [Theory]
    [InlineData("lora_A", "lora_A is zero throughout")]
    [InlineData("lora_B", "lora_B is zero throughout")]
    public void Check_PairsThatAreZero_AreCountedInOneWarning(string half, string why)
    {
        using AdapterFolder folder = AdapterFolder.Peft(
            tensors: all => all.Select(x => x.Name.Contains(half, StringComparison.Ordinal) ? x with { Bytes = new byte[x.Bytes.Length] } : x));
        Finding finding = Assert.Single(Report(folder).Findings, finding => finding.Kind == FindingKind.AllZero);
        Assert.Equal(Severity.Warning, finding.Severity);
        Assert.Matches("^([0-9]+) of \\1 pairs are zero and the adapter changes nothing: " + why, finding.Problem);
    }

    [Fact]
    public void Check_OnePairThatIsZero_IsCounted()
    {
        bool isFirst = true;
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Select(x =>
        {
            bool isZero = isFirst && x.Name.Contains("lora_B", StringComparison.Ordinal);
            isFirst &= !isZero;
            return isZero ? x with { Bytes = new byte[x.Bytes.Length] } : x;
        }));
        Assert.Matches("^1 of [0-9]+ pairs are zero and change nothing", Assert.Single(Report(folder).Findings, f => f.Kind == FindingKind.AllZero).Problem);
    }

    [Fact]
    public void Check_RanksThatAreZeroInOneHalfOrTheOther_AreAProductOfZero()
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Select(x =>
        {
            // Of A [rank, inputs] the first row is left, of B [outputs, rank] everything but the first column.
            byte[] bytes = [.. x.Bytes];
            int size = bytes.Length / (int)(x.Shape[0] * x.Shape[1]), columns = (int)x.Shape[1];
            for (int i = 0; i < bytes.Length; i++)
            {
                bool isFirst = x.Name.Contains("lora_A", StringComparison.Ordinal) ? i < columns * size : i / size % columns != 0;
                bytes[i] = isFirst ? bytes[i] : (byte)0;
            }

            return x with { Bytes = bytes };
        }));
        Assert.Matches(
            "^([0-9]+) of \\1 pairs are zero and the adapter changes nothing: each rank is zero in lora_A or in lora_B for ",
            Assert.Single(Report(folder).Findings, f => f.Kind == FindingKind.AllZero).Problem);
    }

    [Fact]
    public void Check_ScaleOfZero_IsAWarning()
    {
        using AdapterFolder folder = AdapterFolder.Peft(config => config["lora_alpha"] = 0);
        Assert.Contains("gives it the scale 0", Assert.Single(Report(folder).Findings, f => f.Kind == FindingKind.AllZero).Problem, StringComparison.Ordinal);
        using AdapterFolder alive = AdapterFolder.Peft();
        Assert.DoesNotContain(Report(alive).Findings, f => f.Kind == FindingKind.AllZero);
    }

    [Theory]
    [InlineData("model.vision_tower.timm_model.blocks.0.0.conv_exp", "Convolution")]
    [InlineData("model.language_model.embed_tokens", "Embedding")]
    [InlineData("model.audio_tower.conformer.0.lconv1d.depthwise_conv1d", "DepthwiseConvolution1d")]
    public void Check_ModuleThatIsNoLinear_IsRefusedByItsKind(string module, string kind)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => [.. all, .. AdapterFolder.Pair(module, 4, 128, 128)]);
        Finding error = Assert.Single(Errors(folder));
        Assert.Equal(FindingKind.Unsupported, error.Kind);
        Assert.Equal($"Tensor {AdapterFolder.Prefix}{module}.lora_A.weight changes {kind} {module["model.".Length..]}; adapters are applied to linear layers only.", error.Problem);
    }

    [Fact]
    public void Check_OtherSizes_AreThoseOfAnotherBase()
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => [.. all.Where(t => !t.Name.StartsWith(Query, StringComparison.Ordinal)), .. AdapterFolder.Pair("model.language_model.layers.3.self_attn.q_proj", 8, 256, 512)]);
        Finding error = Assert.Single(Errors(folder));
        Assert.Equal(FindingKind.WrongShape, error.Kind);
        Assert.Equal($"Tensors {Query}lora_A.weight [8, 256] and {Query}lora_B.weight [512, 8] change a layer of [512, 256]; language_model.layers.3.self_attn.q_proj of this base is [128, 128]: the adapter was made for another base.", error.Problem);
        Assert.Equal("Use it with tinyc/checkpoint.", error.Repair);
        Assert.Equal([128L, 128L], error.ExpectedShape);
    }

    [Fact]
    public void Check_ManyFaults_AreAllInOneSortedReport()
    {
        using AdapterFolder folder = AdapterFolder.Peft(
            config => config["lora_bias"] = true,
            all => [.. all.Where(t => t.Name != Query + "lora_A.weight").Select(t => t.Name == AdapterFolder.Layer + "0.mlp.up_proj.lora_A.weight" ? AdapterFolder.Filled(t.Name, float.NaN, t.Shape) : t), .. AdapterFolder.Pair("model.language_model.layers.9.mlp.up_proj", 4, 128, 256)]);
        Finding[] errors = Errors(folder);
        Assert.Equal(
            [FindingKind.Unsupported, FindingKind.NonFinite, FindingKind.Missing, FindingKind.UnknownModule],
            errors.Select(finding => finding.Kind));
        Assert.Equal($"Tensor {Query}lora_B.weight has no partner: language_model.layers.3.self_attn.q_proj needs lora_A and lora_B.", errors[2].Problem);
        AdapterException refused = Assert.Throws<AdapterException>(() => LoraAdapter.Load(folder.Path, tiny.Checkpoint));
        Assert.Equal(errors.Select(e => e.Problem), refused.Report!.Findings.Where(f => f.Severity == Severity.Error).Select(f => f.Problem));
        Assert.StartsWith($"The adapter in {folder.Path} does not fit its base in 4 places. ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TwoAdaptersInOneFile_AreADuplicate()
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => [.. all, .. all.Where(t => t.Name.StartsWith(Query, StringComparison.Ordinal)).Select(t => t with { Name = t.Name.Replace(".weight", ".other.weight", StringComparison.Ordinal) })]);
        Assert.Equal(FindingKind.Duplicate, Assert.Single(Errors(folder)).Kind);
    }

    [Theory]
    [InlineData(3, 4, FindingKind.WrongShape)]
    [InlineData(0, 0, FindingKind.WrongShape)]
    [InlineData(4097, 4097, FindingKind.WrongShape)]
    [InlineData(5, 5, FindingKind.WrongSetting)]
    public void Check_Ranks_MustBeOneAndTheConfiguredOne(int down, int up, FindingKind kind)
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Select(t =>
            t.Name == Query + "lora_A.weight" ? AdapterFolder.Filled(t.Name, 0, down, 128) : t.Name == Query + "lora_B.weight" ? AdapterFolder.Filled(t.Name, 0, 128, up) : t));
        Assert.Equal(kind, Assert.Single(Errors(folder)).Kind);
    }

    [Fact]
    public void Check_IntegersAndVectors_AreRefused()
    {
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => all.Select(t => t.Name switch
        {
            Query + "lora_A.weight" => t with { Type = ElementType.I32 },
            AdapterFolder.Layer + "2.self_attn.q_proj.lora_A.weight" => t with { Shape = [8 * 128] },
            _ => t,
        }));
        Assert.Equal([FindingKind.WrongShape, FindingKind.WrongType], Errors(folder).Select(f => f.Kind).Order());
    }

    [Fact]
    public void Check_SlowExpression_IsRefusedInsteadOfHanging()
    {
        using AdapterFolder folder = AdapterFolder.Peft(config => config["alpha_pattern"] = JsonNode.Parse("""{"((([a-z_.0-9])*)*)*!": 2}"""));
        Finding error = Assert.Single(Errors(folder));
        Assert.Equal("The key ((([a-z_.0-9])*)*)*! of alpha_pattern takes too long to compare with a module's name.", error.Problem);
    }

    [Fact]
    public void Check_ForeignFileOfManyTensors_IsSummedUp()
    {
        using AdapterFolder folder = AdapterFolder.Of("""{"peft_type": "LORA"}""", "adapter_model.safetensors", Enumerable.Range(0, 3000).Select(i => AdapterFolder.Filled($"t{i}.lora_A.weight", 0, 1, 1)));
        Finding[] errors = Errors(folder);
        Assert.Equal(1001, errors.Length);
        Assert.Contains(errors, e => e.Problem == "There are 2000 more findings.");
    }

    [Theory]
    [InlineData(null, "adapter_model.safetensors", "has no adapter_config.json, so it is no adapter")]
    [InlineData("{}", "other.safetensors", "of mlx-lm but no adapters.safetensors")]
    [InlineData("{\"peft_type\": \"LORA\"}", "other.safetensors", "of peft but no adapter_model.safetensors")]
    [InlineData("{\"rank\": 8, \"alpha\": 0.1, \"dropout\": 0.0}", "adapters.safetensors", "is mlx-vlm's")]
    [InlineData("{\"peft_type\": \"LORA\"}", "adapter_model.bin", "a Python pickle")]
    [InlineData("{", "adapter_model.safetensors", "adapter_config.json")]
    [InlineData("[]", "adapter_model.safetensors", "adapter_config.json")]
    public void Load_FolderWithoutAnAdapter_SaysWhatIsMissing(string? config, string weights, string message)
    {
        using AdapterFolder folder = AdapterFolder.Of(config, weights, []);
        AdapterException refused = Assert.Throws<AdapterException>(() => LoraAdapter.Load(folder.Path, tiny.Checkpoint));
        Assert.Contains(message, refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoFolder_SaysSo()
    {
        Assert.Contains("There is no folder", Assert.Throws<AdapterException>(() => LoraAdapter.Load("/nowhere/at/all", tiny.Checkpoint)).Message, StringComparison.Ordinal);
        Assert.Contains("is a file; give the folder", Assert.Throws<AdapterException>(() => LoraAdapter.Load(GoldenFiles.Find("lora/peft/adapter_config.json"), tiny.Checkpoint)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TowerThatIsNotLoaded_IsAWarning()
    {
        using TinyCheckpoint files = TinyCheckpoint.Create("tiny-c");
        using Checkpoint deaf = Checkpoint.Open(files.Folder, new CheckpointOptions { HeadersOnly = true });
        ModelParts.Build(deaf.Root, deaf.Config, audio: false);
        using AdapterFolder folder = AdapterFolder.Peft(tensors: all => [.. all, .. AdapterFolder.Pair("model.audio_tower.conformer.0.attention.post", 4, 128, 128), .. AdapterFolder.Pair("model.audio_tower.conformer.1.attention.post", 4, 128, 128)]);
        Finding warning = Assert.Single(LoraAdapter.Check(folder.Path, deaf).Findings, f => f.Kind == FindingKind.UnusedModule);
        Assert.Equal(Severity.Warning, warning.Severity);
        Assert.Equal("The adapter changes 2 modules of audio_tower, which is not loaded, so this part of it has no effect.", warning.Problem);
    }

    LoadReport Report(AdapterFolder folder) => LoraAdapter.Check(folder.Path, tiny.Checkpoint);

    Finding[] Errors(AdapterFolder folder) => [.. Report(folder).Findings.Where(finding => finding.Severity == Severity.Error)];
}
