using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Model;
using GemmaSharp.Model.Audio;
using GemmaSharp.Model.Text;
using GemmaSharp.Model.Vision;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Llama.Tests;

/// <summary>
/// A text model that llama.cpp takes for a Gemma 3n, since what it has as constants is right: 30 layers, ten of them sparse, keys and values shared from the
/// twentieth on, every fifth layer with full attention, 256 features of a layer's input. Its rows are whole superblocks. Or one with towers, whose text nobody
/// computes.
/// </summary>
sealed class SmallCheckpoint : IDisposable
{
    const int Seed = 7;

    // llama.cpp takes the rows of a projection to be as wide as the text model, which they are in the published ones.
    const int WidthWithTowers = 2048, LayersWithTowers = 5, Layers = 30;

    /// <summary>Writes the folder.</summary>
    /// <param name="imageSide">The side of pictures, with which it has towers: the vision tower with a fourth of the published channels and all its blocks, and
    /// the demo's audio tower. Null for a text model.</param>
    public SmallCheckpoint(int? imageSide = null)
    {
        Folder = Directory.CreateTempSubdirectory("gemma-judge-").FullName;
        string demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");
        foreach (string name in (string[])["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"])
        {
            File.Copy(Path.Combine(demo, name), Path.Combine(Folder, name));
        }

        JsonObject root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(demo, "config.json")))!.AsObject();
        if (imageSide is int side)
        {
            JsonObject network = root["vision_config"]!["model_args"]!.AsObject();
            network["channel_multiplier"] = 0.25;
            network["stem_size"] = 16;
            network["msfa_output_resolution"] = 16;
            root["vision_soft_tokens_per_image"] = 256;
            JsonObject processor = JsonNode.Parse(File.ReadAllBytes(Path.Combine(demo, "preprocessor_config.json")))!.AsObject();
            processor["size"] = new JsonObject { ["height"] = side, ["width"] = side };
            File.WriteAllText(Path.Combine(Folder, "preprocessor_config.json"), processor.ToJsonString());
        }
        else
        {
            root.Remove("vision_config");
            root.Remove("audio_config");
        }

        JsonObject text = root["text_config"]!.AsObject();
        int layers = imageSide is null ? Layers : LayersWithTowers;
        text["hidden_size"] = imageSide is null ? 256 : WidthWithTowers;
        text["hidden_size_per_layer_input"] = 256;
        text["head_dim"] = 64;
        text["num_attention_heads"] = 4;
        text["num_key_value_heads"] = 1;
        text["num_hidden_layers"] = layers;
        text["num_kv_shared_layers"] = Math.Max(0, layers - 20);
        text["intermediate_size"] = 512;
        text["vocab_size_per_layer_input"] = (int)text["vocab_size"]!;
        text["layer_types"] = new JsonArray([.. Enumerable.Range(1, layers).Select(i => (JsonNode)(i % 5 == 0 ? "full_attention" : "sliding_attention"))]);
        text["activation_sparsity_pattern"] = new JsonArray([.. Enumerable.Range(0, layers).Select(i => (JsonNode)(i < 10 ? 0.95 : 0.0))]);
        File.WriteAllText(Path.Combine(Folder, Gemma3nConfig.FileName), root.ToJsonString());
        WriteWeights(Gemma3nConfig.Load(Folder));
    }

    /// <summary>Where it is.</summary>
    public string Folder { get; }

    /// <summary>A path inside.</summary>
    public string this[string name] => Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    void WriteWeights(Gemma3nConfig config)
    {
        TextConfig text = config.TextConfig;
        using Checkpoint nothing = Checkpoint.InMemory("small", config, CheckpointContents.InMemory(), new CheckpointOptions { HeadersOnly = true });
        _ = new TextModel(nothing.Root, text);
        if (config is { VisionConfig: VisionConfig vision, AudioConfig: AudioConfig audio })
        {
            _ = new VisionTower(nothing.Root["vision_tower"], vision);
            _ = new AudioTower(nothing.Root["audio_tower"], audio);
            _ = new MultimodalEmbedder(nothing.Root["embed_vision"], vision.HiddenSize, text.HiddenSize, vision.VocabSize, vision.VocabOffset, vision.RmsNormEps);
            _ = new MultimodalEmbedder(nothing.Root["embed_audio"], audio.HiddenSize, text.HiddenSize, audio.VocabSize, audio.VocabOffset, audio.RmsNormEps);
        }

        Dictionary<string, long[]> shapes = nothing.Requests.Where(request => request.Tensor != "lm_head.weight")
            .GroupBy(request => request.Tensor).ToDictionary(group => group.Key, group => group.First().Shape.ToArray(), StringComparer.Ordinal);

        // Published files have them in every layer, and llama.cpp wants them all.
        for (int layer = text.FirstKvSharedLayer; layer < text.NumHiddenLayers; layer++)
        {
            string attention = FormattableString.Invariant($"language_model.layers.{layer}.self_attn.");
            shapes[attention + "k_proj.weight"] = shapes[attention + "v_proj.weight"] = [text.NumKeyValueHeads * text.HeadDim, text.HiddenSize];
            shapes[attention + "k_norm.weight"] = [text.HeadDim];
        }

        using SafetensorsWriter writer = SafetensorsWriter.Create(
            Path.Combine(Folder, "model.safetensors"), [.. shapes.Select(each => new TensorDeclaration("model." + each.Key, ElementType.BF16, each.Value))],
            new Dictionary<string, string> { ["format"] = "pt" });
        foreach ((string name, long[] shape) in shapes)
        {
            ushort[] bits = new ushort[shape.Aggregate(1L, (size, axis) => size * axis)];
            WeightRule.Fill("model." + name, shape, Seed, 0, bits);
            Damp(name, bits);
            writer.Write("model." + name, System.Runtime.InteropServices.MemoryMarshal.AsBytes(bits.AsSpan()));
        }

        writer.Finish();
    }

    /// <summary>
    /// What every layer adds is a sixteenth of the rule's: through thirty layers of the rule's own weights the last bit of a sum grows beyond the logits
    /// themselves, and no two programs agree.
    /// </summary>
    static void Damp(string name, ushort[] bits)
    {
        if (!name.Contains(".post_", StringComparison.Ordinal) && !name.Contains("_coefs.", StringComparison.Ordinal))
        {
            return;
        }

        // Four off the exponent of a bfloat16 that is far from 0; what is near stays as it is, near 0.
        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] = (bits[i] & 0x7F80) > 4 << 7 ? (ushort)(bits[i] - (4 << 7)) : bits[i];
        }
    }
}
