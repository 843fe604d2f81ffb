// Written by tests/GemmaSharp.Numerics.Tests/Generation/TileWriter.cs: change the tiles there.
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// The inner loops of large products: a block of outputs whose sums stay in registers. Sums may be put aside between
/// blocks of columns and taken up again, which changes no bit.
/// </summary>
/// <remarks>
/// Packed operands, one step being one vector of columns: x <c>[steps, tokens, lanes]</c>, w <c>[steps, 4, lanes]</c>,
/// sums <c>[tokens, 4, lanes]</c>. <c>first</c>: the sums start from 0 instead of those put aside; <c>last</c>: they
/// are folded into y <c>[tokens, 4]</c> instead of being put aside. The sums are locals by name, because the
/// compiler keeps an array on the stack. Six by four fills the 32 registers of AVX-512 and Arm, three by four the 16 of AVX2.
/// </remarks>
static unsafe class RegisterTile
{
    /// <summary>The tile of so many tokens: 6, 4, 3, 2 or 1.</summary>
    public static void Multiply<TVector>(
        int tokens, float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        switch (tokens)
        {
            case 6:
                Tile6x4<TVector>(x, w, steps, sums, first, last, y, yStride);
                break;
            case 4:
                Tile4x4<TVector>(x, w, steps, sums, first, last, y, yStride);
                break;
            case 3:
                Tile3x4<TVector>(x, w, steps, sums, first, last, y, yStride);
                break;
            case 2:
                Tile2x4<TVector>(x, w, steps, sums, first, last, y, yStride);
                break;
            default:
                Tile1x4<TVector>(x, w, steps, sums, first, last, y, yStride);
                break;
        }
    }

    /// <summary>Six tokens, four rows.</summary>
    public static void Tile6x4<TVector>(
        float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        nuint lanes = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        TVector d0 = TVector.Zero, d1 = TVector.Zero, d2 = TVector.Zero, d3 = TVector.Zero;
        TVector e0 = TVector.Zero, e1 = TVector.Zero, e2 = TVector.Zero, e3 = TVector.Zero;
        TVector f0 = TVector.Zero, f1 = TVector.Zero, f2 = TVector.Zero, f3 = TVector.Zero;
        if (!first)
        {
            a0 = TVector.Load(sums);
            a1 = TVector.Load(sums + lanes);
            a2 = TVector.Load(sums + 2 * lanes);
            a3 = TVector.Load(sums + 3 * lanes);
            b0 = TVector.Load(sums + 4 * lanes);
            b1 = TVector.Load(sums + 5 * lanes);
            b2 = TVector.Load(sums + 6 * lanes);
            b3 = TVector.Load(sums + 7 * lanes);
            c0 = TVector.Load(sums + 8 * lanes);
            c1 = TVector.Load(sums + 9 * lanes);
            c2 = TVector.Load(sums + 10 * lanes);
            c3 = TVector.Load(sums + 11 * lanes);
            d0 = TVector.Load(sums + 12 * lanes);
            d1 = TVector.Load(sums + 13 * lanes);
            d2 = TVector.Load(sums + 14 * lanes);
            d3 = TVector.Load(sums + 15 * lanes);
            e0 = TVector.Load(sums + 16 * lanes);
            e1 = TVector.Load(sums + 17 * lanes);
            e2 = TVector.Load(sums + 18 * lanes);
            e3 = TVector.Load(sums + 19 * lanes);
            f0 = TVector.Load(sums + 20 * lanes);
            f1 = TVector.Load(sums + 21 * lanes);
            f2 = TVector.Load(sums + 22 * lanes);
            f3 = TVector.Load(sums + 23 * lanes);
        }
        for (; steps > 0; steps--)
        {
            TVector w0 = TVector.Load(w);
            TVector w1 = TVector.Load(w + lanes);
            TVector w2 = TVector.Load(w + 2 * lanes);
            TVector w3 = TVector.Load(w + 3 * lanes);
            TVector v = TVector.Load(x);
            a0 = TVector.MultiplyAdd(v, w0, a0);
            a1 = TVector.MultiplyAdd(v, w1, a1);
            a2 = TVector.MultiplyAdd(v, w2, a2);
            a3 = TVector.MultiplyAdd(v, w3, a3);
            v = TVector.Load(x + lanes);
            b0 = TVector.MultiplyAdd(v, w0, b0);
            b1 = TVector.MultiplyAdd(v, w1, b1);
            b2 = TVector.MultiplyAdd(v, w2, b2);
            b3 = TVector.MultiplyAdd(v, w3, b3);
            v = TVector.Load(x + 2 * lanes);
            c0 = TVector.MultiplyAdd(v, w0, c0);
            c1 = TVector.MultiplyAdd(v, w1, c1);
            c2 = TVector.MultiplyAdd(v, w2, c2);
            c3 = TVector.MultiplyAdd(v, w3, c3);
            v = TVector.Load(x + 3 * lanes);
            d0 = TVector.MultiplyAdd(v, w0, d0);
            d1 = TVector.MultiplyAdd(v, w1, d1);
            d2 = TVector.MultiplyAdd(v, w2, d2);
            d3 = TVector.MultiplyAdd(v, w3, d3);
            v = TVector.Load(x + 4 * lanes);
            e0 = TVector.MultiplyAdd(v, w0, e0);
            e1 = TVector.MultiplyAdd(v, w1, e1);
            e2 = TVector.MultiplyAdd(v, w2, e2);
            e3 = TVector.MultiplyAdd(v, w3, e3);
            v = TVector.Load(x + 5 * lanes);
            f0 = TVector.MultiplyAdd(v, w0, f0);
            f1 = TVector.MultiplyAdd(v, w1, f1);
            f2 = TVector.MultiplyAdd(v, w2, f2);
            f3 = TVector.MultiplyAdd(v, w3, f3);
            x += 6 * lanes;
            w += 4 * lanes;
        }
        if (last)
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

    /// <summary>Four tokens, four rows.</summary>
    public static void Tile4x4<TVector>(
        float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        nuint lanes = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        TVector d0 = TVector.Zero, d1 = TVector.Zero, d2 = TVector.Zero, d3 = TVector.Zero;
        if (!first)
        {
            a0 = TVector.Load(sums);
            a1 = TVector.Load(sums + lanes);
            a2 = TVector.Load(sums + 2 * lanes);
            a3 = TVector.Load(sums + 3 * lanes);
            b0 = TVector.Load(sums + 4 * lanes);
            b1 = TVector.Load(sums + 5 * lanes);
            b2 = TVector.Load(sums + 6 * lanes);
            b3 = TVector.Load(sums + 7 * lanes);
            c0 = TVector.Load(sums + 8 * lanes);
            c1 = TVector.Load(sums + 9 * lanes);
            c2 = TVector.Load(sums + 10 * lanes);
            c3 = TVector.Load(sums + 11 * lanes);
            d0 = TVector.Load(sums + 12 * lanes);
            d1 = TVector.Load(sums + 13 * lanes);
            d2 = TVector.Load(sums + 14 * lanes);
            d3 = TVector.Load(sums + 15 * lanes);
        }
        for (; steps > 0; steps--)
        {
            TVector va = TVector.Load(x);
            TVector vb = TVector.Load(x + lanes);
            TVector vc = TVector.Load(x + 2 * lanes);
            TVector vd = TVector.Load(x + 3 * lanes);
            TVector v = TVector.Load(w);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            d0 = TVector.MultiplyAdd(vd, v, d0);
            v = TVector.Load(w + lanes);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            d1 = TVector.MultiplyAdd(vd, v, d1);
            v = TVector.Load(w + 2 * lanes);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            d2 = TVector.MultiplyAdd(vd, v, d2);
            v = TVector.Load(w + 3 * lanes);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
            d3 = TVector.MultiplyAdd(vd, v, d3);
            x += 4 * lanes;
            w += 4 * lanes;
        }
        if (last)
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

    /// <summary>Three tokens, four rows.</summary>
    public static void Tile3x4<TVector>(
        float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        nuint lanes = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, c2 = TVector.Zero, c3 = TVector.Zero;
        if (!first)
        {
            a0 = TVector.Load(sums);
            a1 = TVector.Load(sums + lanes);
            a2 = TVector.Load(sums + 2 * lanes);
            a3 = TVector.Load(sums + 3 * lanes);
            b0 = TVector.Load(sums + 4 * lanes);
            b1 = TVector.Load(sums + 5 * lanes);
            b2 = TVector.Load(sums + 6 * lanes);
            b3 = TVector.Load(sums + 7 * lanes);
            c0 = TVector.Load(sums + 8 * lanes);
            c1 = TVector.Load(sums + 9 * lanes);
            c2 = TVector.Load(sums + 10 * lanes);
            c3 = TVector.Load(sums + 11 * lanes);
        }
        for (; steps > 0; steps--)
        {
            TVector va = TVector.Load(x);
            TVector vb = TVector.Load(x + lanes);
            TVector vc = TVector.Load(x + 2 * lanes);
            TVector v = TVector.Load(w);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            c0 = TVector.MultiplyAdd(vc, v, c0);
            v = TVector.Load(w + lanes);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            c1 = TVector.MultiplyAdd(vc, v, c1);
            v = TVector.Load(w + 2 * lanes);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            c2 = TVector.MultiplyAdd(vc, v, c2);
            v = TVector.Load(w + 3 * lanes);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            c3 = TVector.MultiplyAdd(vc, v, c3);
            x += 3 * lanes;
            w += 4 * lanes;
        }
        if (last)
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

    /// <summary>Two tokens, four rows.</summary>
    public static void Tile2x4<TVector>(
        float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        nuint lanes = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        TVector b0 = TVector.Zero, b1 = TVector.Zero, b2 = TVector.Zero, b3 = TVector.Zero;
        if (!first)
        {
            a0 = TVector.Load(sums);
            a1 = TVector.Load(sums + lanes);
            a2 = TVector.Load(sums + 2 * lanes);
            a3 = TVector.Load(sums + 3 * lanes);
            b0 = TVector.Load(sums + 4 * lanes);
            b1 = TVector.Load(sums + 5 * lanes);
            b2 = TVector.Load(sums + 6 * lanes);
            b3 = TVector.Load(sums + 7 * lanes);
        }
        for (; steps > 0; steps--)
        {
            TVector va = TVector.Load(x);
            TVector vb = TVector.Load(x + lanes);
            TVector v = TVector.Load(w);
            a0 = TVector.MultiplyAdd(va, v, a0);
            b0 = TVector.MultiplyAdd(vb, v, b0);
            v = TVector.Load(w + lanes);
            a1 = TVector.MultiplyAdd(va, v, a1);
            b1 = TVector.MultiplyAdd(vb, v, b1);
            v = TVector.Load(w + 2 * lanes);
            a2 = TVector.MultiplyAdd(va, v, a2);
            b2 = TVector.MultiplyAdd(vb, v, b2);
            v = TVector.Load(w + 3 * lanes);
            a3 = TVector.MultiplyAdd(va, v, a3);
            b3 = TVector.MultiplyAdd(vb, v, b3);
            x += 2 * lanes;
            w += 4 * lanes;
        }
        if (last)
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

    /// <summary>One token, four rows.</summary>
    public static void Tile1x4<TVector>(
        float* x, float* w, nuint steps, float* sums, bool first, bool last, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        nuint lanes = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, a2 = TVector.Zero, a3 = TVector.Zero;
        if (!first)
        {
            a0 = TVector.Load(sums);
            a1 = TVector.Load(sums + lanes);
            a2 = TVector.Load(sums + 2 * lanes);
            a3 = TVector.Load(sums + 3 * lanes);
        }
        for (; steps > 0; steps--)
        {
            TVector va = TVector.Load(x);
            TVector v = TVector.Load(w);
            a0 = TVector.MultiplyAdd(va, v, a0);
            v = TVector.Load(w + lanes);
            a1 = TVector.MultiplyAdd(va, v, a1);
            v = TVector.Load(w + 2 * lanes);
            a2 = TVector.MultiplyAdd(va, v, a2);
            v = TVector.Load(w + 3 * lanes);
            a3 = TVector.MultiplyAdd(va, v, a3);
            x += lanes;
            w += 4 * lanes;
        }
        if (last)
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
}
