using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>A table of vectors by id, <c>E [count, dimension]</c>. Rows are read where they are stored; the table is never read whole.</summary>
/// <remarks>Immutable once the model is built, thread-safe.</remarks>
sealed class Embedding(WeightMatrix weight)
{
    /// <summary>E, <c>[count, dimension]</c>.</summary>
    public WeightMatrix Weight => weight;

    /// <summary>Values of a row.</summary>
    public int Dimension => weight.Columns;

    /// <summary>Whether products are computed with the table, too, such as the head's.</summary>
    public bool IsMultiplied { get; set; }

    /// <summary><c>scale · E[id]</c></summary>
    /// <param name="id">0 to count − 1.</param>
    /// <param name="scale">Factor.</param>
    /// <param name="destination"><c>[dimension]</c></param>
    public void Read(int id, float scale, Span<float> destination)
    {
        // What products read is in memory anyway; of other tables a long conversation would leave all of it there.
        if (IsMultiplied && weight.PackedBytes == 0)
        {
            weight.ReadRow(id, destination);
        }
        else
        {
            weight.LookUpRow(id, destination);
        }

        VectorMath.Scale(destination, scale, destination);
    }
}
