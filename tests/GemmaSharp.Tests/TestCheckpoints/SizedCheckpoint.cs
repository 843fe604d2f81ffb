using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Bench;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Tests.TestCheckpoints;

/// <summary>Checkpoints of any size in folders: the demo's files, a text model of another shape, weights by the weight rule.</summary>
static class SizedCheckpoint
{
    const int Seed = 5;

    /// <summary>A text model of some hundred megabytes in bfloat16, with the demo's vocabulary.</summary>
    public static TextConfig Middle { get; } = Text(hidden: 1024, layers: 15, width: 4096, perLayer: 256, heads: 8, headDim: 128);

    /// <summary>The same with an eighth of the weights.</summary>
    public static TextConfig Small { get; } = Text(hidden: 512, layers: 10, width: 1024, perLayer: 256, heads: 4, headDim: 64);

    /// <summary>Writes a folder.</summary>
    /// <param name="folder">Where; it must be there.</param>
    /// <param name="demo">The demo checkpoint's folder.</param>
    /// <param name="text">The text model's shape.</param>
    /// <param name="towers">Whether it has the demo's towers.</param>
    /// <param name="recipe">How it is quantised; null for bfloat16.</param>
    /// <param name="tokenizer">A folder with another tokenizer; null for the demo's.</param>
    public static void Write(string folder, string demo, TextConfig text, bool towers, QuantizationRecipe? recipe = null, string? tokenizer = null)
    {
        foreach (string file in Directory.EnumerateFiles(demo).Where(file => Path.GetExtension(file) != ".safetensors"))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        if (tokenizer is not null)
        {
            File.Copy(Path.Combine(tokenizer, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"), overwrite: true);
        }

        string path = Path.Combine(folder, Gemma3nConfig.FileName);
        JsonObject root = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
        root["text_config"] = Json(root["text_config"]!.AsObject(), text);
        File.WriteAllText(path, root.ToJsonString());
        var config = Gemma3nConfig.Load(folder);
        config = towers ? config : config with { VisionConfig = null, AudioConfig = null };
        using var team = new WorkerTeam(Environment.ProcessorCount);
        using Checkpoint made = SyntheticCheckpoint.Create("sized", config, Seed, team, recipe);
        using SafetensorsWriter writer = SafetensorsWriter.Create(
            Path.Combine(folder, "model.safetensors"), [.. made.Tensors.Select(tensor => new TensorDeclaration(Name(tensor), tensor.Type, tensor.Shape))],
            new Dictionary<string, string> { ["format"] = "pt" });
        foreach (StoredTensor tensor in made.Tensors)
        {
            writer.Write(Name(tensor), tensor.Data);
        }

        writer.Finish();
    }

    static string Name(StoredTensor tensor) => TensorNames.HuggingFace(tensor.CanonicalName);

    static TextConfig Text(int hidden, int layers, int width, int perLayer, int heads, int headDim) => new()
    {
        HiddenSize = hidden,
        HiddenSizePerLayerInput = perLayer,
        NumHiddenLayers = layers,
        IntermediateSize = TextConfig.Repeat(width, layers),
        LayerTypes = TextConfig.DefaultLayerTypes(layers),
        ActivationSparsityPattern = [.. Enumerable.Range(0, layers).Select(_ => 0.0)],
        NumKvSharedLayers = layers / 3,
        NumAttentionHeads = heads,
        NumKeyValueHeads = 2,
        HeadDim = headDim,
        LaurelRank = 64,
        SlidingWindow = 256,
        VocabSize = 2304,
        VocabSizePerLayerInput = 2048,
        MaxPositionEmbeddings = 4096,
    };

    static JsonObject Json(JsonObject demo, TextConfig text)
    {
        JsonObject json = demo.DeepClone().AsObject();
        json["hidden_size"] = text.HiddenSize;
        json["hidden_size_per_layer_input"] = text.HiddenSizePerLayerInput;
        json["num_hidden_layers"] = text.NumHiddenLayers;
        json["intermediate_size"] = new JsonArray([.. text.IntermediateSize.Select(size => (JsonNode)size)]);
        json["layer_types"] = new JsonArray(
            [.. text.LayerTypes.Select(type => (JsonNode)(type == LayerType.SlidingAttention ? "sliding_attention" : "full_attention"))]);
        json["activation_sparsity_pattern"] = new JsonArray([.. text.ActivationSparsityPattern.Select(sparsity => (JsonNode)sparsity)]);
        json["num_kv_shared_layers"] = text.NumKvSharedLayers;
        json["num_attention_heads"] = text.NumAttentionHeads;
        json["num_key_value_heads"] = text.NumKeyValueHeads;
        json["head_dim"] = text.HeadDim;
        json["laurel_rank"] = text.LaurelRank;
        json["sliding_window"] = text.SlidingWindow;
        json["vocab_size"] = text.VocabSize;
        json["vocab_size_per_layer_input"] = text.VocabSizePerLayerInput;
        json["max_position_embeddings"] = text.MaxPositionEmbeddings;
        return json;
    }
}
