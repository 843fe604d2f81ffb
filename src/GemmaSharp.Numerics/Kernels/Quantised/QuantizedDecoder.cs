using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Codes as float32 weights: <c>scale · q + bias</c> or <c>scale · float(q)</c>, product rounded, sum rounded.</summary>
/// <remarks>Every width gives the same bits.</remarks>
static unsafe class QuantizedDecoder
{
    /// <summary>Bytes beyond the codes that <see cref="Decode"/> may read.</summary>
    public const int Slack = 8;

    // Twice the magnitude of each E2M1 code, and its sign.
    static readonly Vector128<byte> s_magnitudes = Vector128.Create((byte)0, 1, 2, 3, 4, 6, 8, 12, 0, 1, 2, 3, 4, 6, 8, 12);
    static readonly Vector128<sbyte> s_signs = Vector128.Create(1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1);

    /// <summary>Decodes whole groups.</summary>
    /// <param name="codes">The packed codes, with <see cref="Slack"/> readable bytes behind them.</param>
    /// <param name="scales">Scales of the groups, <c>[n / group]</c>.</param>
    /// <param name="biases">Biases of the groups, <c>[n / group]</c>.</param>
    /// <param name="format">Mode, bits, group size.</param>
    /// <param name="columns">Weights, n: whole groups.</param>
    /// <param name="spare">Room for n bytes.</param>
    /// <param name="destination">Receives the weights, vector by vector.</param>
    /// <param name="stride">Elements from one vector to the next; the lanes of <typeparamref name="TVector"/> or more.</param>
    public static void Decode<TVector>(
        byte* codes, float* scales, float* biases, QuantizationFormat format, int columns, byte* spare, float* destination, int stride)
        where TVector : struct, IVector<TVector>
    {
        int groups = columns / format.GroupSize, vectors = format.GroupSize / TVector.Count;
        if (typeof(TVector) == typeof(F32x16) && format.Bits == 4 && Avx512F.IsSupported)
        {
            DecodeNibbles(codes, scales, biases, format, groups, destination, stride);
            return;
        }

        if (format.Bits < 8)
        {
            Unpack(codes, format.Bits, columns, spare);
            codes = spare;
        }

        switch (format.Mode)
        {
            case QuantizationMode.Affine:
                DecodeAffine<TVector>(codes, scales, biases, groups, vectors, destination, stride);
                break;
            case QuantizationMode.MxFp8:
                DecodeE4M3<TVector>(codes, scales, groups, vectors, destination, stride);
                break;
            default:
                DecodeE2M1<TVector>(codes, scales, groups, vectors, destination, stride);
                break;
        }
    }

    /// <summary>One byte per code; reads up to <see cref="Slack"/> bytes beyond the codes.</summary>
    /// <param name="codes">The packed codes.</param>
    /// <param name="bits">Bits of one, less than 8.</param>
    /// <param name="count">How many, a multiple of 8.</param>
    /// <param name="destination">Receives them.</param>
    internal static void Unpack(byte* codes, int bits, int count, byte* destination)
    {
        if (!Bmi2.X64.IsSupported)
        {
            PackedBits.Unpack(new ReadOnlySpan<byte>(codes, count * bits / 8), bits, new Span<byte>(destination, count));
            return;
        }

        // Eight codes are whole bytes, and no more than eight of them.
        ulong mask = 0x0101010101010101UL * ((1UL << bits) - 1);
        for (byte* end = destination + count; destination < end; destination += 8, codes += bits)
        {
            *(ulong*)destination = Bmi2.X64.ParallelBitDeposit(*(ulong*)codes, mask);
        }
    }

    static void DecodeAffine<TVector>(byte* codes, float* scales, float* biases, int groups, int vectors, float* destination, int stride)
        where TVector : struct, IVector<TVector>
    {
        for (int group = 0; group < groups; group++)
        {
            TVector scale = TVector.Create(scales[group]), bias = TVector.Create(biases[group]);
            for (int i = 0; i < vectors; i++)
            {
                TVector.Store(TVector.LoadByte(codes) * scale + bias, destination);
                codes += TVector.Count;
                destination += stride;
            }
        }
    }

    static void DecodeE4M3<TVector>(byte* codes, float* scales, int groups, int vectors, float* destination, int stride)
        where TVector : struct, IVector<TVector>
    {
        for (int group = 0; group < groups; group++)
        {
            TVector scale = TVector.Create(scales[group]);
            for (int i = 0; i < vectors; i++)
            {
                TVector.Store(TVector.LoadE4M3(codes) * scale, destination);
                codes += TVector.Count;
                destination += stride;
            }
        }
    }

    /// <summary>Sixteen codes at a time become twice their magnitudes and their signs, both whole numbers; half a scale makes up for it, exactly.</summary>
    static void DecodeE2M1<TVector>(byte* codes, float* scales, int groups, int vectors, float* destination, int stride)
        where TVector : struct, IVector<TVector>
    {
        int perSixteen = 16 / TVector.Count;
        byte* magnitudes = stackalloc byte[16];
        sbyte* signs = stackalloc sbyte[16];
        for (int group = 0; group < groups; group++)
        {
            TVector half = TVector.Create(scales[group] * 0.5f);
            for (int i = 0; i < vectors; i += perSixteen)
            {
                Vector128<byte> index = Vector128.Load(codes);
                Vector128.Shuffle(s_magnitudes, index).Store(magnitudes);
                Vector128.Shuffle(s_signs, index.AsSByte()).Store(signs);
                for (int j = 0; j < 16; j += TVector.Count)
                {
                    // The sign last, so that −0 stays −0.
                    TVector.Store(TVector.LoadByte(magnitudes + j) * half * TVector.LoadSByte(signs + j), destination);
                    destination += stride;
                }

                codes += 16;
            }
        }
    }

    /// <summary>Four-bit codes have 16 values: a group's are computed once, and one permutation looks up 16 codes.</summary>
    static void DecodeNibbles(byte* codes, float* scales, float* biases, QuantizationFormat format, int groups, float* destination, int stride)
    {
        Vector512<float> values = format.Mode == QuantizationMode.Affine
            ? Vector512.Create(0f, 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f, 9f, 10f, 11f, 12f, 13f, 14f, 15f)
            : Vector512.Create(MiniFloat.E2M1);
        // Lanes 0–7 take the first word of two, 8–15 the second; each shifts its own nibble down. The lookup ignores higher bits.
        Vector512<uint> words = Vector512.Create(0u, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        Vector512<uint> shifts = Vector512.Create(0u, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
        int size = format.GroupSize;
        for (int group = 0; group < groups; group++)
        {
            Vector512<float> table = values * scales[group] + Vector512.Create(biases[group]);
            for (int i = 0; i < size; i += 16, codes += 8, destination += stride)
            {
                Vector512<uint> packed = Avx512F.PermuteVar16x32(Vector512.Create(*(ulong*)codes).AsUInt32(), words);
                Vector512<int> index = Avx512F.ShiftRightLogicalVariable(packed, shifts).AsInt32();
                Avx512F.PermuteVar16x32(table, index).Store(destination);
            }
        }
    }
}
