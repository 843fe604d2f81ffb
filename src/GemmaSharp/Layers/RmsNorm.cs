using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Layers;

/// <summary><c>x / √(mean(x²) + ε) ⊙ weight</c>, row by row; of the conformer <c>clip(x)</c> in place of x.</summary>
/// <param name="weight"><c>[Width]</c>; empty for none.</param>
/// <param name="width">Values of a row.</param>
/// <param name="eps">ε, added to the mean of squares.</param>
/// <param name="bound">Values are first clipped to ± this; infinite for no clipping.</param>
/// <remarks>The sum of squares is accumulated in float32. Immutable, thread-safe.</remarks>
sealed class RmsNorm(float[] weight, int width, float eps, float bound = float.PositiveInfinity)
{
    // About the work that outweighs waking a second thread.
    const int ChunkElements = 8192;

    /// <summary>Values of a row.</summary>
    public int Width => width;

    /// <summary><c>RMS(x)</c> of every row.</summary>
    public Rows Forward(Rows x, Pass p) => Forward(x, p.New(x.Count, x.Width), p);

    /// <summary><c>x ← RMS(x)</c></summary>
    public Rows InPlace(Rows x, Pass p) => Forward(x, x, p);

    /// <summary><c>x ← x + factor · RMS(y)</c>: the end of a branch, whose rows y are overwritten.</summary>
    public void AddTo(Rows x, Rows y, float factor, Pass p)
    {
        using PassProfile.Section _ = p.Measure(PassPart.Norms);
        p.ForEach((this, x, y, factor), x.Count, Math.Max(1, ChunkElements / width), static (s, first, last) =>
        {
            for (int t = first; t < last; t++)
            {
                s.Item1.Apply(s.y[t], s.y[t]);
                VectorMath.MultiplyAdd(s.y[t], s.factor, s.x[t], s.x[t]);
            }
        });
    }

    /// <summary><c>RMS(x)</c> of one row, on the calling thread.</summary>
    /// <param name="x"><c>[Width]</c></param>
    /// <param name="destination"><c>[Width]</c>; may be <paramref name="x"/>.</param>
    public void Apply(ReadOnlySpan<float> x, Span<float> destination)
    {
        if (float.IsFinite(bound))
        {
            Clamp.Apply(x, bound, destination);
            x = destination;
        }

        RmsNormKernel.Apply(x, weight, eps, destination);
    }

    Rows Forward(Rows x, Rows destination, Pass p)
    {
        using PassProfile.Section _ = p.Measure(PassPart.Norms);
        p.ForEach((this, x, destination), x.Count, Math.Max(1, ChunkElements / width), static (s, first, last) =>
        {
            for (int t = first; t < last; t++)
            {
                s.Item1.Apply(s.x[t], s.destination[t]);
            }
        });
        return destination;
    }
}
