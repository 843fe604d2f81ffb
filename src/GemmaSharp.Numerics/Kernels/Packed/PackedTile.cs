using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>What is the same for all tiles of a product.</summary>
readonly struct PackedShape(PackedForm form, int columns, int eightsPerSum)
{
    /// <summary>Blocks of a panel.</summary>
    public readonly int Blocks = form.BlocksOf(columns);

    /// <summary>Bytes of a block.</summary>
    public readonly int BlockBytes = form.BlockBytes;

    /// <summary>Bytes of a block's codes.</summary>
    public readonly int CodeBytes = form.CodeBytes;

    /// <summary>Groups of a block.</summary>
    public readonly int Groups = form.BlockGroups;

    /// <summary>Eights of columns of a group.</summary>
    public readonly int GroupEights = form.GroupSize / 8;

    /// <summary>Eights of columns that are summed in 16 bits.</summary>
    public readonly int SumEights = Math.Min(eightsPerSum, form.GroupSize / 8);

    /// <summary>Bytes of a panel.</summary>
    public readonly nint PanelBytes = (nint)form.PanelBytes(columns);

    /// <summary>What makes biases of scales.</summary>
    public readonly float BiasFactor = form.BiasFactor;
}

/// <summary>
/// The inner loops: a row's sum with a token is, group after group, <c>sum = fma(b, d·Σq, fma(float(Σ c·q), s · d, sum))</c>. The chain is the same
/// in every tile and at every width.
/// </summary>
/// <remarks>
/// One call left in a loop sends the sums to the stack, so what is called here is inlined, and there is little enough of it that the compiler does so.
/// </remarks>
static unsafe class PackedTile<TLanes, TFloat, TCodes, TScales>
    where TLanes : struct, ICodeLanes<TLanes, TFloat>
    where TFloat : struct, IVector<TFloat>
    where TCodes : struct, IPackedCodes
    where TScales : struct, IPackedScales
{
    /// <summary>Bytes asked for ahead of their use.</summary>
    const int Ahead = 1536;

    /// <summary>One token by four vectors of rows: several streams of weights at once read memory faster than one.</summary>
    /// <param name="shape">The product.</param>
    /// <param name="w">The first vector of rows in its panel.</param>
    /// <param name="at1">Where the second is from there.</param>
    /// <param name="at2">Where the third is.</param>
    /// <param name="at3">Where the fourth is.</param>
    /// <param name="next">Where the rows that are next begin, from the end of these.</param>
    /// <param name="x">The token's integers.</param>
    /// <param name="steps">Its steps and sums.</param>
    /// <param name="y">Receives the sums of the rows, side by side.</param>
    public static void One(in PackedShape shape, byte* w, nint at1, nint at2, nint at3, nint next, byte* x, float* steps, float* y)
    {
        TFloat sum0 = TFloat.Zero, sum1 = TFloat.Zero, sum2 = TFloat.Zero, sum3 = TFloat.Zero;
        TFloat factor = TFloat.Create(shape.BiasFactor);
        int groups = shape.Groups, groupEights = shape.GroupEights, sumEights = shape.SumEights;
        byte* turn = w + shape.PanelBytes - Ahead;
        for (int block = shape.Blocks; block > 0; block--)
        {
            byte* lines = w + shape.CodeBytes;
            int eight = 0;
            for (int group = 0; group < groups; group++, steps += 2)
            {
                TLanes dot0 = TLanes.Zero, dot1 = TLanes.Zero, dot2 = TLanes.Zero, dot3 = TLanes.Zero;
                for (int end = eight + groupEights; eight < end;)
                {
                    TLanes part0 = TLanes.Zero, part1 = TLanes.Zero, part2 = TLanes.Zero, part3 = TLanes.Zero;
                    for (int stop = eight + sumEights; eight < stop; eight++, x += 8 * TCodes.ActivationBytes)
                    {
                        if (TFloat.Count >= 8)
                        {
                            byte* ahead = w + eight * (16 * TCodes.Lines) + Ahead + (w >= turn ? next : 0);
                            Fetch(ahead);
                            Fetch(ahead + at2);
                            if (TFloat.Count == 16)
                            {
                                Fetch(ahead + at1);
                                Fetch(ahead + at3);
                            }
                        }

                        part0 = Add(part0, TCodes.First<TLanes, TFloat>(w, eight), x);
                        part0 = Add(part0, TCodes.Second<TLanes, TFloat>(w, eight), x + 4 * TCodes.ActivationBytes);
                        part1 = Add(part1, TCodes.First<TLanes, TFloat>(w + at1, eight), x);
                        part1 = Add(part1, TCodes.Second<TLanes, TFloat>(w + at1, eight), x + 4 * TCodes.ActivationBytes);
                        part2 = Add(part2, TCodes.First<TLanes, TFloat>(w + at2, eight), x);
                        part2 = Add(part2, TCodes.Second<TLanes, TFloat>(w + at2, eight), x + 4 * TCodes.ActivationBytes);
                        part3 = Add(part3, TCodes.First<TLanes, TFloat>(w + at3, eight), x);
                        part3 = Add(part3, TCodes.Second<TLanes, TFloat>(w + at3, eight), x + 4 * TCodes.ActivationBytes);
                    }

                    dot0 = Widened(dot0, part0);
                    dot1 = Widened(dot1, part1);
                    dot2 = Widened(dot2, part2);
                    dot3 = Widened(dot3, part3);
                }

                sum0 = Fold(sum0, dot0, lines, group, groups, factor, steps);
                sum1 = Fold(sum1, dot1, lines + at1, group, groups, factor, steps);
                sum2 = Fold(sum2, dot2, lines + at2, group, groups, factor, steps);
                sum3 = Fold(sum3, dot3, lines + at3, group, groups, factor, steps);
            }

            w += shape.BlockBytes;
        }

        TFloat.Store(sum0, y);
        TFloat.Store(sum1, y + TFloat.Count);
        TFloat.Store(sum2, y + 2 * TFloat.Count);
        TFloat.Store(sum3, y + 3 * TFloat.Count);
    }

    /// <summary>Four tokens by two vectors of rows: codes are taken apart once for all four.</summary>
    /// <param name="shape">The product.</param>
    /// <param name="w">The first vector of rows in its panel.</param>
    /// <param name="at1">Where the second is from there.</param>
    /// <param name="x">The integers of the first token.</param>
    /// <param name="steps">Its steps and sums.</param>
    /// <param name="token">Bytes from token to token.</param>
    /// <param name="y">Receives the sums of the first token's rows, side by side.</param>
    /// <param name="stride">Elements from token to token of <paramref name="y"/>.</param>
    public static void Four(in PackedShape shape, byte* w, nint at1, byte* x, float* steps, nint token, float* y, nint stride)
    {
        TFloat sum00 = TFloat.Zero, sum01 = TFloat.Zero, sum10 = TFloat.Zero, sum11 = TFloat.Zero;
        TFloat sum20 = TFloat.Zero, sum21 = TFloat.Zero, sum30 = TFloat.Zero, sum31 = TFloat.Zero;
        TFloat factor = TFloat.Create(shape.BiasFactor);
        int groups = shape.Groups, groupEights = shape.GroupEights, sumEights = shape.SumEights;
        for (int block = shape.Blocks; block > 0; block--)
        {
            byte* lines = w + shape.CodeBytes;
            int eight = 0;
            for (int group = 0; group < groups; group++, steps += 2)
            {
                TLanes dot00 = TLanes.Zero, dot01 = TLanes.Zero, dot10 = TLanes.Zero, dot11 = TLanes.Zero;
                TLanes dot20 = TLanes.Zero, dot21 = TLanes.Zero, dot30 = TLanes.Zero, dot31 = TLanes.Zero;
                for (int end = eight + groupEights; eight < end;)
                {
                    TLanes part00 = TLanes.Zero, part01 = TLanes.Zero, part10 = TLanes.Zero, part11 = TLanes.Zero;
                    TLanes part20 = TLanes.Zero, part21 = TLanes.Zero, part30 = TLanes.Zero, part31 = TLanes.Zero;
                    for (int stop = eight + sumEights; eight < stop; eight++, x += 8 * TCodes.ActivationBytes)
                    {
                        TLanes code0 = TCodes.First<TLanes, TFloat>(w, eight), code1 = TCodes.First<TLanes, TFloat>(w + at1, eight);
                        part00 = Add(part00, code0, x);
                        part01 = Add(part01, code1, x);
                        part10 = Add(part10, code0, x + token);
                        part11 = Add(part11, code1, x + token);
                        part20 = Add(part20, code0, x + 2 * token);
                        part21 = Add(part21, code1, x + 2 * token);
                        part30 = Add(part30, code0, x + 3 * token);
                        part31 = Add(part31, code1, x + 3 * token);
                        code0 = TCodes.Second<TLanes, TFloat>(w, eight);
                        code1 = TCodes.Second<TLanes, TFloat>(w + at1, eight);
                        byte* last = x + 4 * TCodes.ActivationBytes;
                        part00 = Add(part00, code0, last);
                        part01 = Add(part01, code1, last);
                        part10 = Add(part10, code0, last + token);
                        part11 = Add(part11, code1, last + token);
                        part20 = Add(part20, code0, last + 2 * token);
                        part21 = Add(part21, code1, last + 2 * token);
                        part30 = Add(part30, code0, last + 3 * token);
                        part31 = Add(part31, code1, last + 3 * token);
                    }

                    dot00 = Widened(dot00, part00);
                    dot01 = Widened(dot01, part01);
                    dot10 = Widened(dot10, part10);
                    dot11 = Widened(dot11, part11);
                    dot20 = Widened(dot20, part20);
                    dot21 = Widened(dot21, part21);
                    dot30 = Widened(dot30, part30);
                    dot31 = Widened(dot31, part31);
                }

                TFloat scale = TScales.Scale<TLanes, TFloat>(lines, group, groups);
                TFloat bias = TScales.Bias<TLanes, TFloat>(lines, group, groups, scale, factor);
                sum00 = Fold(sum00, dot00, scale, bias, steps);
                sum10 = Fold(sum10, dot10, scale, bias, (float*)((byte*)steps + token));
                sum20 = Fold(sum20, dot20, scale, bias, (float*)((byte*)steps + 2 * token));
                sum30 = Fold(sum30, dot30, scale, bias, (float*)((byte*)steps + 3 * token));
                scale = TScales.Scale<TLanes, TFloat>(lines + at1, group, groups);
                bias = TScales.Bias<TLanes, TFloat>(lines + at1, group, groups, scale, factor);
                sum01 = Fold(sum01, dot01, scale, bias, steps);
                sum11 = Fold(sum11, dot11, scale, bias, (float*)((byte*)steps + token));
                sum21 = Fold(sum21, dot21, scale, bias, (float*)((byte*)steps + 2 * token));
                sum31 = Fold(sum31, dot31, scale, bias, (float*)((byte*)steps + 3 * token));
            }

            w += shape.BlockBytes;
        }

        TFloat.Store(sum00, y);
        TFloat.Store(sum01, y + TFloat.Count);
        TFloat.Store(sum10, y + stride);
        TFloat.Store(sum11, y + stride + TFloat.Count);
        TFloat.Store(sum20, y + 2 * stride);
        TFloat.Store(sum21, y + 2 * stride + TFloat.Count);
        TFloat.Store(sum30, y + 3 * stride);
        TFloat.Store(sum31, y + 3 * stride + TFloat.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes Add(TLanes sum, TLanes codes, byte* x) => TCodes.ActivationBytes == 1
        ? TLanes.MultiplyAdd(sum, codes, TLanes.Repeat(x))
        : TLanes.MultiplyAdd16(sum, codes, TLanes.Repeat(x), TLanes.Repeat(x + 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TLanes Widened(TLanes dot, TLanes part) => TLanes.Add(dot, TCodes.ActivationBytes == 1 ? TLanes.Widen(part) : part);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TFloat Fold(TFloat sum, TLanes dot, byte* lines, int group, int groups, TFloat factor, float* steps)
    {
        TFloat scale = TScales.Scale<TLanes, TFloat>(lines, group, groups);
        return Fold(sum, dot, scale, TScales.Bias<TLanes, TFloat>(lines, group, groups, scale, factor), steps);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TFloat Fold(TFloat sum, TLanes dot, TFloat scale, TFloat bias, float* steps) => TFloat.MultiplyAdd(
        bias, TFloat.Create(steps[1]), TFloat.MultiplyAdd(TLanes.ToFloat(dot), scale * TFloat.Create(steps[0]), sum));

    /// <summary>The lines that eight columns come to, a quarter of a span's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Fetch(byte* ahead)
    {
        Prefetch.FirstLevel(ahead);
        if (TCodes.Lines > 4)
        {
            Prefetch.FirstLevel(ahead + PackedForm.LineBytes);
        }
    }
}
