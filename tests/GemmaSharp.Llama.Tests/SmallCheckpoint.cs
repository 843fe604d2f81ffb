using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Llama.Tests;

/// <summary>
/// A text model that llama.cpp takes for a Gemma 3n, since what it has as constants is right: 30 layers, ten of them sparse, keys and values shared from the
/// twentieth on, every fifth layer with full attention, 256 features of a layer's input. Its rows are whole superblocks.
/// </summary>
sealed class SmallCheckpoint : IDisposable
{
    const int Layers = 30, Seed = 7;

    /// <summary>Writes the folder.</summary>
    public SmallCheckpoint()
    {
        Folder = Directory.CreateTempSubdirectory("gemma-judge-").FullName;
        string demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");
        foreach (string name in (string[])["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"])
        {
            File.Copy(Path.Combine(demo, name), Path.Combine(Folder, name));
        }

        JsonObject root = JsonNode.Parse(File.ReadAllBytes(Path.Combine(demo, "config.json")))!.AsObject();
        root.Remove("vision_config");
        root.Remove("audio_config");
        JsonObject text = root["text_config"]!.AsObject();
        text["hidden_size"] = 256;
        text["hidden_size_per_layer_input"] = 256;
        text["head_dim"] = 64;
        text["num_attention_heads"] = 4;
        text["num_key_value_heads"] = 1;
        text["num_hidden_layers"] = Layers;
        text["num_kv_shared_layers"] = Layers - 20;
        text["intermediate_size"] = 512;
        text["vocab_size_per_layer_input"] = (int)text["vocab_size"]!;
        text["layer_types"] = new JsonArray([.. Enumerable.Range(1, Layers).Select(i => (JsonNode)(i % 5 == 0 ? "full_attention" : "sliding_attention"))]);
        text["activation_sparsity_pattern"] = new JsonArray([.. Enumerable.Range(0, Layers).Select(i => (JsonNode)(i < 10 ? 0.95 : 0.0))]);
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
        Dictionary<string, long[]> shapes = nothing.Requests.Where(request => request.Tensor.StartsWith("language_model.", StringComparison.Ordinal))
            .GroupBy(request => request.Tensor).ToDictionary(group => group.Key, group => group.First().Shape.ToArray(), StringComparer.Ordinal);

        // Published files have them in every layer, and llama.cpp wants them all.
        for (int layer = Layers - text.NumKvSharedLayers; layer < Layers; layer++)
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
