using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Layers;

/// <summary>Activations laid out to be the right side of products with many rows: <c>y = x · B</c>.</summary>
/// <remarks>Lives in the scratch memory of a <see cref="Pass"/>, like the rows it was made of. A row of y depends on its row of x alone.</remarks>
readonly struct PackedMatrix
{
    readonly Floats _packed;
    readonly int _inner;

    PackedMatrix(int inner, int columns, Pass p)
    {
        _packed = p.NewFloats(ColumnProduct.PackedLength(inner, columns));
        _inner = inner;
        Columns = columns;
    }

    /// <summary>Columns of B and y.</summary>
    public int Columns { get; }

    /// <summary>B is the rows as they are, <c>[k, n]</c>.</summary>
    public static PackedMatrix Of(Rows b, Pass p)
    {
        var packed = new PackedMatrix(b.Count, b.Width, p);
        ColumnProduct.Pack(b.Span, b.Count, b.Width, packed._packed.Span);
        return packed;
    }

    /// <summary>B is the rows' transpose, <c>[n, k]</c> turned.</summary>
    public static PackedMatrix OfTransposed(Rows b, Pass p)
    {
        var packed = new PackedMatrix(b.Width, b.Count, p);
        ColumnProduct.PackTransposed(b.Span, b.Width, b.Count, packed._packed.Span);
        return packed;
    }

    /// <summary><c>y = x · B</c>, on the calling thread.</summary>
    /// <param name="x"><c>[m, k]</c></param>
    /// <param name="y">Receives <c>[m, n]</c>; must not overlap <paramref name="x"/>.</param>
    /// <returns><paramref name="y"/></returns>
    public Rows Multiply(Rows x, Rows y)
    {
        ColumnProduct.Multiply(x.Span, x.Count, _packed.Span, _inner, Columns, y.Span);
        return y;
    }
}
