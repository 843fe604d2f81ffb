using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion.Gguf;

/// <summary>What a GGUF file is called for its types: one type throughout, or a mix of block forms by the part a matrix plays.</summary>
/// <param name="Name">Its name in llama.cpp's tools, small letters: <c>q4_k_m</c>.</param>
/// <param name="FileType"><c>general.file_type</c>, by llama.cpp's numbers.</param>
/// <param name="Type">The type of what is not in blocks: F32, F16 or BF16.</param>
/// <param name="Blocks">The form of most matrices; null for numbers throughout.</param>
sealed record GgufForm(string Name, int FileType, ElementType Type, BlockType? Blocks = null)
{
    /// <summary>Every form that is written.</summary>
    public static IReadOnlyList<GgufForm> All { get; } =
    [
        new("f32", 0, ElementType.F32),
        new("f16", 1, ElementType.F16),
        new("bf16", 32, ElementType.BF16),
        new("q8_0", 7, ElementType.F16, BlockType.Q8_0),
        new("q6_k", 18, ElementType.F16, BlockType.Q6_K),
        new("q5_k_m", 17, ElementType.F16, BlockType.Q5_K),
        new("q5_k_s", 16, ElementType.F16, BlockType.Q5_K),
        new("q5_0", 8, ElementType.F16, BlockType.Q5_0),
        new("q5_1", 9, ElementType.F16, BlockType.Q5_1),
        new("q4_k_m", 15, ElementType.F16, BlockType.Q4_K),
        new("q4_k_s", 14, ElementType.F16, BlockType.Q4_K),
        new("q4_0", 2, ElementType.F16, BlockType.Q4_0),
        new("q4_1", 3, ElementType.F16, BlockType.Q4_1),
        new("iq4_nl", 25, ElementType.F16, BlockType.IQ4_NL),
        new("iq4_xs", 30, ElementType.F16, BlockType.IQ4_XS),
        new("q3_k_l", 13, ElementType.F16, BlockType.Q3_K),
        new("q3_k_m", 12, ElementType.F16, BlockType.Q3_K),
        new("q3_k_s", 11, ElementType.F16, BlockType.Q3_K),
        new("q2_k", 10, ElementType.F16, BlockType.Q2_K),
    ];

    /// <summary>The form of this name, if there is one.</summary>
    public static GgufForm? Find(string name) => All.FirstOrDefault(form => form.Name == name);
}

/// <summary>A tensor of a GGUF file that will be written.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Shape">Its shape, outermost first.</param>
/// <param name="Type">Its type; U8 for blocks.</param>
/// <param name="Blocks">The form of its blocks.</param>
sealed record GgufTensorPlan(string Name, IReadOnlyList<long> Shape, ElementType Type, BlockType? Blocks)
{
    /// <summary>Bytes of some values.</summary>
    public long Bytes(long values) => Blocks?.RowBytes(values) ?? checked(values * Type.SizeInBytes());

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
