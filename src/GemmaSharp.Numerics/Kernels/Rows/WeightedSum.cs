using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>y[g, i] += Σ_j weights[g, j] · rows[j, i]</c>: attention's mix of values.</summary>
/// <remarks>
/// Every element of <c>y</c> is one chain of fused multiply-adds over ascending <c>j</c>, whatever the tile it falls into,
/// so the result does not depend on how the rows are cut into runs or on how many <c>g</c> are computed at once.
/// </remarks>
static unsafe class WeightedSum
{
    /// <summary>Adds the weighted rows to the sums.</summary>
    /// <param name="weights">Weights, <c>[groups, stride]</c> of which the first <paramref name="count"/> of each row are used.</param>
    /// <param name="stride">Distance between rows of weights.</param>
    /// <param name="rows">Rows to mix, <c>[count, width]</c>, in float32 or another form of one number each.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="width">Length of a row.</param>
    /// <param name="sums">The sums, <c>[groups, width]</c>; may not alias the others.</param>
    /// <exception cref="ArgumentException">A span is shorter than its shape.</exception>
    public static void Accumulate(ReadOnlySpan<float> weights, int stride, StoredRows rows, int count, int width, Span<float> sums)
    {
        if (width <= 0 || sums.Length % width != 0)
        {
            throw new ArgumentException($"The sums have {sums.Length} elements, which is no whole number of rows of {width}.", nameof(sums));
        }

        int groups = sums.Length / width;
        if (count < 0 || rows.Count < (long)count * width || (groups > 0 && weights.Length < ((long)(groups - 1) * stride) + count))
        {
            throw new ArgumentException(
                $"{rows.Count} row elements and {weights.Length} weights are too few for {groups} sums over {count} rows of {width} "
                + $"with a weight stride of {stride}.",
                nameof(rows));
        }

        fixed (float* w = weights, s = sums)
        fixed (byte* r = rows.Bytes)
        {
            switch (rows.Type)
            {
                case ElementType.F32:
                    Widest.Run(new Kernel<SingleWeights>(w, stride, r, count, width, s, groups));
                    break;
                case ElementType.BF16:
                    Widest.Run(new Kernel<BFloat16Weights>(w, stride, r, count, width, s, groups));
                    break;
                case ElementType.F16:
                    Widest.Run(new Kernel<HalfWeights>(w, stride, r, count, width, s, groups));
                    break;
                default:
                    throw new ArgumentException($"Rows of {rows.Type.Name()} were given; sums are made of BF16, F16 and F32.", nameof(rows));
            }
        }
    }

    static void Accumulate<TFormat, TVector>(float* w, int stride, byte* r, int count, int width, float* s, int groups)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        int g = 0;
        for (; g + 4 <= groups; g += 4)
        {
            int i = 0;
            for (; i + (4 * TVector.Count) <= width; i += 4 * TVector.Count)
            {
                Tile4<TFormat, TVector>(w + ((long)g * stride), stride, r + ((long)i * TFormat.Size), count, width, s + ((long)g * width) + i);
            }

            for (int row = g; row < g + 4; row++)
            {
                Row<TFormat, TVector>(w + ((long)row * stride), r, count, width, i, s + ((long)row * width));
            }
        }

        for (; g < groups; g++)
        {
            Row<TFormat, TVector>(w + ((long)g * stride), r, count, width, 0, s + ((long)g * width));
        }
    }

    /// <summary>Four sums by four vectors: sixteen chains, four loads of values and four broadcast weights for each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    static void Tile4<TFormat, TVector>(float* weights, int stride, byte* rows, int count, int width, float* sums)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        float* w1 = weights + stride, w2 = w1 + stride, w3 = w2 + stride;
        float* s1 = sums + width, s2 = s1 + width, s3 = s2 + width;
        int n = TVector.Count, rowBytes = width * TFormat.Size, vectorBytes = n * TFormat.Size;
        TVector a00 = TVector.Load(sums), a01 = TVector.Load(sums + n), a02 = TVector.Load(sums + (2 * n)), a03 = TVector.Load(sums + (3 * n));
        TVector a10 = TVector.Load(s1), a11 = TVector.Load(s1 + n), a12 = TVector.Load(s1 + (2 * n)), a13 = TVector.Load(s1 + (3 * n));
        TVector a20 = TVector.Load(s2), a21 = TVector.Load(s2 + n), a22 = TVector.Load(s2 + (2 * n)), a23 = TVector.Load(s2 + (3 * n));
        TVector a30 = TVector.Load(s3), a31 = TVector.Load(s3 + n), a32 = TVector.Load(s3 + (2 * n)), a33 = TVector.Load(s3 + (3 * n));
        for (int j = 0; j < count; j++, rows += rowBytes)
        {
            TVector v0 = TFormat.Load<TVector>(rows), v1 = TFormat.Load<TVector>(rows + vectorBytes);
            TVector v2 = TFormat.Load<TVector>(rows + (2 * vectorBytes)), v3 = TFormat.Load<TVector>(rows + (3 * vectorBytes));
            TVector p = TVector.Create(weights[j]);
            a00 = TVector.MultiplyAdd(p, v0, a00);
            a01 = TVector.MultiplyAdd(p, v1, a01);
            a02 = TVector.MultiplyAdd(p, v2, a02);
            a03 = TVector.MultiplyAdd(p, v3, a03);
            p = TVector.Create(w1[j]);
            a10 = TVector.MultiplyAdd(p, v0, a10);
            a11 = TVector.MultiplyAdd(p, v1, a11);
            a12 = TVector.MultiplyAdd(p, v2, a12);
            a13 = TVector.MultiplyAdd(p, v3, a13);
            p = TVector.Create(w2[j]);
            a20 = TVector.MultiplyAdd(p, v0, a20);
            a21 = TVector.MultiplyAdd(p, v1, a21);
            a22 = TVector.MultiplyAdd(p, v2, a22);
            a23 = TVector.MultiplyAdd(p, v3, a23);
            p = TVector.Create(w3[j]);
            a30 = TVector.MultiplyAdd(p, v0, a30);
            a31 = TVector.MultiplyAdd(p, v1, a31);
            a32 = TVector.MultiplyAdd(p, v2, a32);
            a33 = TVector.MultiplyAdd(p, v3, a33);
        }

        TVector.Store(a00, sums);
        TVector.Store(a01, sums + n);
        TVector.Store(a02, sums + (2 * n));
        TVector.Store(a03, sums + (3 * n));
        TVector.Store(a10, s1);
        TVector.Store(a11, s1 + n);
        TVector.Store(a12, s1 + (2 * n));
        TVector.Store(a13, s1 + (3 * n));
        TVector.Store(a20, s2);
        TVector.Store(a21, s2 + n);
        TVector.Store(a22, s2 + (2 * n));
        TVector.Store(a23, s2 + (3 * n));
        TVector.Store(a30, s3);
        TVector.Store(a31, s3 + n);
        TVector.Store(a32, s3 + (2 * n));
        TVector.Store(a33, s3 + (3 * n));
    }

    /// <summary>One sum from element <paramref name="first"/> on, vector by vector.</summary>
    static void Row<TFormat, TVector>(float* weights, byte* rows, int count, int width, int first, float* sums)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        int i = first, rowBytes = width * TFormat.Size;
        for (; i + TVector.Count <= width; i += TVector.Count)
        {
            TVector sum = TVector.Load(sums + i);
            byte* row = rows + ((long)i * TFormat.Size);
            for (int j = 0; j < count; j++, row += rowBytes)
            {
                sum = TVector.MultiplyAdd(TVector.Create(weights[j]), TFormat.Load<TVector>(row), sum);
            }

            TVector.Store(sum, sums + i);
        }

        if (i < width)
        {
            nuint rest = (nuint)(width - i);
            TVector sum = VectorTail.Load<TVector>(sums + i, rest);
            byte* row = rows + ((long)i * TFormat.Size);
            for (int j = 0; j < count; j++, row += rowBytes)
            {
                sum = TVector.MultiplyAdd(TVector.Create(weights[j]), Tail<TFormat, TVector>(row, rest), sum);
            }

            VectorTail.Store(sum, sums + i, rest);
        }
    }

    /// <summary>The last numbers of a row as a vector, zeros behind them.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static TVector Tail<TFormat, TVector>(byte* source, nuint count)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        const int MostBytes = 16 * sizeof(float);
        byte* buffer = stackalloc byte[MostBytes];
        new Span<byte>(buffer, MostBytes).Clear();
        new ReadOnlySpan<byte>(source, (int)count * TFormat.Size).CopyTo(new Span<byte>(buffer, MostBytes));
        return TFormat.Load<TVector>(buffer);
    }

    /// <summary>The sums of all groups. Pointers, because spans beyond the sixth register go through memory, which costs a short call a third.</summary>
    internal readonly struct Kernel<TFormat>(float* weights, int stride, byte* rows, int count, int width, float* sums, int groups) : IWidthKernel
        where TFormat : struct, IWeightFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Accumulate<TFormat, TVector>(weights, stride, rows, count, width, sums, groups);
    }
}
