using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>Elementwise operations over all rows of a step, split over the worker team row by row so that a row's bits do not depend on its neighbours.</summary>
static class Rowwise
{
    /// <summary><c>x + y</c></summary>
    public static void Add(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination, TextWorkspace workspace)
    {
        var job = new AddJob(x, y, destination, x.Length / workspace.Rows);
        workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
    }

    /// <summary><c>(x + y + z) / √2</c>: attention and LAuReL averaged into the residual.</summary>
    public static void AverageResiduals(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> z, Span<float> destination, TextWorkspace workspace)
    {
        var job = new AverageJob(x, y, z, destination, x.Length / workspace.Rows);
        workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
    }

    /// <summary><c>x ⊙ weight</c> with the same weight for every row.</summary>
    public static void Scale(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, Span<float> destination, TextWorkspace workspace)
    {
        var job = new ScaleJob(x, weight, destination);
        workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
    }

    readonly ref struct AddJob(ReadOnlySpan<float> x, ReadOnlySpan<float> y, Span<float> destination, int width) : IParallelJob
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _y = y;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                VectorMath.Add(_x.Slice(t * width, width), _y.Slice(t * width, width), _destination.Slice(t * width, width));
            }
        }
    }

    readonly ref struct AverageJob(ReadOnlySpan<float> x, ReadOnlySpan<float> y, ReadOnlySpan<float> z, Span<float> destination, int width) : IParallelJob
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _y = y;
        readonly ReadOnlySpan<float> _z = z;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            const float InverseSqrt2 = 0.70710678118654752f;
            for (int t = first; t < last; t++)
            {
                Span<float> row = _destination.Slice(t * width, width);
                VectorMath.Add(_x.Slice(t * width, width), _y.Slice(t * width, width), row);
                VectorMath.Add(row, _z.Slice(t * width, width), row);
                VectorMath.Scale(row, InverseSqrt2, row);
            }
        }
    }

    readonly ref struct ScaleJob(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, Span<float> destination) : IParallelJob
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _weight = weight;
        readonly Span<float> _destination = destination;

        public void Run(int first, int last)
        {
            int width = _weight.Length;
            for (int t = first; t < last; t++)
            {
                VectorMath.Multiply(_x.Slice(t * width, width), _weight, _destination.Slice(t * width, width));
            }
        }
    }
}
