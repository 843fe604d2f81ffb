using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion.Gguf;

/// <summary>How the matrices of a GGUF file are stored. Vectors, norms and AltUp's coefficients are float32 in every form, kernels never in blocks.</summary>
/// <param name="Type">The type of numbers: F32, F16 or BF16.</param>
/// <param name="Blocks">The form of blocks, of matrices whose rows are whole blocks; null for numbers throughout.</param>
sealed record GgufForm(ElementType Type, BlockType? Blocks = null)
{
    /// <summary><c>general.file_type</c>, by llama.cpp's numbers.</summary>
    public int FileType => (Blocks, Type) switch
    {
        (BlockType.Q4_0, _) => 2,
        (BlockType.Q8_0, _) => 7,
        (_, ElementType.F32) => 0,
        (_, ElementType.F16) => 1,
        _ => 32,
    };

    /// <summary>The form of a tensor.</summary>
    /// <param name="name">Its name in the file.</param>
    /// <param name="shape">Its shape, outermost first.</param>
    public GgufTensorPlan Plan(string name, IReadOnlyList<long> shape)
    {
        bool isExact = shape.Count(axis => axis != 1) <= 1 || name.EndsWith("_norm.weight", StringComparison.Ordinal)
            || name.EndsWith("_coef.weight", StringComparison.Ordinal) || name.StartsWith("v.conv_stem.", StringComparison.Ordinal)
            || name.StartsWith("a.conv1d.", StringComparison.Ordinal);
        if (isExact)
        {
            return new GgufTensorPlan(name, shape, ElementType.F32, null);
        }

        bool isKernel = name.StartsWith("v.", StringComparison.Ordinal) || name.EndsWith(".conv_dw.weight", StringComparison.Ordinal);
        return Blocks is BlockType blocks && !isKernel && shape[^1] % blocks.BlockSize() == 0
            ? new GgufTensorPlan(name, shape, ElementType.U8, blocks)
            : new GgufTensorPlan(name, shape, Type, null);
    }
}

/// <summary>A tensor of a GGUF file that will be written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape, outermost first.</param>
/// <param name="Type">Its type; U8 for blocks.</param>
/// <param name="Blocks">The form of its blocks.</param>
sealed record GgufTensorPlan(string Name, IReadOnlyList<long> Shape, ElementType Type, BlockType? Blocks)
{
    /// <summary>Bytes of some values.</summary>
    public long Bytes(int values) => Blocks?.RowBytes(values) ?? (long)values * Type.SizeInBytes();

    /// <summary>Values as they are stored.</summary>
    public void Encode(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        if (Blocks is BlockType blocks)
        {
            BlockQuantizer.Write(blocks, values, bytes);
        }
        else
        {
            StoredFloats.Write(values, Type, bytes);
        }
    }
}
