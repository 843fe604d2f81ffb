using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Configuration;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Asks a checkpoint for every parameter the model has, as its constructors do, without the model.</summary>
public static class DeclaredModel
{
    /// <summary>Declares the text model, the embedders and whichever towers the golden list of <paramref name="tiny"/> has; then reports.</summary>
    public static LoadReport Load(Checkpoint checkpoint, string tiny)
    {
        DeclareText(checkpoint.Root["language_model"], checkpoint.Config.TextConfig);
        DeclareEmbedder(checkpoint.Root["embed_vision"], checkpoint.Config.VisionConfig!.HiddenSize, 128, checkpoint.Config.TextConfig.HiddenSize);
        DeclareEmbedder(checkpoint.Root["embed_audio"], checkpoint.Config.AudioConfig!.HiddenSize, 128, checkpoint.Config.TextConfig.HiddenSize);
        DeclareAudio(checkpoint.Root["audio_tower"], checkpoint.Config.AudioConfig!);
        DeclareVision(checkpoint.Root["vision_tower"], tiny);
        return checkpoint.Report();
    }

    public static void DeclareText(ParameterScope scope, TextConfig config)
    {
        int c = config.HiddenSize, e = config.HiddenSizePerLayerInput, p = config.AltupNumInputs, r = config.LaurelRank;
        int q = config.NumAttentionHeads * config.HeadDim, kv = config.NumKeyValueHeads * config.HeadDim;
        scope.Embedding("embed_tokens", config.VocabSize, c);
        scope.Embedding("embed_tokens_per_layer", config.VocabSizePerLayerInput, config.NumHiddenLayers * e);
        scope.Linear("per_layer_model_projection", c, config.NumHiddenLayers * e);
        scope.Vector("per_layer_projection_norm.weight", e);
        scope.Vector("norm.weight", c);
        for (int i = 0; i < p - 1; i++)
        {
            scope["altup_projections"].Linear($"{i}", c, c);
            scope["altup_unembed_projections"].Linear($"{i}", c, c);
        }

        for (int l = 0; l < config.NumHiddenLayers; l++)
        {
            ParameterScope layer = scope["layers"][l];
            foreach (string norm in (string[])["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm", "post_per_layer_input_norm"])
            {
                layer.Vector($"{norm}.weight", c);
            }

            ParameterScope attention = layer["self_attn"];
            attention.Linear("q_proj", c, q);
            attention.Linear("o_proj", q, c);
            attention.Vector("q_norm.weight", config.HeadDim);
            if (l < config.FirstKvSharedLayer)
            {
                attention.Linear("k_proj", c, kv);
                attention.Linear("v_proj", c, kv);
                attention.Vector("k_norm.weight", config.HeadDim);
            }
            else
            {
                attention.Ignore("k_proj");
                attention.Ignore("v_proj");
                attention.Ignore("k_norm");
            }

            layer["mlp"].Linear("gate_proj", c, config.IntermediateSize[l]);
            layer["mlp"].Linear("up_proj", c, config.IntermediateSize[l]);
            layer["mlp"].Linear("down_proj", config.IntermediateSize[l], c);
            ParameterScope altup = layer["altup"];
            altup.Vector("correct_output_scale", c);
            altup.Tensor("correction_coefs.weight", p, p);
            altup.Tensor("prediction_coefs.weight", p * p, p);
            altup.Linear("modality_router", c, p);
            altup.Vector("router_norm.weight", c);
            layer["laurel"].Linear("linear_left", c, r);
            layer["laurel"].Linear("linear_right", r, c);
            layer["laurel"].Vector("post_laurel_norm.weight", c);
            layer.Linear("per_layer_input_gate", c, e);
            layer.Linear("per_layer_projection", e, c);
        }
    }

    static void DeclareEmbedder(ParameterScope scope, int width, int rows, int textWidth)
    {
        scope.Embedding("embedding", rows, width);
        scope.Vector("hard_embedding_norm.weight", width);
        scope.Vector("soft_embedding_norm.weight", width);
        scope.Linear("embedding_projection", width, textWidth);
    }

    static void DeclareAudio(ParameterScope scope, AudioConfig config)
    {
        int d = config.HiddenSize, c0 = config.SscpConvChannelSize[0], c1 = config.SscpConvChannelSize[1];
        ParameterScope sscp = scope["subsample_conv_projection"];
        sscp.Convolution("conv_0.conv", c0, 1, 3, 3);
        sscp.Vector("conv_0.norm.weight", c0);
        sscp.Convolution("conv_1.conv", c1, c0, 3, 3);
        sscp.Vector("conv_1.norm.weight", c1);
        sscp.Linear("input_proj_linear", config.InputFeatSize / 4 * c1, d);
        for (int i = 0; i < config.ConfNumHiddenLayers; i++)
        {
            ParameterScope block = scope["conformer"][i];
            foreach (string ffw in (string[])["ffw_layer_start", "ffw_layer_end"])
            {
                block[ffw].Vector("pre_layer_norm.weight", d);
                block[ffw].Linear("ffw_layer_1", d, 4 * d);
                block[ffw].Linear("ffw_layer_2", 4 * d, d);
                block[ffw].Vector("post_layer_norm.weight", d);
            }

            ParameterScope attention = block["attention"];
            attention.Vector("pre_attn_norm.weight", d);
            attention.Vector("post_norm.weight", d);
            attention.Linear("post", d, d);
            foreach (string projection in (string[])["q_proj", "k_proj", "v_proj", "relative_position_embedding.pos_proj"])
            {
                attention["attn"].Linear(projection, d, d);
            }

            attention["attn"].Vector("per_dim_scale", d / config.ConfNumAttentionHeads);
            block["lconv1d"].Vector("pre_layer_norm.weight", d);
            block["lconv1d"].Vector("conv_norm.weight", d);
            block["lconv1d"].Linear("linear_start", d, 2 * d);
            block["lconv1d"].Linear("linear_end", d, d);
            block["lconv1d"].DepthwiseConvolution1d("depthwise_conv1d", d, config.ConfConvKernelSize);
            block.Vector("norm.weight", d);
        }
    }

    // The tower's tensors as the reference lists them.
    static void DeclareVision(ParameterScope scope, string tiny)
    {
        const string Prefix = "model.vision_tower.";
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"{tiny}/tensors.json")));
        foreach (JsonProperty entry in list.RootElement.EnumerateObject().Where(e => e.Name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            int[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(d => d.GetInt32())];
            string name = entry.Name[Prefix.Length..];
            string module = name[..name.LastIndexOf('.')];
            _ = shape switch
            {
                [int o, 1, int h, int w] when h > 1 => (object)scope.DepthwiseConvolution(module, o, h, w),
                [int o, int i, int h, int w] => scope.Convolution(module, o, i, h, w),
                [int n] when name.EndsWith(".bias", StringComparison.Ordinal) => scope.OptionalVector(name, n),
                [int n] => scope.Vector(name, n),
                _ => throw new InvalidDataException(name),
            };
        }
    }
}
