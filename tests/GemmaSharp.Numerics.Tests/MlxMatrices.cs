using System.Text.Json;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests;

/// <summary>Matrices quantised by MLX 0.32 on a CPU: sources, packed tensors, dequantised values, products.</summary>
internal static class MlxMatrices
{
    static readonly string s_folder = Path.Combine(AppContext.BaseDirectory, "Goldens", "mlx");
    static readonly MappedFile s_file = MappedFile.Open(Path.Combine(s_folder, "matrices.safetensors"));
    static readonly Dictionary<string, TensorData> s_tensors = RecordedTensors.Read(s_file);

    /// <summary>Every case: key, key of the source.</summary>
    public static IReadOnlyList<(string Key, string Source, QuantizationFormat Format)> All { get; } = ReadCases();

    /// <summary>The keys, for theories.</summary>
    public static TheoryData<string> Keys => [.. All.Select(x => x.Key)];

    /// <summary>The keys of cases with a product.</summary>
    public static IEnumerable<string> ProductKeys => All.Where(x => s_tensors.ContainsKey(x.Key + ".product")).Select(x => x.Key);

    public static (string Key, string Source, QuantizationFormat Format) Case(string key) => All.Single(x => x.Key == key);

    public static TensorData Tensor(string name) => s_tensors[name];

    public static TensorData? Optional(string name) => s_tensors.TryGetValue(name, out TensorData data) ? data : null;

    public static float[] Singles(string name)
    {
        TensorData data = Tensor(name);
        float[] values = new float[data.ElementCount];
        data.ToSingles(values);
        return values;
    }

    public static ReadOnlySpan<byte> Row(TensorData data, int row)
    {
        int bytes = (int)(data.Length / data.Shape[0]);
        return data.Block.Read(data.Offset + (long)row * bytes, bytes);
    }

    public static QuantizedMatrix Matrix(string key, ProductMode mode = ProductMode.Exact) =>
        new(Tensor(key + ".weight"), Tensor(key + ".scales"), Optional(key + ".biases"), Case(key).Format, mode);

    static List<(string Key, string Source, QuantizationFormat Format)> ReadCases()
    {
        using JsonDocument cases = JsonDocument.Parse(File.ReadAllText(Path.Combine(s_folder, "matrices.json")));
        return
        [
            .. cases.RootElement.EnumerateArray().Select(x =>
            {
                Assert.True(QuantizationFormat.TryParseMode(x.GetProperty("mode").GetString(), out QuantizationMode mode));
                return (x.GetProperty("key").GetString()!, x.GetProperty("source").GetString()!,
                    QuantizationFormat.Create(mode, x.GetProperty("bits").GetInt32(), x.GetProperty("group_size").GetInt32()));
            }),
        ];
    }
}
