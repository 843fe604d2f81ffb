using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>The arithmetic of an adapter on activations: <c>y += (weight · s · (x · Aᵀ)) · Bᵀ</c> in float32.</summary>
/// <remarks>Every output is one chain of multiply-adds over the rank in ascending order, whatever the rows and threads.</remarks>
static class LoraProduct
{
    /// <summary>Multiplications that outweigh waking other threads.</summary>
    const int WorthSharing = 1 << 16;

    /// <summary>Adds what one adapter adds to some rows of a layer.</summary>
    /// <param name="pair">A and B.</param>
    /// <param name="weight">The adapter's weight.</param>
    /// <param name="x">The layer's input, <c>[rows, in]</c>.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="low">Scratch, <c>[rows, r]</c>.</param>
    /// <param name="y">The layer's output, <c>[rows, out]</c>.</param>
    /// <param name="team">The threads that share the work.</param>
    public static void Add(LoraPair pair, float weight, ReadOnlySpan<float> x, int rows, Span<float> low, Span<float> y, WorkerTeam team)
    {
        long inputs = pair.Module.InFeatures, outputs = pair.Module.OutFeatures, steps = (long)rows * pair.Rank;
        MatMul.Multiply(x, rows, pair.Down, pair.Rank, pair.Module.InFeatures, low, pair.Rank, steps * inputs < WorthSharing ? null : team);
        VectorMath.Scale(low, weight * pair.Scale, low);
        var job = new UpJob(pair, low, rows, y);
        if (steps * outputs < WorthSharing)
        {
            job.Run(0, job.Items);
        }
        else
        {
            team.Run(ref job, job.Items);
        }
    }

    /// <summary><c>y += low · Bᵀ</c>; one item is a block of outputs of a few rows.</summary>
    readonly ref struct UpJob(LoraPair pair, ReadOnlySpan<float> low, int rows, Span<float> y) : IParallelJob
    {
        const int BlockOutputs = 1024;
        const int BlockRows = 8;

        readonly ReadOnlySpan<float> _low = low;
        readonly Span<float> _y = y;

        public int Items => RowBlocks * ((pair.Module.OutFeatures + BlockOutputs - 1) / BlockOutputs);

        int RowBlocks => (rows + BlockRows - 1) / BlockRows;

        public void Run(int first, int last)
        {
            int outputs = pair.Module.OutFeatures, rank = pair.Rank;
            for (int item = first; item < last; item++)
            {
                int start = item / RowBlocks * BlockOutputs, count = Math.Min(BlockOutputs, outputs - start);
                int firstRow = item % RowBlocks * BlockRows, lastRow = Math.Min(firstRow + BlockRows, rows);
                for (int row = firstRow; row < lastRow; row++)
                {
                    Span<float> sums = _y.Slice((row * outputs) + start, count);
                    for (int k = 0; k < rank; k++)
                    {
                        VectorMath.MultiplyAdd(pair.Up.AsSpan((k * outputs) + start, count), _low[(row * rank) + k], sums, sums);
                    }
                }
            }
        }
    }
}

/// <summary>What an adapter adds to one linear layer: <c>ΔW = s · B · A</c>.</summary>
/// <param name="Module">The layer.</param>
/// <param name="Rank">r, 1 or more.</param>
/// <param name="Down">A, <c>[r, in]</c>.</param>
/// <param name="Up">Bᵀ, <c>[r, out]</c>, so that a row of the output is a sum of its rows.</param>
/// <param name="Scale">s.</param>
sealed record LoraPair(LinearModule Module, int Rank, float[] Down, float[] Up, float Scale)
{
    /// <summary>Bytes of both matrices.</summary>
    public long Bytes => sizeof(float) * ((long)Down.Length + Up.Length);
}
