using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests;

/// <summary>Blocks of every form with the values that the gguf package 0.19 reads out of them.</summary>
internal static class GgufBlocks
{
    static readonly MappedFile s_file = MappedFile.Open(Path.Combine(AppContext.BaseDirectory, "Goldens", "gguf", "blocks.safetensors"));
    static readonly Dictionary<string, TensorData> s_tensors = RecordedTensors.Read(s_file);

    /// <summary>Every recorded set of blocks: <c>Q4_K</c> of real weights, <c>Q4_K.random</c> of random bytes.</summary>
    public static TheoryData<string> Keys => [.. s_tensors.Keys.Where(key => key.EndsWith(".raw", StringComparison.Ordinal)).Select(key => key[..^4])];

    /// <summary>The blocks as a matrix, and what its values are.</summary>
    public static (BlockMatrix Matrix, float[] Values) Matrix(string key)
    {
        TensorData raw = s_tensors[key + ".raw"], values = s_tensors[key + ".f32"];
        float[] floats = new float[values.ElementCount];
        values.ToSingles(floats);
        return (new BlockMatrix(raw.Block, raw.Offset, Enum.Parse<BlockType>(key.Split('.')[0]), (int)values.Shape[0], (int)values.Shape[1]), floats);
    }

    /// <summary>The forms that the gguf package writes.</summary>
    public static IReadOnlyList<BlockType> Written { get; } = [.. Enum.GetValues<BlockType>().Where(type => s_tensors.ContainsKey($"{type}.quantised"))];

    /// <summary>The bytes of recorded blocks.</summary>
    public static ReadOnlySpan<byte> Raw(string key)
    {
        TensorData raw = s_tensors[key + ".raw"];
        return raw.Block.Read(raw.Offset, (int)raw.Length);
    }

    /// <summary>Weights, and the blocks that the gguf package makes of them.</summary>
    public static (float[] Source, byte[] Blocks, int Columns) Quantised(BlockType type)
    {
        TensorData source = s_tensors["source"], blocks = s_tensors[$"{type}.quantised"];
        float[] values = new float[source.ElementCount];
        source.ToSingles(values);
        return (values, blocks.Block.Read(blocks.Offset, (int)blocks.Length).ToArray(), (int)source.Shape[1]);
    }
}
