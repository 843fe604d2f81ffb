using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>An adapter's folder in the making: the recorded peft adapter, changed as a test likes. Removed on disposal.</summary>
sealed class AdapterFolder : IDisposable
{
    public const string Prefix = "base_model.model.";
    public const string Layer = Prefix + "model.language_model.layers.";

    readonly TempFolder _folder = new();

    AdapterFolder()
    {
    }

    public string Path => _folder.Path;

    /// <summary>A copy of a recorded adapter for tiny-c with its configuration and tensors changed.</summary>
    public static AdapterFolder Peft(Action<JsonObject>? config = null, Func<List<TinyTensor>, IEnumerable<TinyTensor>>? tensors = null, string name = "peft")
    {
        var folder = new AdapterFolder();
        JsonObject json = JsonNode.Parse(File.ReadAllBytes(GoldenFiles.Find($"lora/{name}/adapter_config.json")))!.AsObject();
        config?.Invoke(json);
        List<TinyTensor> list = Tensors(name);
        return folder.Write(json.ToJsonString(), "adapter_model.safetensors", tensors is null ? list : tensors(list));
    }

    /// <summary>The same adapter as mlx-lm would save it. Its one scale stands for all modules, so B takes what differs.</summary>
    public static AdapterFolder Mlx(Action<JsonObject>? config = null, Func<List<TinyTensor>, IEnumerable<TinyTensor>>? tensors = null)
    {
        const float Scale = 10f;
        var folder = new AdapterFolder();
        var list = new List<TinyTensor>();
        foreach (TinyTensor tensor in Tensors("rslora"))
        {
            float[] values = TinyCheckpoint.Transpose(tensor, 1, 0) is { } turned ? MemoryMarshal.Cast<byte, float>(turned.Bytes).ToArray() : [];
            bool up = tensor.Name.EndsWith("lora_B.weight", StringComparison.Ordinal);

            // r = 4 and alpha = 8 everywhere: alpha / √r.
            float[] scaled = [.. values.Select(value => up ? value * (8f / 2f / Scale) : value)];
            string module = tensor.Name[Prefix.Length..tensor.Name.LastIndexOf(".lora_", StringComparison.Ordinal)];
            list.Add(new TinyTensor($"{module}.{(up ? "lora_b" : "lora_a")}", ElementType.F32, [tensor.Shape[1], tensor.Shape[0]], Bytes(scaled)));
        }

        var json = new JsonObject
        {
            ["fine_tune_type"] = "lora",
            ["model"] = "tinyc/checkpoint",
            ["num_layers"] = -1,
            ["lora_parameters"] = new JsonObject { ["rank"] = 4, ["scale"] = Scale, ["dropout"] = 0.0, ["keys"] = new JsonArray("self_attn.q_proj") },
        };
        config?.Invoke(json);
        return folder.Write(json.ToJsonString(), "adapters.safetensors", tensors is null ? list : tensors(list));
    }

    /// <summary>A folder of these files; null leaves one out.</summary>
    public static AdapterFolder Of(string? config, string weightsName, IEnumerable<TinyTensor>? tensors) => new AdapterFolder().Write(config, weightsName, tensors);

    /// <summary>The tensors of a recorded adapter.</summary>
    public static List<TinyTensor> Tensors(string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(GoldenFiles.Find($"lora/{name}/adapter_model.safetensors"));
        return [.. file.Entries.Select(entry =>
        {
            TensorData data = file.Tensor(entry);
            return new TinyTensor(entry.Name, entry.Type, [.. entry.Shape], data.Block.Read(data.Offset, (int)entry.Length).ToArray());
        })];
    }

    /// <summary>A float32 tensor of equal values.</summary>
    public static TinyTensor Filled(string name, float value, params long[] shape)
    {
        float[] values = new float[shape.Aggregate(1L, (size, axis) => size * axis)];
        Array.Fill(values, value);
        return new TinyTensor(name, ElementType.F32, shape, Bytes(values));
    }

    /// <summary>A pair for a module as peft names it, A and B filled with small values that differ.</summary>
    public static TinyTensor[] Pair(string module, int rank, int inFeatures, int outFeatures, int seed = 1)
    {
        var random = new Random(seed);
        return
        [
            new TinyTensor($"{Prefix}{module}.lora_A.weight", ElementType.F32, [rank, inFeatures], Bytes(Values(rank * inFeatures))),
            new TinyTensor($"{Prefix}{module}.lora_B.weight", ElementType.F32, [outFeatures, rank], Bytes(Values(rank * outFeatures))),
        ];

        float[] Values(int count) => [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * 0.2f)];
    }

    /// <summary>Changes the tensors of a checkpoint by a merge, into float32.</summary>
    public static Func<List<TinyTensor>, IEnumerable<TinyTensor>> Merging(LoraMerge merge) => tensors => tensors.Select(tensor =>
    {
        string module = TensorNames.Canonical(tensor.Name).Replace(".weight", "", StringComparison.Ordinal);
        if (!merge.Contains(module))
        {
            return tensor;
        }

        float[] weights = Singles(tensor);
        merge.AddTo(module, 0, weights);
        return tensor with { Type = ElementType.F32, Bytes = Bytes(weights) };
    }).ToList();

    /// <summary>The values of a float32 or bfloat16 tensor.</summary>
    public static float[] Singles(TinyTensor tensor) => tensor.Type == ElementType.F32
        ? MemoryMarshal.Cast<byte, float>(tensor.Bytes).ToArray()
        : [.. MemoryMarshal.Cast<byte, ushort>(tensor.Bytes).ToArray().Select(bits => BitConverter.Int32BitsToSingle(bits << 16))];

    public void Dispose() => _folder.Dispose();

    public static byte[] Bytes(float[] values) => MemoryMarshal.AsBytes(values.AsSpan()).ToArray();

    AdapterFolder Write(string? config, string weightsName, IEnumerable<TinyTensor>? tensors)
    {
        if (config is not null)
        {
            File.WriteAllText(_folder["adapter_config.json"], config);
        }

        if (tensors is not null)
        {
            TinyCheckpoint.WriteFile(_folder[weightsName], [.. tensors]);
        }

        return this;
    }
}
