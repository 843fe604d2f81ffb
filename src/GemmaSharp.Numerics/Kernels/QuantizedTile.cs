using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Products of tokens with a panel of unpacked rows: one chain of multiply-adds per output and lane, whatever the tile.</summary>
internal static unsafe class QuantizedTile
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
