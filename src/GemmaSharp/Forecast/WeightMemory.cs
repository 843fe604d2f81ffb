using GemmaSharp.Checkpoints;
using GemmaSharp.Layers;

namespace GemmaSharp.Forecast;

/// <summary>What the weights of one part of a model take.</summary>
/// <param name="Packed">Bytes of the panels that integer products read; the file's own are given back.</param>
/// <param name="Mapped">Bytes read whole where the file has them, once something is multiplied with them.</param>
/// <param name="Tables">The most bytes in memory of tables whose rows are looked up.</param>
/// <param name="Copied">Bytes of norms, turned kernels and other small tensors, kept as float32.</param>
readonly record struct WeightMemory(long Packed, long Mapped, long Tables, long Copied)
{
    /// <summary>The weights whose modules a condition holds for.</summary>
    /// <param name="outlines">A model of outlines whose products have been prepared.</param>
    /// <param name="isWanted">Whether a module is of the part, by its path.</param>
    public static WeightMemory Of(OutlineParameters outlines, Func<string, bool> isWanted)
    {
        WeightMemory sum = default;
        foreach ((ParameterRequest request, var matrix) in outlines.Matrices.Where(outline => isWanted(outline.Request.ModulePath)))
        {
            bool isTable = request.ModuleType == "Embedding";
            if (matrix.PackedBytes > 0)
            {
                sum += new WeightMemory(matrix.PackedBytes, 0, isTable ? Math.Min(matrix.StoredBytes, Embedding.LookupBytes) : 0, 0);
            }
            else if (isTable && !outlines.Linears.Weights.Contains(matrix))
            {
                sum += new WeightMemory(0, 0, Math.Min(matrix.StoredBytes, Embedding.LookupBytes), 0);
            }
            else
            {
                sum += new WeightMemory(0, matrix.StoredBytes, 0, 0);
            }
        }

        return sum with { Copied = outlines.Requests.Where(request => isWanted(request.ModulePath)).Sum(request => request.CopiedBytes) };
    }

    public static WeightMemory operator +(WeightMemory a, WeightMemory b) =>
        new(a.Packed + b.Packed, a.Mapped + b.Mapped, a.Tables + b.Tables, a.Copied + b.Copied);
}
