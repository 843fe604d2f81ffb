using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>A block as signed codes and, for each sixteen of them, scale and bias: <c>w = scale · q + bias</c>.</summary>
/// <remarks>
/// In every form <c>scale · q</c> has no more bits than a float32, so the weights are exact up to one rounding of the sum, and are the same whether the sum is
/// fused or not. Vectors of 128 bits on every machine.
/// </remarks>
static unsafe class BlockUnpacker
{
    /// <summary>Codes that share a scale.</summary>
    public const int GroupSize = 16;

    /// <summary>Adding it changes nothing, not even a negative zero.</summary>
    const float NoBias = -0f;

    static readonly Vector128<byte> s_low = Vector128.Create((byte)15);
    static readonly Vector128<byte> s_bits = Vector128.Create(0x8040201008040201UL).AsByte();
    static readonly Vector128<byte> s_lowBytes = Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    static readonly Vector128<byte> s_highBytes = Vector128.Create((byte)2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3);
    static readonly Vector128<sbyte> s_uneven = Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
    static readonly Vector128<sbyte> s_e2m1Twice = Vector128.Create(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    /// <summary>0xFF in byte e where bit e is set.</summary>
    static readonly ulong[] s_signs = [.. Enumerable.Range(0, 256).Select(bits => Spread((uint)bits))];

    /// <summary>Takes a block apart.</summary>
    /// <param name="type">Its form.</param>
    /// <param name="block">Its bytes.</param>
    /// <param name="codes">Receives the codes, 32 or 256.</param>
    /// <param name="scales">Receives the scales, one for each sixteen codes.</param>
    /// <param name="biases">Receives the biases, one for each sixteen codes.</param>
    public static void Unpack(BlockType type, byte* block, sbyte* codes, float* scales, float* biases)
    {
        switch (type)
        {
            case BlockType.Q4_0:
                Nibbles(block + 2, codes, 8);
                Uniform(Half(block), NoBias, scales, biases);
                break;
            case BlockType.Q4_1:
                Nibbles(block + 4, codes, 0);
                Uniform(Half(block), Half(block + 2), scales, biases);
                break;
            case BlockType.Q5_0:
                Fives(block + 2, block + 6, codes, 16);
                Uniform(Half(block), NoBias, scales, biases);
                break;
            case BlockType.Q5_1:
                Fives(block + 4, block + 8, codes, 0);
                Uniform(Half(block), Half(block + 2), scales, biases);
                break;
            case BlockType.Q8_0:
                Vector128.Load((sbyte*)block + 2).Store(codes);
                Vector128.Load((sbyte*)block + 18).Store(codes + 16);
                Uniform(Half(block), NoBias, scales, biases);
                break;
            case BlockType.IQ4_NL:
                Looked(block + 2, codes, s_uneven);
                Uniform(Half(block), NoBias, scales, biases);
                break;
            case BlockType.MXFP4:
                Looked(block + 1, codes, s_e2m1Twice);
                Uniform(HalfPowerOfTwo(block[0]), NoBias, scales, biases);
                break;
            case BlockType.Q2_K:
                Q2K(block, codes, scales, biases);
                break;
            case BlockType.Q3_K:
                Q3K(block, codes, scales, biases);
                break;
            case BlockType.Q4_K:
                Q4K(block, codes, scales, biases);
                break;
            case BlockType.Q5_K:
                Q5K(block, codes, scales, biases);
                break;
            case BlockType.Q6_K:
                Q6K(block, codes, scales, biases);
                break;
            case BlockType.IQ4_XS:
                IQ4XS(block, codes, scales, biases);
                break;
            case BlockType.IQ2_XXS:
                IQ2XXS(block, codes, scales, biases);
                break;
            case BlockType.IQ2_XS:
                IQ2XS(block, codes, scales, biases);
                break;
            case BlockType.IQ2_S:
                IQ2S(block, codes, scales, biases);
                break;
            case BlockType.IQ3_XXS:
                IQ3XXS(block, codes, scales, biases);
                break;
            case BlockType.IQ3_S:
                IQ3S(block, codes, scales, biases);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "This is no block form that is read.");
        }
    }

    static void Uniform(float scale, float bias, float* scales, float* biases)
    {
        scales[0] = scales[1] = scale;
        biases[0] = biases[1] = bias;
    }

    /// <summary>Sixteen bytes: their lower nibbles, then their upper ones.</summary>
    static void Nibbles(byte* q, sbyte* codes, sbyte offset)
    {
        Vector128<byte> both = Vector128.Load(q);
        Vector128<sbyte> minus = Vector128.Create(offset);
        ((both & s_low).AsSByte() - minus).Store(codes);
        ((both >>> 4).AsSByte() - minus).Store(codes + 16);
    }

    /// <summary>Nibbles with a fifth bit each out of a word.</summary>
    static void Fives(byte* word, byte* q, sbyte* codes, sbyte offset)
    {
        Vector128<byte> both = Vector128.Load(q), fifth = Vector128.Create(Unsafe.ReadUnaligned<uint>(word)).AsByte();
        Vector128<sbyte> minus = Vector128.Create(offset);
        (((both & s_low) | Bit(fifth, s_lowBytes)).AsSByte() - minus).Store(codes);
        (((both >>> 4) | Bit(fifth, s_highBytes)).AsSByte() - minus).Store(codes + 16);
    }

    /// <summary>16 where the lane's own bit of its byte is set, 0 elsewhere.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<byte> Bit(Vector128<byte> words, Vector128<byte> which) =>
        Vector128.Equals(Vector128.Shuffle(words, which) & s_bits, s_bits) & Vector128.Create((byte)16);

    static void Looked(byte* q, sbyte* codes, Vector128<sbyte> table)
    {
        Vector128<byte> both = Vector128.Load(q);
        Vector128.Shuffle(table, (both & s_low).AsSByte()).Store(codes);
        Vector128.Shuffle(table, (both >>> 4).AsSByte()).Store(codes + 16);
    }

    static void Q2K(byte* block, sbyte* codes, float* scales, float* biases)
    {
        SuperScales super = new(BlockType.Q2_K, block);
        for (int k = 0; k < 16; k++)
        {
            scales[k] = super.Scale * super.Scales[k];
            biases[k] = -(super.Minimum * super.Minima[k]);
        }

        Vector128<byte> two = Vector128.Create((byte)3);
        for (int part = 0; part < 4; part++)
        {
            Vector128<byte> q = Vector128.Load(block + 16 + 16 * part);
            sbyte* target = codes + 128 * (part / 2) + 16 * (part % 2);
            for (int t = 0; t < 4; t++)
            {
                ((q >>> (2 * t)) & two).AsSByte().Store(target + 32 * t);
            }
        }
    }

    static void Q3K(byte* block, sbyte* codes, float* scales, float* biases)
    {
        SixteenSigned(BlockType.Q3_K, block, scales, biases);

        Vector128<byte> two = Vector128.Create((byte)3), one = Vector128.Create((byte)1);
        for (int part = 0; part < 4; part++)
        {
            int half = part / 2, column = 16 * (part % 2);
            Vector128<byte> q = Vector128.Load(block + 32 + 16 * part), high = Vector128.Load(block + column);
            sbyte* target = codes + 128 * half + column;
            for (int t = 0; t < 4; t++)
            {
                // The third bit is kept as whether four are not taken away.
                Vector128<byte> third = ((high >>> (4 * half + t)) & one) << 2;
                (((q >>> (2 * t)) & two) + third - Vector128.Create((byte)4)).AsSByte().Store(target + 32 * t);
            }
        }
    }

    /// <summary>Scales of sixteen weights each, without minima.</summary>
    static void SixteenSigned(BlockType type, byte* block, float* scales, float* biases)
    {
        SuperScales super = new(type, block);
        for (int k = 0; k < 16; k++)
        {
            scales[k] = super.Scale * (sbyte)super.Scales[k];
            biases[k] = NoBias;
        }
    }

    /// <summary>The scales and minima of Q4_K and Q5_K.</summary>
    static void SixBitScales(byte* block, float* scales, float* biases)
    {
        SuperScales super = new(BlockType.Q4_K, block);
        for (int j = 0; j < 8; j++)
        {
            scales[2 * j] = scales[2 * j + 1] = super.Scale * super.Scales[j];
            biases[2 * j] = biases[2 * j + 1] = -(super.Minimum * super.Minima[j]);
        }
    }

    static void Q4K(byte* block, sbyte* codes, float* scales, float* biases)
    {
        SixBitScales(block, scales, biases);
        for (int part = 0; part < 8; part++)
        {
            Vector128<byte> q = Vector128.Load(block + 16 + 16 * part);
            sbyte* target = codes + 64 * (part / 2) + 16 * (part % 2);
            (q & s_low).AsSByte().Store(target);
            (q >>> 4).AsSByte().Store(target + 32);
        }
    }

    static void Q5K(byte* block, sbyte* codes, float* scales, float* biases)
    {
        SixBitScales(block, scales, biases);
        Vector128<byte> one = Vector128.Create((byte)1);
        for (int part = 0; part < 8; part++)
        {
            int pair = part / 2, column = 16 * (part % 2);
            Vector128<byte> q = Vector128.Load(block + 48 + 16 * part), high = Vector128.Load(block + 16 + column) >>> (2 * pair);
            sbyte* target = codes + 64 * pair + column;
            ((q & s_low) | ((high & one) << 4)).AsSByte().Store(target);
            ((q >>> 4) | (((high >>> 1) & one) << 4)).AsSByte().Store(target + 32);
        }
    }

    static void Q6K(byte* block, sbyte* codes, float* scales, float* biases)
    {
        SixteenSigned(BlockType.Q6_K, block, scales, biases);

        Vector128<byte> two = Vector128.Create((byte)3), minus = Vector128.Create((byte)32);
        for (int half = 0; half < 2; half++)
        {
            for (int column = 0; column < 32; column += 16)
            {
                Vector128<byte> first = Vector128.Load(block + 64 * half + column), second = Vector128.Load(block + 64 * half + 32 + column);
                Vector128<byte> high = Vector128.Load(block + 128 + 32 * half + column);
                sbyte* target = codes + 128 * half + column;
                (((first & s_low) | ((high & two) << 4)) - minus).AsSByte().Store(target);
                (((second & s_low) | (((high >>> 2) & two) << 4)) - minus).AsSByte().Store(target + 32);
                (((first >>> 4) | (((high >>> 4) & two) << 4)) - minus).AsSByte().Store(target + 64);
                (((second >>> 4) | ((high >>> 6) << 4)) - minus).AsSByte().Store(target + 96);
            }
        }
    }

    static void IQ4XS(byte* block, sbyte* codes, float* scales, float* biases)
    {
        SuperScales super = new(BlockType.IQ4_XS, block);
        for (int j = 0; j < 8; j++)
        {
            Looked(block + 8 + 16 * j, codes + 32 * j, s_uneven);
            Uniform(super.Scale * (sbyte)super.Scales[j], NoBias, scales + 2 * j, biases + 2 * j);
        }
    }

    static void IQ2XXS(byte* block, sbyte* codes, float* scales, float* biases)
    {
        float d = Half(block);
        for (int j = 0; j < 8; j++)
        {
            byte* group = block + 2 + 8 * j;
            uint word = Unsafe.ReadUnaligned<uint>(group + 4);
            Uniform(d * (0.5f + (word >> 28)) * 0.25f, NoBias, scales + 2 * j, biases + 2 * j);
            for (int l = 0; l < 4; l++)
            {
                Signed(BlockCodebooks.Eights256[group[l]], EvenSigns(word >> (7 * l)), codes + 32 * j + 8 * l);
            }
        }
    }

    static void IQ2XS(byte* block, sbyte* codes, float* scales, float* biases)
    {
        NibbleScales(Half(block), block + 66, scales, biases);
        for (int g = 0; g < 32; g++)
        {
            uint q = Unsafe.ReadUnaligned<ushort>(block + 2 + 2 * g);
            Signed(BlockCodebooks.Eights512[q & 511], EvenSigns(q >> 9), codes + 8 * g);
        }
    }

    static void IQ2S(byte* block, sbyte* codes, float* scales, float* biases)
    {
        NibbleScales(Half(block), block + 74, scales, biases);
        for (int g = 0; g < 32; g++)
        {
            int index = block[2 + g] | (((block[66 + g / 4] >> (2 * (g % 4))) & 3) << 8);
            Signed(BlockCodebooks.Eights1024[index], block[34 + g], codes + 8 * g);
        }
    }

    static void NibbleScales(float d, byte* nibbles, float* scales, float* biases)
    {
        for (int k = 0; k < 16; k++)
        {
            scales[k] = d * (0.5f + ((nibbles[k / 2] >> (4 * (k & 1))) & 15)) * 0.25f;
            biases[k] = NoBias;
        }
    }

    static void IQ3XXS(byte* block, sbyte* codes, float* scales, float* biases)
    {
        float d = Half(block);
        for (int j = 0; j < 8; j++)
        {
            uint word = Unsafe.ReadUnaligned<uint>(block + 66 + 4 * j);
            Uniform(d * (0.5f + (word >> 28)) * 0.5f, NoBias, scales + 2 * j, biases + 2 * j);
            byte* q = block + 2 + 8 * j;
            for (int l = 0; l < 4; l++)
            {
                ulong eight = BlockCodebooks.Fours256[q[2 * l]] | ((ulong)BlockCodebooks.Fours256[q[2 * l + 1]] << 32);
                Signed(eight, EvenSigns(word >> (7 * l)), codes + 32 * j + 8 * l);
            }
        }
    }

    static void IQ3S(byte* block, sbyte* codes, float* scales, float* biases)
    {
        float d = Half(block);
        for (int j = 0; j < 8; j++)
        {
            int scale = (block[106 + j / 2] >> (4 * (j & 1))) & 15;
            Uniform(d * (1 + 2 * scale), NoBias, scales + 2 * j, biases + 2 * j);
        }

        for (int g = 0; g < 32; g++)
        {
            int high = block[66 + g / 4] >> (2 * (g % 4));
            uint first = BlockCodebooks.Fours512[block[2 + 2 * g] | ((high & 1) << 8)];
            uint second = BlockCodebooks.Fours512[block[3 + 2 * g] | ((high & 2) << 7)];
            Signed(first | ((ulong)second << 32), block[74 + g], codes + 8 * g);
        }
    }

    /// <summary>Negates the bytes of eight magnitudes, none of which is 0, where bits are set.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Signed(ulong magnitudes, uint bits, sbyte* codes)
    {
        ulong mask = s_signs[bits];
        Unsafe.WriteUnaligned(codes, (magnitudes ^ mask) + (mask & 0x0101010101010101));
    }

    /// <summary>Seven sign bits, and the eighth that makes the number of minus signs even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint EvenSigns(uint bits)
    {
        bits &= 127;
        return bits | ((uint)(System.Numerics.BitOperations.PopCount(bits) & 1) << 7);
    }

    static ulong Spread(uint bits)
    {
        ulong mask = 0;
        for (int e = 0; e < 8; e++)
        {
            mask |= ((bits >> e) & 1) == 0 ? 0 : 0xFFUL << (8 * e);
        }

        return mask;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Half(byte* source) => (float)Unsafe.ReadUnaligned<Half>(source);

    /// <summary><c>2^(e − 128)</c>, the last two subnormal.</summary>
    internal static float HalfPowerOfTwo(byte e) => BitConverter.UInt32BitsToSingle(e >= 2 ? (uint)(e - 1) << 23 : 0x00200000u << e);
}
