namespace GemmaSharp.Numerics.Tests.Kernels;

/// <summary>Lengths, misaligned starts and comparisons shared by the kernel tests.</summary>
internal static class KernelTest
{
    public const int LastLength = 257;

    /// <summary>Runs a check for every length, each at another misalignment, with inputs seeded by the length.</summary>
    public static void ForEveryLength(Action<int, int, Random> check)
    {
        for (int length = 0; length <= LastLength; length++)
        {
            check(length, length % 5, new Random(length));
        }
    }

    /// <summary>Checks <c>f</c> of one input at every length, also in place, and that nothing outside the destination changes.</summary>
    public static void Unary(
        UnaryKernel kernel, Func<double, double> expected, Func<double, double> tolerance, Func<Random, float>? draw = null) =>
        ForEveryLength((length, start, random) =>
        {
            float[] x = Draw(random, start + length, draw);
            float[] y = Draw(random, start + length + 1, draw);
            float before = start > 0 ? y[start - 1] : 0;
            float after = y[start + length];
            kernel(x.AsSpan(start), y.AsSpan(start, length));
            for (int i = 0; i < length; i++)
            {
                double want = expected(x[start + i]);
                Assert.True(
                    Math.Abs(y[start + i] - want) <= tolerance(want),
                    $"length {length}, element {i}: f({x[start + i]}) is {y[start + i]}, should be {want}");
            }
            Assert.Equal(after, y[start + length]);
            Assert.Equal(before, start > 0 ? y[start - 1] : 0);

            float[] inPlace = [.. x];
            kernel(inPlace.AsSpan(start), inPlace.AsSpan(start));
            Assert.Equal(y.AsSpan(start, length), inPlace.AsSpan(start));
        });

    /// <summary>Checks <c>f</c> of two inputs at every length, also in place of either.</summary>
    public static void Binary(BinaryKernel kernel, Func<double, double, double> expected, Func<double, double> tolerance) =>
        ForEveryLength((length, start, random) =>
        {
            float[] x = Draw(random, start + length, null);
            float[] y = Draw(random, 1 + length, null);
            float[] z = Draw(random, start + length + 1, null);
            float after = z[start + length];
            kernel(x.AsSpan(start), y.AsSpan(1), z.AsSpan(start, length));
            for (int i = 0; i < length; i++)
            {
                double want = expected(x[start + i], y[1 + i]);
                Assert.True(
                    Math.Abs(z[start + i] - want) <= tolerance(want),
                    $"length {length}, element {i}: f({x[start + i]}, {y[1 + i]}) is {z[start + i]}, should be {want}");
            }
            Assert.Equal(after, z[start + length]);

            float[] first = [.. x];
            kernel(first.AsSpan(start), y.AsSpan(1), first.AsSpan(start));
            Assert.Equal(z.AsSpan(start, length), first.AsSpan(start));
            float[] second = [.. y];
            kernel(x.AsSpan(start), second.AsSpan(1), second.AsSpan(1));
            Assert.Equal(z.AsSpan(start, length), second.AsSpan(1));
        });

    static float[] Draw(Random random, int count, Func<Random, float>? draw)
    {
        float[] values = Randoms.Singles(random, count);
        if (draw is not null)
        {
            for (int i = 0; i < count; i++)
            {
                values[i] = draw(random);
            }
        }
        return values;
    }
}

internal delegate void UnaryKernel(ReadOnlySpan<float> x, Span<float> destination);

internal delegate void BinaryKernel(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination);
