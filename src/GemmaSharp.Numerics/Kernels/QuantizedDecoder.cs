using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>A row of codes as float32 weights: <c>scale · q + bias</c> or <c>scale · float(q)</c>, product rounded, sum rounded.</summary>
static unsafe class QuantizedDecoder
{
    /// <summary>Bytes beyond a row that <see cref="Decode"/> may read.</summary>
    public const int Slack = 8;

    /// <summary>Decodes one row.</summary>
    /// <param name="codes">The packed codes, with <see cref="Slack"/> readable bytes behind them.</param>
    /// <param name="scales">Scales of the groups, <c>[n / group]</c>.</param>
    /// <param name="biases">Biases of the groups, <c>[n / group]</c>.</param>
    /// <param name="format">Mode, bits, group size.</param>
    /// <param name="columns">Weights of the row, n.</param>
    /// <param name="spare">Room for n bytes.</param>
    /// <param name="destination">Receives the weights, <c>[n]</c>.</param>
    public static void Decode(byte* codes, float* scales, float* biases, QuantizationFormat format, int columns, byte* spare, float* destination)
    {
        if (format.Bits == 4 && Vector512.IsHardwareAccelerated && Avx512F.IsSupported)
        {
            DecodeNibbles(codes, scales, biases, format, columns, destination);
            return;
        }

        Span<byte> unpacked = new(spare, columns);
        PackedBits.Unpack(new ReadOnlySpan<byte>(codes, format.WordsPerRow(columns) * 4 + Slack), format.Bits, unpacked);
        ReadOnlySpan<float> table = format.Mode == QuantizationMode.MxFp8 ? MiniFloat.E4M3 : MiniFloat.E2M1;
        int size = format.GroupSize;
        for (int group = 0; group < columns / size; group++)
        {
            ReadOnlySpan<byte> q = unpacked.Slice(group * size, size);
            Span<float> w = new(destination + group * size, size);
            if (format.Mode == QuantizationMode.Affine)
            {
                DecodeAffine(q, scales[group], biases[group], w);
            }
            else
            {
                for (int i = 0; i < q.Length; i++)
                {
                    w[i] = scales[group] * table[q[i]];
                }
            }
        }
    }

    static void DecodeAffine(ReadOnlySpan<byte> q, float scale, float bias, Span<float> w)
    {
        Vector<float> scales = new(scale), biases = new(bias);
        int i = 0;
        for (; i + Vector<byte>.Count <= q.Length; i += Vector<byte>.Count)
        {
            Vector.Widen(new Vector<byte>(q[i..]), out Vector<ushort> low, out Vector<ushort> high);
            Vector.Widen(low, out Vector<uint> a, out Vector<uint> b);
            Vector.Widen(high, out Vector<uint> c, out Vector<uint> d);
            (scales * Vector.ConvertToSingle(Vector.AsVectorInt32(a)) + biases).CopyTo(w[i..]);
            (scales * Vector.ConvertToSingle(Vector.AsVectorInt32(b)) + biases).CopyTo(w[(i + Vector<float>.Count)..]);
            (scales * Vector.ConvertToSingle(Vector.AsVectorInt32(c)) + biases).CopyTo(w[(i + 2 * Vector<float>.Count)..]);
            (scales * Vector.ConvertToSingle(Vector.AsVectorInt32(d)) + biases).CopyTo(w[(i + 3 * Vector<float>.Count)..]);
        }

        for (; i < q.Length; i++)
        {
            w[i] = scale * q[i] + bias;
        }
    }

    /// <summary>Four-bit codes have 16 values: a group's are computed once, and one permutation looks up 16 codes.</summary>
    static void DecodeNibbles(byte* codes, float* scales, float* biases, QuantizationFormat format, int columns, float* destination)
    {
        Vector512<float> values = format.Mode == QuantizationMode.Affine
            ? Vector512.Create(0f, 1f, 2f, 3f, 4f, 5f, 6f, 7f, 8f, 9f, 10f, 11f, 12f, 13f, 14f, 15f)
            : Vector512.Create(MiniFloat.E2M1);
        // Lanes 0–7 take the first word of two, 8–15 the second; each shifts its own nibble down. The lookup ignores higher bits.
        Vector512<uint> words = Vector512.Create(0u, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
        Vector512<uint> shifts = Vector512.Create(0u, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
        int size = format.GroupSize;
        for (int group = 0; group < columns / size; group++)
        {
            Vector512<float> table = values * scales[group] + Vector512.Create(biases[group]);
            for (int i = 0; i < size; i += 16, codes += 8, destination += 16)
            {
                Vector512<uint> packed = Avx512F.PermuteVar16x32(Vector512.Create(*(ulong*)codes).AsUInt32(), words);
                Vector512<int> index = Avx512F.ShiftRightLogicalVariable(packed, shifts).AsInt32();
                Avx512F.PermuteVar16x32(table, index).Store(destination);
            }
        }
    }
}
