using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion;

/// <summary>The source's <c>config.json</c> with what the conversion changes: quantisation, the sizes of a slice, the type.</summary>
static class ConvertedConfig
{
    static readonly string[] s_quantizationKeys = ["quantization", "quantization_config"];
    static readonly string[] s_typeKeys = ["torch_dtype", "dtype"];

    /// <summary>The file's bytes.</summary>
    public static byte[] Make(Checkpoint checkpoint, ConversionPlan plan, ConversionOptions options)
    {
        JsonElement source = checkpoint.Gguf is GgufModel gguf ? GgufConfig.Read(gguf.First, gguf.Tensors(), gguf.Projector).Root
            : ConfigFile.TryRead(Path.Combine(checkpoint.Folder, Gemma3nConfig.FileName))
            ?? throw new ConversionException($"There is no {Gemma3nConfig.FileName} in {checkpoint.Folder}; download it with the weights.");
        JsonObject root = (JsonObject)Editable(source)!;
        JsonObject text = root["text_config"] as JsonObject ?? root;
        foreach (JsonObject home in new[] { root, text })
        {
            Array.ForEach(s_quantizationKeys, key => home.Remove(key));
        }

        if (options.Slice is not null)
        {
            WriteSlice(text, plan.Text);
        }

        if (options.Type is ElementType type)
        {
            WriteType(root, type switch { ElementType.F32 => "float32", ElementType.F16 => "float16", _ => "bfloat16" });
        }

        if (Quantization(plan, options) is JsonObject quantization)
        {
            root["quantization"] = quantization;
            root["quantization_config"] = quantization.DeepClone();
        }

        using MemoryStream stream = new();
        using (Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true }))
        {
            root.WriteTo(json);
        }

        return stream.ToArray();
    }

    /// <summary>The same value as nodes. A key that occurs twice counts as it does for every reader of JSON: the last one.</summary>
    static JsonNode? Editable(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                JsonObject members = [];
                foreach (JsonProperty member in element.EnumerateObject())
                {
                    members[member.Name] = Editable(member.Value);
                }

                return members;
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(Editable)]);
            default:
                return JsonValue.Create(element);
        }
    }

    static void WriteSlice(JsonObject text, TextConfig slice)
    {
        text["num_hidden_layers"] = slice.NumHiddenLayers;
        text["num_kv_shared_layers"] = slice.NumKvSharedLayers;
        text["intermediate_size"] = List(slice.IntermediateSize, width => JsonValue.Create(width));
        text["activation_sparsity_pattern"] = List(slice.ActivationSparsityPattern, share => JsonValue.Create(share));
        text["layer_types"] = List(slice.LayerTypes, type => JsonValue.Create(type == LayerType.FullAttention ? "full_attention" : "sliding_attention"));
    }

    static JsonArray List<T>(IReadOnlyList<T> values, Func<T, JsonValue> create)
    {
        JsonArray list = [];
        foreach (T value in values)
        {
            list.Add((JsonNode)create(value));
        }

        return list;
    }

    static void WriteType(JsonObject section, string name)
    {
        foreach (string key in s_typeKeys.Where(section.ContainsKey))
        {
            section[key] = name;
        }

        foreach ((_, JsonNode? child) in section)
        {
            if (child is JsonObject inner)
            {
                WriteType(inner, name);
            }
        }
    }

    /// <summary>MLX's object: the usual format and, when modules differ, every module with its own, as MLX lists them.</summary>
    static JsonObject? Quantization(ConversionPlan plan, ConversionOptions options)
    {
        PlannedMatrix[] quantized = [.. plan.Matrices.Where(matrix => matrix.Format is not null)];
        if (quantized.Length == 0)
        {
            return null;
        }

        QuantizationFormat usual = options.Quantize?.Format
            ?? quantized.GroupBy(matrix => matrix.Format!).OrderByDescending(group => group.Count()).First().Key;
        JsonObject result = Setting(usual);
        bool mixed = quantized.Any(matrix => matrix.Format != usual);
        foreach (PlannedMatrix matrix in plan.Matrices)
        {
            if (matrix.Format is null)
            {
                // Readers leave out what does not fit by themselves, and the towers.
                if (usual.Fits(matrix.ColumnCount) && !matrix.Source.Module.Contains("_tower", StringComparison.Ordinal))
                {
                    result[matrix.Name] = false;
                }
            }
            else if (mixed)
            {
                result[matrix.Name] = Setting(matrix.Format);
            }
        }

        return result;
    }

    static JsonObject Setting(QuantizationFormat format) => new()
    {
        ["group_size"] = format.GroupSize,
        ["bits"] = format.Bits,
        ["mode"] = format.ModeName,
    };
}
