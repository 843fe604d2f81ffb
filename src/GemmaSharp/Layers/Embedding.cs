using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>A table of vectors by id, <c>E [count, dimension]</c>. Rows are read where they are stored; the table is never read whole.</summary>
/// <remarks>
/// A system keeps what was read of a mapped file, and of every row it maps the sixteen pages around: a long conversation would end with all of a large table.
/// So the pages are given back after some rows. Immutable but for that, thread-safe.
/// </remarks>
sealed class Embedding(WeightMatrix weight)
{
    /// <summary>The most bytes of a table that stay in memory because its rows were looked up, about.</summary>
    public const long LookupBytes = 32 << 20;

    // Codes, scales and biases of a row lie in three places, and Linux maps the 64 KB around each.
    const uint LookupRows = (uint)(LookupBytes / (3 * (64 << 10)));

    uint _reads;

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
        weight.ReadRow(id, destination);
        VectorMath.Scale(destination, scale, destination);

        // Products that read the file, and not a packed copy, would read it all again.
        if (Interlocked.Increment(ref _reads) % LookupRows == 0 && (!IsMultiplied || weight.PackedBytes > 0))
        {
            weight.ForgetRows();
        }
    }
}
