using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// Small blocks of <c>x · Wᵀ</c>. Each output is one chain of multiply-adds per lane over the columns in ascending
/// order, then one sum over the lanes: every tile gives the same bits for the same pair of rows.
/// </summary>
internal static unsafe class DotTile
{
    /// <summary>One token, one row.</summary>
    public static void Tile1x1<TFormat, TVector>(float* x, byte* w, nuint columns, float* y)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        TVector a = TVector.Zero;
        nuint i = 0;
        for (; i + width <= columns; i += width)
        {
            a = TVector.MultiplyAdd(TVector.Load(x + i), TFormat.Load<TVector>(w + i * size), a);
        }
        if (i < columns)
        {
            a = TVector.MultiplyAdd(VectorTail.Load<TVector>(x + i, columns - i), Last<TFormat, TVector>(w, i, columns), a);
        }
        *y = TVector.Sum(a);
    }

    /// <summary>One token, four rows.</summary>
    public static void Tile1x4<TFormat, TVector>(
        float* x, byte* w, nuint rowBytes, nuint columns, float* y)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        nuint i = 0;
        for (; i + width <= columns; i += width)
        {
            TVector va = TVector.Load(x + i);
            nuint at = i * size;
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
        }
        if (i < columns)
        {
            TVector va = VectorTail.Load<TVector>(x + i, columns - i);
            TVector v = Last<TFormat, TVector>(w, i, columns);
            a0 = TVector.MultiplyAdd(va, v, a0);
            v = Last<TFormat, TVector>(w1, i, columns);
            a1 = TVector.MultiplyAdd(va, v, a1);
            v = Last<TFormat, TVector>(w2, i, columns);
            a2 = TVector.MultiplyAdd(va, v, a2);
            v = Last<TFormat, TVector>(w3, i, columns);
            a3 = TVector.MultiplyAdd(va, v, a3);
        }
        TVector.StoreSums(a0, a1, a2, a3, y);
    }

    /// <summary>One token, eight rows.</summary>
    public static void Tile1x8<TFormat, TVector>(
        float* x, byte* w, nuint rowBytes, nuint columns, float* y)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        byte* w4 = w3 + rowBytes;
        byte* w5 = w4 + rowBytes;
        byte* w6 = w5 + rowBytes;
        byte* w7 = w6 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector a4 = TVector.Zero, a5 = TVector.Zero, a6 = TVector.Zero, a7 = TVector.Zero;
        nuint i = 0;
        for (; i + width <= columns; i += width)
        {
            TVector va = TVector.Load(x + i);
            nuint at = i * size;
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
            v = TFormat.Load<TVector>(w4 + at);
            a4 = TVector.MultiplyAdd(va, v, a4);
            v = TFormat.Load<TVector>(w5 + at);
            a5 = TVector.MultiplyAdd(va, v, a5);
            v = TFormat.Load<TVector>(w6 + at);
            a6 = TVector.MultiplyAdd(va, v, a6);
            v = TFormat.Load<TVector>(w7 + at);
            a7 = TVector.MultiplyAdd(va, v, a7);
        }
        if (i < columns)
        {
            TVector va = VectorTail.Load<TVector>(x + i, columns - i);
            TVector v = Last<TFormat, TVector>(w, i, columns);
            a0 = TVector.MultiplyAdd(va, v, a0);
            v = Last<TFormat, TVector>(w1, i, columns);
            a1 = TVector.MultiplyAdd(va, v, a1);
            v = Last<TFormat, TVector>(w2, i, columns);
            a2 = TVector.MultiplyAdd(va, v, a2);
            v = Last<TFormat, TVector>(w3, i, columns);
            a3 = TVector.MultiplyAdd(va, v, a3);
            v = Last<TFormat, TVector>(w4, i, columns);
            a4 = TVector.MultiplyAdd(va, v, a4);
            v = Last<TFormat, TVector>(w5, i, columns);
            a5 = TVector.MultiplyAdd(va, v, a5);
            v = Last<TFormat, TVector>(w6, i, columns);
            a6 = TVector.MultiplyAdd(va, v, a6);
            v = Last<TFormat, TVector>(w7, i, columns);
            a7 = TVector.MultiplyAdd(va, v, a7);
        }
        TVector.StoreSums(a0, a1, a2, a3, y);
        TVector.StoreSums(a4, a5, a6, a7, y + 4);
    }

    /// <summary>Two tokens, four rows.</summary>
    public static void Tile2x4<TFormat, TVector>(
        float* x, nuint xStride, byte* w, nuint rowBytes, nuint columns, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        float* x1 = x + xStride;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        nuint i = 0;
        for (; i + width <= columns; i += width)
        {
            TVector va = TVector.Load(x + i);
            TVector vb = TVector.Load(x1 + i);
            nuint at = i * size;
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
        }
        if (i < columns)
        {
            TVector va = VectorTail.Load<TVector>(x + i, columns - i);
            TVector vb = VectorTail.Load<TVector>(x1 + i, columns - i);
            TVector v = Last<TFormat, TVector>(w, i, columns);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            v = Last<TFormat, TVector>(w1, i, columns);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            v = Last<TFormat, TVector>(w2, i, columns);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            v = Last<TFormat, TVector>(w3, i, columns);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
        }
        TVector.StoreSums(a0, a1, a2, a3, y);
        TVector.StoreSums(b0, b1, b2, b3, y + yStride);
    }

    /// <summary>Three tokens, four rows.</summary>
    public static void Tile3x4<TFormat, TVector>(
        float* x, nuint xStride, byte* w, nuint rowBytes, nuint columns, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        float* x1 = x + xStride;
        float* x2 = x1 + xStride;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        nuint i = 0;
        for (; i + width <= columns; i += width)
        {
            TVector va = TVector.Load(x + i);
            TVector vb = TVector.Load(x1 + i);
            TVector vc = TVector.Load(x2 + i);
            nuint at = i * size;
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
        }
        if (i < columns)
        {
            TVector va = VectorTail.Load<TVector>(x + i, columns - i);
            TVector vb = VectorTail.Load<TVector>(x1 + i, columns - i);
            TVector vc = VectorTail.Load<TVector>(x2 + i, columns - i);
            TVector v = Last<TFormat, TVector>(w, i, columns);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            v = Last<TFormat, TVector>(w1, i, columns);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            v = Last<TFormat, TVector>(w2, i, columns);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            v = Last<TFormat, TVector>(w3, i, columns);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
        }
        TVector.StoreSums(a0, a1, a2, a3, y);
        TVector.StoreSums(b0, b1, b2, b3, y + yStride);
        TVector.StoreSums(c0, c1, c2, c3, y + 2 * yStride);
    }

    /// <summary>Six tokens, four rows.</summary>
    public static void Tile6x4<TFormat, TVector>(
        float* x, nuint xStride, byte* w, nuint rowBytes, nuint columns, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        float* x1 = x + xStride;
        float* x2 = x1 + xStride;
        float* x3 = x2 + xStride;
        float* x4 = x3 + xStride;
        float* x5 = x4 + xStride;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        TVector d0 = TVector.Zero, d1 = TVector.Zero, d2 = TVector.Zero, d3 = TVector.Zero;
        TVector e0 = TVector.Zero, e1 = TVector.Zero, e2 = TVector.Zero, e3 = TVector.Zero;
        TVector f0 = TVector.Zero, f1 = TVector.Zero, f2 = TVector.Zero, f3 = TVector.Zero;
        nuint i = 0;
        for (; i + width <= columns; i += width)
        {
            TVector va = TVector.Load(x + i);
            TVector vb = TVector.Load(x1 + i);
            TVector vc = TVector.Load(x2 + i);
            TVector vd = TVector.Load(x3 + i);
            TVector ve = TVector.Load(x4 + i);
            TVector vf = TVector.Load(x5 + i);
            nuint at = i * size;
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            d0 = TVector.MultiplyAdd(vd, v, d0);
            e0 = TVector.MultiplyAdd(ve, v, e0);
            f0 = TVector.MultiplyAdd(vf, v, f0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            d1 = TVector.MultiplyAdd(vd, v, d1);
            e1 = TVector.MultiplyAdd(ve, v, e1);
            f1 = TVector.MultiplyAdd(vf, v, f1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            d2 = TVector.MultiplyAdd(vd, v, d2);
            e2 = TVector.MultiplyAdd(ve, v, e2);
            f2 = TVector.MultiplyAdd(vf, v, f2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
            d3 = TVector.MultiplyAdd(vd, v, d3);
            e3 = TVector.MultiplyAdd(ve, v, e3);
            f3 = TVector.MultiplyAdd(vf, v, f3);
        }
        if (i < columns)
        {
            TVector va = VectorTail.Load<TVector>(x + i, columns - i);
            TVector vb = VectorTail.Load<TVector>(x1 + i, columns - i);
            TVector vc = VectorTail.Load<TVector>(x2 + i, columns - i);
            TVector vd = VectorTail.Load<TVector>(x3 + i, columns - i);
            TVector ve = VectorTail.Load<TVector>(x4 + i, columns - i);
            TVector vf = VectorTail.Load<TVector>(x5 + i, columns - i);
            TVector v = Last<TFormat, TVector>(w, i, columns);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            d0 = TVector.MultiplyAdd(vd, v, d0);
            e0 = TVector.MultiplyAdd(ve, v, e0);
            f0 = TVector.MultiplyAdd(vf, v, f0);
            v = Last<TFormat, TVector>(w1, i, columns);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            d1 = TVector.MultiplyAdd(vd, v, d1);
            e1 = TVector.MultiplyAdd(ve, v, e1);
            f1 = TVector.MultiplyAdd(vf, v, f1);
            v = Last<TFormat, TVector>(w2, i, columns);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            d2 = TVector.MultiplyAdd(vd, v, d2);
            e2 = TVector.MultiplyAdd(ve, v, e2);
            f2 = TVector.MultiplyAdd(vf, v, f2);
            v = Last<TFormat, TVector>(w3, i, columns);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
            d3 = TVector.MultiplyAdd(vd, v, d3);
            e3 = TVector.MultiplyAdd(ve, v, e3);
            f3 = TVector.MultiplyAdd(vf, v, f3);
        }
        TVector.StoreSums(a0, a1, a2, a3, y);
        TVector.StoreSums(b0, b1, b2, b3, y + yStride);
        TVector.StoreSums(c0, c1, c2, c3, y + 2 * yStride);
        TVector.StoreSums(d0, d1, d2, d3, y + 3 * yStride);
        TVector.StoreSums(e0, e1, e2, e3, y + 4 * yStride);
        TVector.StoreSums(f0, f1, f2, f3, y + 5 * yStride);
    }

    /// <summary>The weights from <paramref name="start"/> to the row's end, padded with zeros.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    static TVector Last<TFormat, TVector>(byte* row, nuint start, nuint columns)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        float* buffer = stackalloc float[16];
        TVector.Store(TVector.Zero, buffer);
        for (nuint i = start; i < columns; i++)
        {
            F32x1.Store(TFormat.Load<F32x1>(row + i * (nuint)TFormat.Size), buffer + (i - start));
        }
        return TVector.Load(buffer);
    }
}
