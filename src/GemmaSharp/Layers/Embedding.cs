using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>A table of vectors by id, <c>E [count, dimension]</c>. Rows are read where they are stored; the table is never read whole.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class Embedding(WeightMatrix weight)
{
    /// <summary>E, <c>[count, dimension]</c>.</summary>
    public WeightMatrix Weight => weight;

    /// <summary>Values of a row.</summary>
    public int Dimension => weight.Columns;

    /// <summary><c>scale · E[id]</c></summary>
    /// <param name="id">0 to count − 1.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="destination"><c>[dimension]</c></param>
    public void Read(int id, float scale, Span<float> destination)
    {
        weight.ReadRow(id, destination);
        VectorMath.Scale(destination, scale, destination);
    }
}
