using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Forecast;

/// <summary>What the weights of one part of a model take. Tables whose rows are looked up take nothing.</summary>
/// <param name="Packed">Bytes of the panels that integer products read; the file's own are given back.</param>
/// <param name="Read">Bytes that are read whole once something is multiplied with them: where the file has them, or a tower's panels in bfloat16.</param>
/// <param name="Copied">Bytes of norms, turned kernels and other small tensors, kept as float32.</param>
readonly record struct WeightMemory(long Packed, long Read, long Copied)
{
    /// <summary>The weights whose modules a condition holds for.</summary>
    /// <param name="outlines">A model of outlines whose products have been prepared.</param>
    /// <param name="isWanted">Whether a module is of the part, by its path.</param>
    /// <param name="isTower">Whether it is a tower, whose matrices are multiplied in bfloat16 where that may be and can be.</param>
    public static WeightMemory Of(OutlineParameters outlines, Func<string, bool> isWanted, bool isTower)
    {
        bool isReduced = isTower && ReducedMatrix.IsSupported && outlines.LeastReducedWeights is long least
            && outlines.Matrices.Where(outline => isWanted(outline.Request.ModulePath) && IsDense(outline.Request))
                .Sum(outline => (long)outline.Matrix.Rows * outline.Matrix.Columns) >= least;
        WeightMemory sum = default;
        foreach ((ParameterRequest request, WeightMatrix matrix) in outlines.Matrices.Where(outline => isWanted(outline.Request.ModulePath)))
        {
            bool isLookedUp = request.ModuleType == "Embedding" && !outlines.Linears.Weights.Contains(matrix);
            long read = isReduced && IsReducible(request) ? BFloat16Layout.BytesOf(matrix.Rows, matrix.Columns) : matrix.StoredBytes;
            sum += new WeightMemory(matrix.PackedBytes, matrix.PackedBytes > 0 || isLookedUp ? 0 : read, 0);
        }

        return sum with { Copied = outlines.Requests.Where(request => isWanted(request.ModulePath)).Sum(request => request.CopiedBytes) };
    }

    static bool IsDense(ParameterRequest request) => request.Quantization is null && request.Stored is { Blocks: null };

    /// <summary>Whether all numbers of a matrix are bfloat16, by its type; what is stored in more bits may be, too, and mostly is not.</summary>
    static bool IsReducible(ParameterRequest request) => request.Stored is { Blocks: null, Type: ElementType.BF16 };

    public static WeightMemory operator +(WeightMemory a, WeightMemory b) => new(a.Packed + b.Packed, a.Read + b.Read, a.Copied + b.Copied);
}
