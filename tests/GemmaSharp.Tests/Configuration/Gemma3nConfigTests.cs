using System.Text.Json.Nodes;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Configuration;

public sealed class Gemma3nConfigTests
{
    [Fact]
    public void Load_NewestForm_ReadsEveryValue()
    {
        Gemma3nConfig config = Gemma3nConfig.Load(GoldenFiles.Find("tiny-a/files"));
        TextConfig text = config.TextConfig;
        Assert.Equal((10, 96, 32, 6, 2, 32, 16, 5), (text.NumHiddenLayers, text.HiddenSize, text.HiddenSizePerLayerInput, text.NumAttentionHeads, text.NumKeyValueHeads, text.HeadDim, text.LaurelRank, text.NumKvSharedLayers));
        Assert.Equal([160, 192, 224, 160, 256, 192, 160, 224, 192, 160], text.IntermediateSize);
        Assert.Equal([0.95, 0.9, 0.5, 0, 0, 0, 0, 0, 0, 0], text.ActivationSparsityPattern);
        Assert.Equal([4, 9], Enumerable.Range(0, 10).Where(l => text.LayerTypes[l] == LayerType.FullAttention));
        Assert.Equal((1e6, 1e4, 30f, 120f, 24), (text.RopeTheta, text.RopeLocalBaseFreq, text.FinalLogitSoftcapping!.Value, text.AltupCoefClip!.Value, text.SlidingWindow));
        Assert.Equal([0, 1, 2, 3, 4, 3, 3, 3, 3, 4], Enumerable.Range(0, 10).Select(text.KvSourceLayer));
        Assert.Equal((0.03125, 8), (config.VisionConfig!.ModelArgs.ChannelMultiplier, config.VisionConfig.ModelArgs.StemSize));
        Assert.Equal((48, 3, 4, 1e-3f), (config.AudioConfig!.HiddenSize, config.AudioConfig.ConfNumHiddenLayers, config.AudioConfig.ConfNumAttentionHeads, config.AudioConfig.SscpConvGroupNormEps));
        Assert.Equal((2049, 2177, 7, 2048, 8, 2176), (config.ImageTokenId, config.AudioTokenId, config.BoiTokenId, config.EoiTokenId, config.BoaTokenId, config.EoaTokenId));
        Assert.Equal([1], config.EosTokenId);
        Assert.Null(config.Quantization);
    }

    [Fact]
    public void Parse_NothingButTheType_IsThePublishedE4B()
    {
        Gemma3nConfig config = Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{}}""");
        Assert.Equal(Gemma3nConfig.E4B.TextConfig.IntermediateSize, config.TextConfig.IntermediateSize);
        Assert.Equal(Gemma3nConfig.E4B.TextConfig.LayerTypes, config.TextConfig.LayerTypes);
        Assert.Equal(Gemma3nConfig.E4B.TextConfig.ActivationSparsityPattern, config.TextConfig.ActivationSparsityPattern);
        Assert.Equal(Gemma3nConfig.E4B.TextConfig with { IntermediateSize = [], LayerTypes = [], ActivationSparsityPattern = [] },
            config.TextConfig with { IntermediateSize = [], LayerTypes = [], ActivationSparsityPattern = [] });
        Assert.Equal(128, config.AudioConfig!.InputFeatSize);
        Assert.Equal(20, config.TextConfig.FirstKvSharedLayer);
        Assert.Equal([18, 18, 18, 18, 19], Enumerable.Range(20, 5).Select(config.TextConfig.KvSourceLayer));
    }

    [Fact]
    public void Parse_FlatTextConfig_HasNoTowers()
    {
        Gemma3nConfig config = Gemma3nConfig.Parse("""{"model_type":"gemma3n_text","num_hidden_layers":30,"intermediate_size":8192,"num_kv_shared_layers":10}""");
        Assert.Equal(Enumerable.Repeat(8192, 30), config.TextConfig.IntermediateSize);
        Assert.Null(config.VisionConfig);
        Assert.Null(config.AudioConfig);
        Assert.Contains(config.Values, v => v == new EffectiveValue("text_config.num_hidden_layers", "30", "config.json $.num_hidden_layers"));
    }

    [Fact]
    public void Parse_NoModelTypeButArchitecture_IsAccepted() =>
        Assert.Equal(35, Gemma3nConfig.Parse("""{"architectures":["Gemma3nForConditionalGeneration"],"text_config":{}}""").TextConfig.NumHiddenLayers);

    [Fact]
    public void Values_EachOrigin_IsTold()
    {
        IReadOnlyList<EffectiveValue> values = Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{"hidden_size":64.0,"rope_parameters":{"sliding_attention":{"rope_theta":5000}}},"audio_config":{"sscp_conv_eps":0.5}}""").Values;
        Assert.Equal("config.json $.text_config.hidden_size", Origin("text_config.hidden_size"));
        Assert.Equal("config.json $.text_config.rope_parameters.sliding_attention.rope_theta", Origin("text_config.rope_parameters.sliding_attention.rope_theta"));
        Assert.Equal("default", Origin("text_config.rope_theta"));
        Assert.Equal("config.json $.audio_config.sscp_conv_eps", Origin("audio_config.sscp_conv_group_norm_eps"));
        Assert.Equal("derived: full attention where (layer + 1) mod 5 = 0", Origin("text_config.layer_types"));
        Assert.Equal("64", values.Single(v => v.Name == "text_config.hidden_size").Value);

        string Origin(string name) => Assert.Single(values, v => v.Name == name).Origin;
    }

    [Theory]
    [InlineData("[0.95,0,0]", new[] { 0.95, 0, 0 })]
    [InlineData("\"[0.95, 0.5, 0.0]\"", new[] { 0.95, 0.5, 0 })]
    [InlineData("\"[0.95 0.5 0.  ]\"", new[] { 0.95, 0.5, 0 })]
    [InlineData("\"array([0.95, 0.5, 0.], dtype=float32)\"", new[] { 0.95, 0.5, 0 })]
    [InlineData("\"(0.95, 0.5, 0.0)\"", new[] { 0.95, 0.5, 0 })]
    [InlineData("null", new[] { 0.0, 0, 0 })]
    public void Parse_SparsityInEveryForm_IsAList(string json, double[] expected) =>
        Assert.Equal(expected, Text($"\"activation_sparsity_pattern\":{json}").ActivationSparsityPattern);

    [Fact]
    public void Parse_SparsityNull_IsTenLayersOfMoreThanTen()
    {
        double[] pattern = [.. Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{"num_hidden_layers":12,"num_kv_shared_layers":0}}""").TextConfig.ActivationSparsityPattern];
        Assert.Equal([.. Enumerable.Repeat(0.95, 10), 0, 0], pattern);
    }

    [Theory]
    [InlineData("\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\",\"full_attention\"]", "a longer list is cut")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"default\"}", "the default scaling is none")]
    [InlineData("\"final_logit_softcapping\":null", "null is no cap")]
    [InlineData("\"query_pre_attn_scalar\":256,\"sliding_window_pattern\":5", "unknown keys are ignored")]
    [InlineData("\"num_kv_shared_layers\":0", "sharing may be off")]
    public void Parse_AcceptedForm_IsRead(string json, string why) => Assert.True(Text(json).NumHiddenLayers == 3, why);

    [Fact]
    public void Parse_CapNull_IsNone() => Assert.Null(Text("\"final_logit_softcapping\":null").FinalLogitSoftcapping);

    [Theory]
    [InlineData("\"hidden_size\":-5", "$.text_config.hidden_size is -5; a whole number from 1")]
    [InlineData("\"hidden_size\":0", "is 0;")]
    [InlineData("\"hidden_size\":\"128\"", "is \"128\"; a whole number")]
    [InlineData("\"hidden_size\":1e300", "a whole number from 1")]
    [InlineData("\"hidden_size\":99999999999999999999999999", "a whole number from 1")]
    [InlineData("\"hidden_size\":2147483647", "a whole number from 1")]
    [InlineData("\"hidden_size\":12.5", "a whole number")]
    [InlineData("\"vocab_size\":4294967297", "a whole number")]
    [InlineData("\"rms_norm_eps\":-1", "a number from")]
    [InlineData("\"rms_norm_eps\":1e999", "a number from")]
    [InlineData("\"intermediate_size\":[1,2]", "one width for each of the 3 layers, not 2")]
    [InlineData("\"intermediate_size\":[1,2,-3]", "$.text_config.intermediate_size[2] is -3")]
    [InlineData("\"intermediate_size\":\"abc\"", "a whole number")]
    [InlineData("\"activation_sparsity_pattern\":[0.5]", "one value for each of the 3 layers, not 1")]
    [InlineData("\"activation_sparsity_pattern\":0.95", "a list")]
    [InlineData("\"activation_sparsity_pattern\":[0.5,0.5,1.0]", "a number from 0")]
    [InlineData("\"activation_sparsity_pattern\":\"[0.5 x 1]\"", "a list of numbers")]
    [InlineData("\"activation_sparsity_pattern\":\"\"", "a list of 1")]
    [InlineData("\"layer_types\":[\"full_attention\"]", "one entry for each of the 3 layers, not 1")]
    [InlineData("\"layer_types\":[\"chunked_attention\",\"full_attention\",\"full_attention\"]", "\"sliding_attention\" and \"full_attention\"")]
    [InlineData("\"hidden_activation\":\"relu\"", "one of \"gelu_pytorch_tanh\"")]
    [InlineData("\"attention_bias\":true", "false (Gemma 3n has no attention biases)")]
    [InlineData("\"rope_scaling\":{\"rope_type\":\"yarn\"}", "one of \"default\"")]
    [InlineData("\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\"}}", "one of \"default\"")]
    [InlineData("\"rope_parameters\":7", "an object")]
    [InlineData("\"head_dim\":7", "an even number")]
    [InlineData("\"num_key_value_heads\":3", "a divisor of num_attention_heads")]
    [InlineData("\"altup_active_idx\":4", "below altup_num_inputs (4)")]
    [InlineData("\"num_kv_shared_layers\":3", "below num_hidden_layers (3)")]
    [InlineData("\"num_kv_shared_layers\":1,\"layer_types\":[\"sliding_attention\",\"sliding_attention\",\"full_attention\"]", "an unshared layer of every kind")]
    [InlineData("\"tie_word_embeddings\":1", "true or false")]
    [InlineData("\"model_type\":\"gemma3_text\"", "one of \"gemma3n_text\"")]
    public void Parse_ImpossibleTextValue_NamesPathFoundAndNeeded(string json, string expected)
    {
        var e = Assert.Throws<ConfigurationException>(() => Text(json));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.StartsWith("config.json: $.text_config.", e.Message, StringComparison.Ordinal);
        Assert.StartsWith("$.text_config.", e.JsonPath, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"model_type":"gemma3"}""", "$.model_type is \"gemma3\"; this program runs \"gemma3n\" only")]
    [InlineData("""{"model_type":"gemma4"}""", "gemma4")]
    [InlineData("""{"model_type":"llama"}""", "llama")]
    [InlineData("""{"model_type":7}""", "is 7")]
    [InlineData("""{}""", "is absent")]
    [InlineData("""[]""", "an object is needed")]
    [InlineData("""{"model_type":"gemma3n",""", "not valid JSON")]
    [InlineData("", "not valid JSON")]
    [InlineData("""{"model_type":"gemma3n","text_config":5}""", "$.text_config is 5; an object")]
    [InlineData("""{"model_type":"gemma3n","text_config":{"num_hidden_layers":1000000000}}""", "$.text_config.num_hidden_layers is 1000000000; a whole number from 1 to 1024")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"vision_config":{"architecture":"resnet50"}}""", "mobilenetv5_300m_enc")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"vision_config":{"model_args":{"surprise":1}}}""", "surprise")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"vision_config":{"model_args":{"block_args":[[]]}}}""", "stages")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"audio_config":{"conf_num_attention_heads":7}}""", "a divisor of hidden_size (1536)")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"audio_config":{"sscp_conv_channel_size":[1,2,3]}}""", "has 3 entries")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"audio_config":{"sscp_conv_kernel_size":[[3,3],[3]]}}""", "2 lists of 2")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"eos_token_id":[1,"x"]}""", "$.eos_token_id[1] is \"x\"")]
    [InlineData("""{"model_type":"gemma3n","text_config":{},"quantization_config":{"quant_method":"gptq"}}""", "MLX quantisation or none")]
    public void Parse_ImpossibleFile_SaysWhy(string json, string expected) =>
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => Gemma3nConfig.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_DeepJson_IsRefused() =>
        Assert.Throws<ConfigurationException>(() => Gemma3nConfig.Parse($"{{\"a\":{new string('[', 100_000)}"));

    [Fact]
    public void Load_FileOfManyMegabytes_IsRefused()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["config.json"], $"{{\"model_type\":\"{new string('a', 5 << 20)}\"}}");
        Assert.Contains("more than 4194304 bytes", Assert.Throws<ConfigurationException>(() => Gemma3nConfig.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_ByteOrderMark_IsSkipped() => Assert.Equal(35, Gemma3nConfig.Parse("\uFEFF{\"model_type\":\"gemma3n\",\"text_config\":{}}").TextConfig.NumHiddenLayers);

    [Fact]
    public void Parse_MlxQuantization_HasDefaultAndExceptions()
    {
        QuantizationConfig quantization = Gemma3nConfig.Parse("""
            {"model_type":"gemma3n","text_config":{},"quantization":{"group_size":64,"bits":3,"mode":"affine",
             "language_model.model.layers.0.mlp.down_proj":{"group_size":64,"bits":6},"language_model.model.norm":false,"x":{"mode":"mxfp4"}}}
            """).Quantization!;
        Assert.Equal(new QuantizationSetting(64, 3, "affine"), quantization.Default);
        Assert.Equal(new QuantizationSetting(64, 6, "affine"), quantization.Modules["language_model.model.layers.0.mlp.down_proj"]);
        Assert.Null(quantization.Modules["language_model.model.norm"]);
        Assert.Equal(new QuantizationSetting(32, 4, "mxfp4"), quantization.Modules["x"]);
    }

    [Fact]
    public void Parse_TiedOrNot_RootWins()
    {
        Assert.False(Gemma3nConfig.Parse("""{"model_type":"gemma3n","tie_word_embeddings":false,"text_config":{"tie_word_embeddings":true}}""").TextConfig.TieWordEmbeddings);
        Assert.False(Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{"tie_word_embeddings":false}}""").TextConfig.TieWordEmbeddings);
        Assert.True(Gemma3nConfig.Parse("""{"model_type":"gemma3n","text_config":{}}""").TextConfig.TieWordEmbeddings);
    }

    static TextConfig Text(string fields)
    {
        JsonObject text = JsonNode.Parse($"{{{fields}}}")!.AsObject();
        text["num_hidden_layers"] ??= 3;
        text["num_kv_shared_layers"] ??= 0;
        return Gemma3nConfig.Parse(new JsonObject { ["model_type"] = "gemma3n", ["text_config"] = text }.ToJsonString()).TextConfig;
    }
}
