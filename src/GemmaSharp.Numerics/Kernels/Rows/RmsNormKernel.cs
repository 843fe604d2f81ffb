using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>x / √(mean(x²) + ε) ⊙ weight</c></summary>
/// <remarks>The sum of squares is accumulated in float32 vector lanes. Safe from any number of threads.</remarks>
static class RmsNormKernel
{
    /// <summary>Normalises one row.</summary>
    /// <param name="x"><c>[n]</c></param>
    /// <param name="weight"><c>[n]</c>, or empty for none.</param>
    /// <param name="eps">ε, added to the mean of squares.</param>
    /// <param name="destination"><c>[n]</c>; may be <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static void Apply(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float eps, Span<float> destination)
    {
        float scale = 1f / MathF.Sqrt(VectorMath.SumOfSquares(x) / x.Length + eps);
        if (weight.IsEmpty)
        {
            VectorMath.Scale(x, scale, destination);
        }
        else
        {
            Elementwise.Apply(x, weight, new ScaleMultiplyOperator(scale), destination);
        }
    }

    /// <summary>Normalises rows as long as the weight.</summary>
    /// <param name="x"><c>[rows, n]</c></param>
    /// <param name="weight"><c>[n]</c>, not empty.</param>
    /// <param name="eps">ε, added to the mean of squares.</param>
    /// <param name="destination"><c>[rows, n]</c>; may be <paramref name="x"/>.</param>
    /// <param name="team">The threads that share the rows.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static void Rows(
        ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float eps, Span<float> destination, WorkerTeam team) =>
        Rows(x, weight, weight.Length, eps, destination, team);

    /// <summary>Normalises rows of a given length, without a weight.</summary>
    /// <param name="x"><c>[rows, n]</c></param>
    /// <param name="rowLength">n</param>
    /// <param name="eps">ε, added to the mean of squares.</param>
    /// <param name="destination"><c>[rows, n]</c>; may be <paramref name="x"/>.</param>
    /// <param name="team">The threads that share the rows.</param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static void Rows(ReadOnlySpan<float> x, int rowLength, float eps, Span<float> destination, WorkerTeam team) =>
        Rows(x, [], rowLength, eps, destination, team);

    static void Rows(
        ReadOnlySpan<float> x, ReadOnlySpan<float> weight, int rowLength, float eps, Span<float> destination, WorkerTeam team)
    {
        ArgumentNullException.ThrowIfNull(team);
        Elementwise.CheckLength(x.Length, destination.Length, nameof(destination));
        if (x.IsEmpty)
        {
            return;
        }
        if (rowLength < 1 || x.Length % rowLength != 0)
        {
            throw new ArgumentException(
                $"x has {x.Length} elements; rows of {rowLength} need a multiple of that.", nameof(x));
        }
        RowsJob job = new(x, weight, rowLength, eps, destination);
        team.Run(ref job, x.Length / rowLength, grain: Math.Max(1, RowsJob.ChunkElements / rowLength));
    }

    /// <summary><c>(s · x) · y</c></summary>
    internal readonly struct ScaleMultiplyOperator(float s) : IBinaryOperator
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public TVector Invoke<TVector>(TVector x, TVector y)
            where TVector : struct, IVector<TVector> => TVector.Create(s) * x * y;
    }

    readonly ref struct RowsJob(
        ReadOnlySpan<float> x, ReadOnlySpan<float> weight, int rowLength, float eps, Span<float> destination) : IParallelJob
    {
        // About the work that outweighs waking a second thread.
        public const int ChunkElements = 8192;

        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _weight = weight;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            for (int row = first; row < last; row++)
            {
                Apply(
                    _x.Slice(row * rowLength, rowLength), _weight, eps, _destination.Slice(row * rowLength, rowLength));
            }
        }
    }
}
