using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary><c>RMS(clip(x)) = clip(x) / √(mean(clip(x)²) + ε) ⊙ weight</c>, row by row; the conformer's only norm.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
/// <param name="weight"><c>[D]</c></param>
/// <param name="eps">ε</param>
/// <param name="bound">Values are clipped to ± this; infinite for no clipping.</param>
sealed class ClippedRmsNorm(float[] weight, float eps, float bound)
{
    // About the work that outweighs waking a second thread.
    const int ChunkElements = 8192;

    /// <summary><c>RMS(clip(x))</c> of one row.</summary>
    /// <param name="x"><c>[D]</c></param>
    /// <param name="destination"><c>[D]</c>; may be <paramref name="x"/>.</param>
    public void Apply(ReadOnlySpan<float> x, Span<float> destination)
    {
        if (float.IsFinite(bound))
        {
            Clamp.Apply(x, bound, destination);
            x = destination;
        }

        RmsNormKernel.Apply(x, weight, eps, destination);
    }

    /// <summary><c>RMS(clip(x))</c></summary>
    /// <param name="x"><c>[rows, D]</c></param>
    /// <param name="destination"><c>[rows, D]</c>; may be <paramref name="x"/>.</param>
    /// <param name="team">The threads that share the rows.</param>
    public void Apply(ReadOnlySpan<float> x, Span<float> destination, WorkerTeam team)
    {
        ApplyJob job = new(this, x, destination, weight.Length);
        team.Run(ref job, x.Length / weight.Length, Math.Max(1, ChunkElements / weight.Length));
    }

    /// <summary><c>x + factor · RMS(clip(y))</c>, the end of every branch.</summary>
    /// <param name="y"><c>[rows, D]</c>; overwritten.</param>
    /// <param name="factor">Weight of the branch.</param>
    /// <param name="x"><c>[rows, D]</c>: the residual stream, read and written.</param>
    /// <param name="team">The threads that share the rows.</param>
    public void AddTo(Span<float> y, float factor, Span<float> x, WorkerTeam team)
    {
        AddJob job = new(this, y, factor, x, weight.Length);
        team.Run(ref job, x.Length / weight.Length, Math.Max(1, ChunkElements / weight.Length));
    }

    readonly ref struct ApplyJob(ClippedRmsNorm norm, ReadOnlySpan<float> x, Span<float> destination, int width) : IParallelJob
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            for (int row = first; row < last; row++)
            {
                norm.Apply(_x.Slice(row * width, width), _destination.Slice(row * width, width));
            }
        }
    }

    readonly ref struct AddJob(ClippedRmsNorm norm, Span<float> y, float factor, Span<float> x, int width) : IParallelJob
    {
        readonly Span<float> _y = y;
        readonly Span<float> _x = x;

        public void Run(int first, int last)
        {
            for (int row = first; row < last; row++)
            {
                Span<float> branch = _y.Slice(row * width, width);
                Span<float> stream = _x.Slice(row * width, width);
                norm.Apply(branch, branch);
                VectorMath.MultiplyAdd(branch, factor, stream, stream);
            }
        }
    }
}
