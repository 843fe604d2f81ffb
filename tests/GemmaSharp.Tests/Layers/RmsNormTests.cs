using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Tests.Layers;

/// <summary>The norm layer over many rows.</summary>
public sealed class RmsNormTests
{
    const int Width = 500;
    const int Count = 37;
    const float Eps = 1e-6f;

    static float[] Values(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() * 8) - 4)];
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(2, true)]
    [InlineData(3, true)]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    public void Forward_AnyThreads_IsRowByRow(int threads, bool weighted)
    {
        float[] x = Values(1, Count * Width), weight = weighted ? Values(2, Width) : [], expected = new float[x.Length];
        for (int row = 0; row < Count; row++)
        {
            RmsNormKernel.Apply(x.AsSpan(row * Width, Width), weight, Eps, expected.AsSpan(row * Width, Width));
        }

        using WorkerTeam team = new(threads);
        using var p = new Pass(team);
        var norm = new RmsNorm(weight, Width, Eps);
        Rows rows = p.Copy(x, Width);
        Assert.Equal(expected, norm.Forward(rows, p).Span);
        Assert.Equal(x, rows.Span);
        Assert.Equal(expected, norm.InPlace(rows, p).Span);
        Assert.Equal(0, norm.Forward(p.New(0, Width), p).Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void AddTo_WithABound_ClipsNormsAndAdds(int threads)
    {
        const float Bound = 1.5f, Factor = 0.5f;
        float[] x = Values(3, Count * Width), y = Values(4, Count * Width), weight = Values(5, Width);
        float[] expected = new float[x.Length];
        for (int row = 0; row < Count; row++)
        {
            float[] branch = [.. y.AsSpan(row * Width, Width).ToArray().Select(v => Math.Clamp(v, -Bound, Bound))];
            RmsNormKernel.Apply(branch, weight, Eps, branch);
            VectorMath.MultiplyAdd(branch, Factor, x.AsSpan(row * Width, Width), expected.AsSpan(row * Width, Width));
        }

        using WorkerTeam team = new(threads);
        using var p = new Pass(team);
        Rows rows = p.Copy(x, Width);
        new RmsNorm(weight, Width, Eps, Bound).AddTo(rows, p.Copy(y, Width), Factor, p);
        Assert.Equal(expected, rows.Span);
    }
}
