using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests.Kernels;

public class WeightedSumTests
{
    const int Count = 7;
    const int Stride = 9;

    public static TheoryData<string> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Accumulate_EveryWidthTo257_MatchesPlainLoopInDouble(string width) => KernelTest.ForEveryLength((length, start, random) =>
    {
        if (length == 0)
        {
            return;
        }

        // Four groups and more go through the tile, the others row by row.
        int groups = 1 + (length % 6);
        float[] weights = Randoms.Singles(random, start + (groups * Stride)), rows = Randoms.Singles(random, 1 + (Count * length));
        float[] sums = Randoms.Singles(random, start + (groups * length) + 1), before = [.. sums];
        Accumulate(width, weights.AsSpan(start), rows.AsSpan(1), Count, length, sums.AsSpan(start, groups * length));
        for (int i = 0; i < groups * length; i++)
        {
            (int g, int c) = (i / length, i % length);
            double want = before[start + i], magnitude = Math.Abs(want);
            for (int j = 0; j < Count; j++)
            {
                double term = (double)weights[start + (g * Stride) + j] * rows[1 + (j * length) + c];
                want += term;
                magnitude += Math.Abs(term);
            }

            Assert.True(Math.Abs(sums[start + i] - want) <= 1e-6 * magnitude, $"width {length}, group {g}, column {c}: {sums[start + i]}, should be {want}");
        }

        Assert.Equal(before[^1], sums[^1]);
        Assert.Equal(before.AsSpan(0, start), sums.AsSpan(0, start));
    });

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Accumulate_InRunsOrGroupByGroup_GivesTheSameBits(string width)
    {
        var random = new Random(1);
        foreach (int length in (int[])[16, 32, 64, 70, 256])
        {
            const int Groups = 5;
            float[] weights = Randoms.Singles(random, Groups * Stride), rows = Randoms.Singles(random, Count * length);
            float[] whole = new float[Groups * length], runs = new float[Groups * length], single = new float[Groups * length];
            Accumulate(width, weights, rows, Count, length, whole);
            Accumulate(width, weights, rows, 3, length, runs);
            Accumulate(width, weights.AsSpan(3), rows.AsSpan(3 * length), Count - 3, length, runs);
            for (int g = 0; g < Groups; g++)
            {
                Accumulate(width, weights.AsSpan(g * Stride), rows, Count, length, single.AsSpan(g * length, length));
            }

            Assert.Equal(whole, runs);
            Assert.Equal(whole, single);
        }
    }

    [Fact]
    public void Accumulate_TooShortSpans_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => WeightedSum.Accumulate(new float[4], 4, Singles(new float[15]), 4, 4, new float[4]));
        Assert.Throws<ArgumentException>(() => WeightedSum.Accumulate(new float[7], 4, Singles(new float[16]), 4, 4, new float[8]));
        Assert.Throws<ArgumentException>(() => WeightedSum.Accumulate(new float[4], 4, Singles(new float[16]), 4, 4, new float[5]));
        Assert.Throws<ArgumentException>(() => WeightedSum.Accumulate(new float[4], 4, new StoredRows(new byte[128], ElementType.F64), 4, 4, new float[4]));
    }

    [Theory]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F16)]
    public void Accumulate_RowsOfAnotherForm_HasTheBitsOfTheSameSingles(ElementType type) => KernelTest.ForEveryLength((length, start, random) =>
    {
        if (length == 0)
        {
            return;
        }

        int groups = 1 + (length % 6);
        float[] weights = Randoms.Singles(random, groups * Stride), rows = Randoms.Singles(random, Count * length);
        float[] sums = Randoms.Singles(random, groups * length), same = [.. sums];
        byte[] stored = new byte[rows.Length * type.SizeInBytes()];
        StoredFloats.Write(rows, type, stored);
        StoredFloats.Read(stored, type, rows);
        WeightedSum.Accumulate(weights, Stride, new StoredRows(stored, type), Count, length, sums);
        WeightedSum.Accumulate(weights, Stride, Singles(rows), Count, length, same);
        Assert.Equal(same.Select(BitConverter.SingleToInt32Bits), sums.Select(BitConverter.SingleToInt32Bits));
    });

    static StoredRows Singles(ReadOnlySpan<float> rows) => new(MemoryMarshal.AsBytes(rows), ElementType.F32);

    static unsafe void Accumulate(string width, ReadOnlySpan<float> weights, ReadOnlySpan<float> rows, int count, int length, Span<float> sums)
    {
        fixed (float* w = weights, r = rows, s = sums)
        {
            Widths.Run(width, new WeightedSum.Kernel<SingleWeights>(w, Stride, (byte*)r, count, length, s, sums.Length / length));
        }
    }
}
