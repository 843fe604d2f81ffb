using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Forecast;

/// <summary>What kernels keep for themselves on every thread: activations quantised or packed for a product, weights widened, sums put aside.</summary>
/// <param name="columns">The most columns of a matrix that is read where the file has it; 0 without one.</param>
/// <param name="packedColumns">The most columns of a packed one.</param>
/// <param name="convolutionColumns">The most columns of a convolution.</param>
/// <param name="threads">Threads that compute.</param>
sealed class KernelScratch(int columns, int packedColumns, int convolutionColumns, int threads)
{
    /// <summary>The kernels' scratch of a model of outlines.</summary>
    public static KernelScratch Of(OutlineParameters outlines, int threads)
    {
        int columns = 0, packed = 0, convolutions = 0;
        foreach ((ParameterRequest request, WeightMatrix matrix) in outlines.Matrices)
        {
            if (request.ModuleType == "Convolution")
            {
                convolutions = Math.Max(convolutions, matrix.Columns);
            }
            else if (matrix.PackedBytes > 0)
            {
                packed = Math.Max(packed, matrix.Columns);
            }
            else if (outlines.Linears.Weights.Contains(matrix))
            {
                columns = Math.Max(columns, matrix.Columns);
            }
        }

        return new KernelScratch(columns, packed, convolutions, threads);
    }

    /// <summary>Bytes of products of so many rows.</summary>
    public long Step(int rows) =>
        Math.Max(PackedProduct.ScratchBytes(rows, packedColumns), columns == 0 ? 0 : PanelProduct.ScratchBytes(rows, columns))
            + (columns == 0 ? 0 : threads * PanelProduct.ThreadScratchBytes(rows, columns));

    /// <summary>Bytes of convolutions.</summary>
    public long Picture => threads * ColumnProduct.ScratchBytes(convolutionColumns);
}
