using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Writes rows of weights in blocks, with the arithmetic of ggml's reference, byte for byte.</summary>
/// <remarks>Float32 throughout, every operation rounded by itself and in ggml's order.</remarks>
static class BlockQuantizer
{
    const int Size = 32, Half = Size / 2;

    /// <summary>Twice the numbers of E2M1 codes.</summary>
    static ReadOnlySpan<sbyte> Fp4Twice => [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

    /// <summary>Whether a form can be written: all but those of codebooks.</summary>
    public static bool CanWrite(BlockType type) => type is not (BlockType.IQ2_XXS or BlockType.IQ2_XS or BlockType.IQ2_S or BlockType.IQ3_XXS
        or BlockType.IQ3_S);

    /// <summary>Quantises a row.</summary>
    /// <param name="type">A form that can be written.</param>
    /// <param name="values">Finite weights, whole blocks.</param>
    /// <param name="blocks">Receives the blocks.</param>
    /// <exception cref="ArgumentException">The form cannot be written, or the lengths do not belong together.</exception>
    public static void Write(BlockType type, ReadOnlySpan<float> values, Span<byte> blocks)
    {
        int size = type.BlockSize(), bytes = type.BlockBytes();
        if (!CanWrite(type) || values.Length % size != 0 || blocks.Length != type.RowBytes(values.Length))
        {
            throw new ArgumentException(
                $"{values.Length} weights are to become {blocks.Length} bytes of {type.Name()}; that cannot be written.", nameof(blocks));
        }

        for (int i = 0; i < values.Length / size; i++)
        {
            ReadOnlySpan<float> x = values.Slice(i * size, size);
            Span<byte> block = blocks.Slice(i * bytes, bytes);
            block.Clear();
            switch (type)
            {
                case BlockType.Q4_0:
                    Signed(x, block[2..], default, Scale(block, Largest(x) / -8), 8, 15);
                    break;
                case BlockType.Q5_0:
                    Signed(x, block[6..], block[2..6], Scale(block, Largest(x) / -16), 16, 31);
                    break;
                case BlockType.Q4_1:
                    Unsigned(x, block, block[4..], default, 15);
                    break;
                case BlockType.Q5_1:
                    Unsigned(x, block, block[8..], block[4..8], 31);
                    break;
                case BlockType.Q8_0:
                    Q8(x, block);
                    break;
                case BlockType.MXFP4:
                    Fp4(x, block);
                    break;
                case BlockType.IQ4_NL:
                    UnevenQuantizer.NonLinear(x, block);
                    break;
                case BlockType.IQ4_XS:
                    UnevenQuantizer.ExtraSmall(x, block);
                    break;
                default:
                    SuperblockQuantizer.Write(type, x, block);
                    break;
            }
        }
    }

    /// <summary>Writes a number as an IEEE half.</summary>
    internal static void WriteHalf(Span<byte> destination, float value)
    {
        Half half = (Half)value;
        MemoryMarshal.Write(destination, in half);
    }

    /// <summary>The value of largest magnitude, with its sign.</summary>
    internal static float Largest(ReadOnlySpan<float> x)
    {
        float most = 0;
        foreach (float value in x)
        {
            most = Math.Abs(value) > Math.Abs(most) ? value : most;
        }

        return most;
    }

    /// <summary>Keeps a scale; returns its inverse before rounding.</summary>
    static float Scale(Span<byte> block, float d)
    {
        WriteHalf(block, d);
        return d == 0 ? 0 : 1 / d;
    }

    /// <summary><c>q = ⌊x / d + offset + ½⌋</c>, at most the last code: the value of largest magnitude becomes 0.</summary>
    static void Signed(ReadOnlySpan<float> x, Span<byte> codes, Span<byte> fifth, float inverse, int offset, int last)
    {
        float half = offset + 0.5f;
        for (int i = 0; i < Half; i++)
        {
            Put(codes, fifth, i, Math.Min(last, (int)(x[i] * inverse + half)), Math.Min(last, (int)(x[i + Half] * inverse + half)));
        }
    }

    /// <summary><c>d = (max − min) / last</c>, <c>q = ⌊(x − min) / d + ½⌋</c></summary>
    static void Unsigned(ReadOnlySpan<float> x, Span<byte> block, Span<byte> codes, Span<byte> fifth, int last)
    {
        float minimum = float.MaxValue, maximum = float.MinValue;
        foreach (float value in x)
        {
            minimum = value < minimum ? value : minimum;
            maximum = value > maximum ? value : maximum;
        }

        float inverse = Scale(block, (maximum - minimum) / last);
        WriteHalf(block[2..], minimum);
        for (int i = 0; i < Half; i++)
        {
            Put(
                codes, fifth, i, Math.Min(last, (int)((x[i] - minimum) * inverse + 0.5f)), Math.Min(last, (int)((x[i + Half] - minimum) * inverse + 0.5f)));
        }
    }

    /// <summary>Two codes into their nibbles, and their fifth bits, where there are some, into a word.</summary>
    static void Put(Span<byte> codes, Span<byte> fifth, int i, int low, int high)
    {
        codes[i] = (byte)((low & 15) | ((high & 15) << 4));
        if (fifth.Length > 0)
        {
            fifth[i / 8] |= (byte)((low >> 4) << (i % 8));
            fifth[2 + i / 8] |= (byte)((high >> 4) << (i % 8));
        }
    }

    /// <summary><c>d = max|x| / 127</c>, <c>q = round(x / d)</c>, halves away from zero.</summary>
    static void Q8(ReadOnlySpan<float> x, Span<byte> block)
    {
        float inverse = Scale(block, Math.Abs(Largest(x)) / 127);
        for (int i = 0; i < Size; i++)
        {
            block[2 + i] = (byte)(sbyte)MathF.Round(x[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>A power of two by the largest magnitude, and the nearest of the sixteen numbers, the first of equally near ones.</summary>
    static void Fp4(ReadOnlySpan<float> x, Span<byte> block)
    {
        float largest = Math.Abs(Largest(x));
        byte exponent = largest > 0 ? (byte)(MathF.Floor(MathF.Log2(largest)) - 2 + 127) : (byte)0;
        float d = BitConverter.UInt32BitsToSingle(exponent < 2 ? 0x00200000u << exponent : (uint)(exponent - 1) << 23);
        block[0] = exponent;
        for (int i = 0; i < Half; i++)
        {
            block[1 + i] = (byte)(Nearest(x[i], d) | (Nearest(x[i + Half], d) << 4));
        }

        static int Nearest(float x, float d)
        {
            int best = 0;
            float error = Math.Abs(Fp4Twice[0] * d - x);
            for (int i = 1; i < Fp4Twice.Length; i++)
            {
                float other = Math.Abs(Fp4Twice[i] * d - x);
                (best, error) = other < error ? (i, other) : (best, error);
            }

            return best;
        }
    }
}
