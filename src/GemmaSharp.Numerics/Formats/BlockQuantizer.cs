using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Writes rows of weights in blocks, with the arithmetic of ggml's reference, byte for byte.</summary>
static class BlockQuantizer
{
    const int Size = 32;

    /// <summary>Whether a form can be written.</summary>
    public static bool CanWrite(BlockType type) => type is BlockType.Q8_0 or BlockType.Q4_0;

    /// <summary>Quantises a row.</summary>
    /// <param name="type">A form that can be written.</param>
    /// <param name="values">Finite weights, whole blocks.</param>
    /// <param name="blocks">Receives the blocks.</param>
    /// <exception cref="ArgumentException">The form cannot be written, or the lengths do not belong together.</exception>
    public static void Write(BlockType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        if (!CanWrite(type) || values.Length % Size != 0 || blocks.Length != type.RowBytes(values.Length))
        {
            throw new ArgumentException(
                $"{values.Length} weights are to become {blocks.Length} bytes of {type.Name()}; that cannot be written.", nameof(blocks));
        }

        int bytes = type.BlockBytes();
        for (int i = 0; i < values.Length / Size; i++)
        {
            ReadOnlySpan<float> x = values.Slice(i * Size, Size);
            Span<byte> block = blocks.Slice(i * bytes, bytes);
            if (type == BlockType.Q8_0)
            {
                Q8(x, block);
            }
            else
            {
                Q4(x, block);
            }
        }
    }

    /// <summary><c>d = max|x| / 127</c>, <c>q = round(x / d)</c>, halves away from zero.</summary>
    static void Q8(ReadOnlySpan<float> x, Span<byte> block)
    {
        float largest = 0;
        foreach (float value in x)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        float d = largest / 127, inverse = d == 0 ? 0 : 1 / d;
        Half scale = (Half)d;
        MemoryMarshal.Write(block, in scale);
        for (int i = 0; i < Size; i++)
        {
            block[2 + i] = (byte)(sbyte)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>The value of largest magnitude becomes −8: <c>d = x_max / −8</c>, <c>q = ⌊x / d + 8.5⌋</c>, 15 at most.</summary>
    static void Q4(ReadOnlySpan<float> x, Span<byte> block)
    {
        float most = 0;
        foreach (float value in x)
        {
            most = Math.Abs(value) > Math.Abs(most) ? value : most;
        }

        float d = most / -8, inverse = d == 0 ? 0 : 1 / d;
        Half scale = (Half)d;
        MemoryMarshal.Write(block, in scale);
        for (int i = 0; i < Size / 2; i++)
        {
            block[2 + i] = (byte)(Code(x[i] * inverse) | (Code(x[i + Size / 2] * inverse) << 4));
        }

        static int Code(float value) => Math.Min(15, (int)(value + 8.5f));
    }
}
