// Written by tests/GemmaSharp.Numerics.Tests/Generation/TileWriter.cs: change the tiles there.
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// The inner loops of products of few tokens: weights are read where they lie and widened in registers. The same
/// chains of multiply-adds as <see cref="RegisterTile"/>, so the same bits.
/// </summary>
/// <remarks>
/// x is packed as there, <c>[steps, tokens, lanes]</c>; w points at the first of the rows, and as many
/// bytes as are read are fetched from next on, if TFetch says so. Where
/// columns are left over after the whole steps, the sums <c>[tokens, rows, lanes]</c> are put aside and the rest is a
/// step of <see cref="RegisterTile"/>: a call in here, even one never made, would cost the sums their registers.
/// </remarks>
static unsafe class DotTile
{
    /// <summary>One token, four rows.</summary>
    public static void Tile1x4<TFormat, TVector, TFetch>(
        float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums, float* y)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
        where TFetch : struct, IFetch
    {
        nuint lanes = (nuint)TVector.Count;
        nuint stepBytes = lanes * (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        for (nuint at = 0; steps > 0; steps--)
        {
            TFetch.Fetch(next, 4 * stepBytes);
            next += 4 * stepBytes;
            TVector va = TVector.Load(x);
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
            x += lanes;
            at += stepBytes;
        }
        if (sums == null)
        {
            TVector.StoreSums(a0, a1, a2, a3, y);
        }
        else
        {
            TVector.Store(a0, sums);
            TVector.Store(a1, sums + lanes);
            TVector.Store(a2, sums + 2 * lanes);
            TVector.Store(a3, sums + 3 * lanes);
        }
    }

    /// <summary>One token, eight rows.</summary>
    public static void Tile1x8<TFormat, TVector, TFetch>(
        float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* y)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
        where TFetch : struct, IFetch
    {
        nuint lanes = (nuint)TVector.Count;
        nuint stepBytes = lanes * (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        byte* w4 = w3 + rowBytes;
        byte* w5 = w4 + rowBytes;
        byte* w6 = w5 + rowBytes;
        byte* w7 = w6 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector a4 = TVector.Zero, a5 = TVector.Zero, a6 = TVector.Zero, a7 = TVector.Zero;
        for (nuint at = 0; steps > 0; steps--)
        {
            TFetch.Fetch(next, 8 * stepBytes);
            next += 8 * stepBytes;
            TVector va = TVector.Load(x);
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
            x += lanes;
            at += stepBytes;
        }
        TVector.StoreSums(a0, a1, a2, a3, y);
        TVector.StoreSums(a4, a5, a6, a7, y + 4);
    }

    /// <summary>Two tokens, four rows.</summary>
    public static void Tile2x4<TFormat, TVector, TFetch>(
        float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
        where TFetch : struct, IFetch
    {
        nuint lanes = (nuint)TVector.Count;
        nuint stepBytes = lanes * (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        for (nuint at = 0; steps > 0; steps--)
        {
            TFetch.Fetch(next, 4 * stepBytes);
            next += 4 * stepBytes;
            TVector va = TVector.Load(x);
            TVector vb = TVector.Load(x + lanes);
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
            x += 2 * lanes;
            at += stepBytes;
        }
        if (sums == null)
        {
            TVector.StoreSums(a0, a1, a2, a3, y);
            TVector.StoreSums(b0, b1, b2, b3, y + yStride);
        }
        else
        {
            TVector.Store(a0, sums);
            TVector.Store(a1, sums + lanes);
            TVector.Store(a2, sums + 2 * lanes);
            TVector.Store(a3, sums + 3 * lanes);
            TVector.Store(b0, sums + 4 * lanes);
            TVector.Store(b1, sums + 5 * lanes);
            TVector.Store(b2, sums + 6 * lanes);
            TVector.Store(b3, sums + 7 * lanes);
        }
    }

    /// <summary>Three tokens, four rows.</summary>
    public static void Tile3x4<TFormat, TVector, TFetch>(
        float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
        where TFetch : struct, IFetch
    {
        nuint lanes = (nuint)TVector.Count;
        nuint stepBytes = lanes * (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        for (nuint at = 0; steps > 0; steps--)
        {
            TFetch.Fetch(next, 4 * stepBytes);
            next += 4 * stepBytes;
            TVector va = TVector.Load(x);
            TVector vb = TVector.Load(x + lanes);
            TVector vc = TVector.Load(x + 2 * lanes);
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
            x += 3 * lanes;
            at += stepBytes;
        }
        if (sums == null)
        {
            TVector.StoreSums(a0, a1, a2, a3, y);
            TVector.StoreSums(b0, b1, b2, b3, y + yStride);
            TVector.StoreSums(c0, c1, c2, c3, y + 2 * yStride);
        }
        else
        {
            TVector.Store(a0, sums);
            TVector.Store(a1, sums + lanes);
            TVector.Store(a2, sums + 2 * lanes);
            TVector.Store(a3, sums + 3 * lanes);
            TVector.Store(b0, sums + 4 * lanes);
            TVector.Store(b1, sums + 5 * lanes);
            TVector.Store(b2, sums + 6 * lanes);
            TVector.Store(b3, sums + 7 * lanes);
            TVector.Store(c0, sums + 8 * lanes);
            TVector.Store(c1, sums + 9 * lanes);
            TVector.Store(c2, sums + 10 * lanes);
            TVector.Store(c3, sums + 11 * lanes);
        }
    }

    /// <summary>Four tokens, four rows.</summary>
    public static void Tile4x4<TFormat, TVector, TFetch>(
        float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
        where TFetch : struct, IFetch
    {
        nuint lanes = (nuint)TVector.Count;
        nuint stepBytes = lanes * (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        TVector d0 = TVector.Zero, d1 = TVector.Zero, d2 = TVector.Zero, d3 = TVector.Zero;
        for (nuint at = 0; steps > 0; steps--)
        {
            TFetch.Fetch(next, 4 * stepBytes);
            next += 4 * stepBytes;
            TVector va = TVector.Load(x);
            TVector vb = TVector.Load(x + lanes);
            TVector vc = TVector.Load(x + 2 * lanes);
            TVector vd = TVector.Load(x + 3 * lanes);
            TVector v = TFormat.Load<TVector>(w + at);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            d0 = TVector.MultiplyAdd(vd, v, d0);
            v = TFormat.Load<TVector>(w1 + at);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            d1 = TVector.MultiplyAdd(vd, v, d1);
            v = TFormat.Load<TVector>(w2 + at);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            d2 = TVector.MultiplyAdd(vd, v, d2);
            v = TFormat.Load<TVector>(w3 + at);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
            d3 = TVector.MultiplyAdd(vd, v, d3);
            x += 4 * lanes;
            at += stepBytes;
        }
        if (sums == null)
        {
            TVector.StoreSums(a0, a1, a2, a3, y);
            TVector.StoreSums(b0, b1, b2, b3, y + yStride);
            TVector.StoreSums(c0, c1, c2, c3, y + 2 * yStride);
            TVector.StoreSums(d0, d1, d2, d3, y + 3 * yStride);
        }
        else
        {
            TVector.Store(a0, sums);
            TVector.Store(a1, sums + lanes);
            TVector.Store(a2, sums + 2 * lanes);
            TVector.Store(a3, sums + 3 * lanes);
            TVector.Store(b0, sums + 4 * lanes);
            TVector.Store(b1, sums + 5 * lanes);
            TVector.Store(b2, sums + 6 * lanes);
            TVector.Store(b3, sums + 7 * lanes);
            TVector.Store(c0, sums + 8 * lanes);
            TVector.Store(c1, sums + 9 * lanes);
            TVector.Store(c2, sums + 10 * lanes);
            TVector.Store(c3, sums + 11 * lanes);
            TVector.Store(d0, sums + 12 * lanes);
            TVector.Store(d1, sums + 13 * lanes);
            TVector.Store(d2, sums + 14 * lanes);
            TVector.Store(d3, sums + 15 * lanes);
        }
    }

    /// <summary>Six tokens, four rows.</summary>
    public static void Tile6x4<TFormat, TVector, TFetch>(
        float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums, float* y, nuint yStride)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
        where TFetch : struct, IFetch
    {
        nuint lanes = (nuint)TVector.Count;
        nuint stepBytes = lanes * (nuint)TFormat.Size;
        byte* w1 = w + rowBytes;
        byte* w2 = w1 + rowBytes;
        byte* w3 = w2 + rowBytes;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        TVector d0 = TVector.Zero, d1 = TVector.Zero, d2 = TVector.Zero, d3 = TVector.Zero;
        TVector e0 = TVector.Zero, e1 = TVector.Zero, e2 = TVector.Zero, e3 = TVector.Zero;
        TVector f0 = TVector.Zero, f1 = TVector.Zero, f2 = TVector.Zero, f3 = TVector.Zero;
        for (nuint at = 0; steps > 0; steps--)
        {
            TFetch.Fetch(next, 4 * stepBytes);
            next += 4 * stepBytes;
            TVector v0 = TFormat.Load<TVector>(w + at);
            TVector v1 = TFormat.Load<TVector>(w1 + at);
            TVector v2 = TFormat.Load<TVector>(w2 + at);
            TVector v3 = TFormat.Load<TVector>(w3 + at);
            TVector v = TVector.Load(x);
            a0 = TVector.MultiplyAdd(v, v0, a0);
            a1 = TVector.MultiplyAdd(v, v1, a1);
            a2 = TVector.MultiplyAdd(v, v2, a2);
            a3 = TVector.MultiplyAdd(v, v3, a3);
            v = TVector.Load(x + lanes);
            b0 = TVector.MultiplyAdd(v, v0, b0);
            b1 = TVector.MultiplyAdd(v, v1, b1);
            b2 = TVector.MultiplyAdd(v, v2, b2);
            b3 = TVector.MultiplyAdd(v, v3, b3);
            v = TVector.Load(x + 2 * lanes);
            c0 = TVector.MultiplyAdd(v, v0, c0);
            c1 = TVector.MultiplyAdd(v, v1, c1);
            c2 = TVector.MultiplyAdd(v, v2, c2);
            c3 = TVector.MultiplyAdd(v, v3, c3);
            v = TVector.Load(x + 3 * lanes);
            d0 = TVector.MultiplyAdd(v, v0, d0);
            d1 = TVector.MultiplyAdd(v, v1, d1);
            d2 = TVector.MultiplyAdd(v, v2, d2);
            d3 = TVector.MultiplyAdd(v, v3, d3);
            v = TVector.Load(x + 4 * lanes);
            e0 = TVector.MultiplyAdd(v, v0, e0);
            e1 = TVector.MultiplyAdd(v, v1, e1);
            e2 = TVector.MultiplyAdd(v, v2, e2);
            e3 = TVector.MultiplyAdd(v, v3, e3);
            v = TVector.Load(x + 5 * lanes);
            f0 = TVector.MultiplyAdd(v, v0, f0);
            f1 = TVector.MultiplyAdd(v, v1, f1);
            f2 = TVector.MultiplyAdd(v, v2, f2);
            f3 = TVector.MultiplyAdd(v, v3, f3);
            x += 6 * lanes;
            at += stepBytes;
        }
        if (sums == null)
        {
            TVector.StoreSums(a0, a1, a2, a3, y);
            TVector.StoreSums(b0, b1, b2, b3, y + yStride);
            TVector.StoreSums(c0, c1, c2, c3, y + 2 * yStride);
            TVector.StoreSums(d0, d1, d2, d3, y + 3 * yStride);
            TVector.StoreSums(e0, e1, e2, e3, y + 4 * yStride);
            TVector.StoreSums(f0, f1, f2, f3, y + 5 * yStride);
        }
        else
        {
            TVector.Store(a0, sums);
            TVector.Store(a1, sums + lanes);
            TVector.Store(a2, sums + 2 * lanes);
            TVector.Store(a3, sums + 3 * lanes);
            TVector.Store(b0, sums + 4 * lanes);
            TVector.Store(b1, sums + 5 * lanes);
            TVector.Store(b2, sums + 6 * lanes);
            TVector.Store(b3, sums + 7 * lanes);
            TVector.Store(c0, sums + 8 * lanes);
            TVector.Store(c1, sums + 9 * lanes);
            TVector.Store(c2, sums + 10 * lanes);
            TVector.Store(c3, sums + 11 * lanes);
            TVector.Store(d0, sums + 12 * lanes);
            TVector.Store(d1, sums + 13 * lanes);
            TVector.Store(d2, sums + 14 * lanes);
            TVector.Store(d3, sums + 15 * lanes);
            TVector.Store(e0, sums + 16 * lanes);
            TVector.Store(e1, sums + 17 * lanes);
            TVector.Store(e2, sums + 18 * lanes);
            TVector.Store(e3, sums + 19 * lanes);
            TVector.Store(f0, sums + 20 * lanes);
            TVector.Store(f1, sums + 21 * lanes);
            TVector.Store(f2, sums + 22 * lanes);
            TVector.Store(f3, sums + 23 * lanes);
        }
    }
}
