using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Layers;

/// <summary>Activations laid out to be the right side of products with many rows: <c>y = x · B</c>, in float32, or in bfloat16 with float32 sums.</summary>
/// <remarks>Lives in the scratch memory of a <see cref="Pass"/>, like the rows it was made of. A row of y depends on its row of x alone.</remarks>
readonly struct PackedMatrix
{
    readonly Floats _packed;
    readonly BFloat16Layout _reduced;
    readonly int _inner;

    PackedMatrix(Floats packed, int inner, int columns) => (_packed, _inner, Columns) = (packed, inner, columns);

    PackedMatrix(BFloat16Layout reduced) => (_reduced, _inner, Columns) = (reduced, reduced.Columns, reduced.Rows);

    /// <summary>Columns of B and y.</summary>
    public int Columns { get; }

    /// <summary>B is the rows as they are, <c>[k, n]</c>.</summary>
    /// <param name="b">The rows.</param>
    /// <param name="reduced">Whether both sides are rounded to bfloat16, where the machine multiplies such numbers.</param>
    /// <param name="p">The pass.</param>
    public static PackedMatrix Of(Rows b, bool reduced, Pass p)
    {
        if (reduced && BFloat16Product.IsSupported)
        {
            return new(BFloat16Layout.OfTransposed(b.Span, b.Width, b.Count, p.NewFloats(BFloat16Layout.FloatsOf(b.Width, b.Count))));
        }

        Floats packed = p.NewFloats(ColumnProduct.PackedLength(b.Count, b.Width));
        ColumnProduct.Pack(b.Span, b.Count, b.Width, packed.Span);
        return new(packed, b.Count, b.Width);
    }

    /// <summary>B is the rows' transpose, <c>[n, k]</c> turned.</summary>
    /// <inheritdoc cref="Of" path="/param"/>
    public static PackedMatrix OfTransposed(Rows b, bool reduced, Pass p)
    {
        if (reduced && BFloat16Product.IsSupported)
        {
            return new(BFloat16Layout.Of(b.Span, b.Count, b.Width, p.NewFloats(BFloat16Layout.FloatsOf(b.Count, b.Width))));
        }

        Floats packed = p.NewFloats(ColumnProduct.PackedLength(b.Width, b.Count));
        ColumnProduct.PackTransposed(b.Span, b.Width, b.Count, packed.Span);
        return new(packed, b.Width, b.Count);
    }

    /// <summary><c>y = x · B</c>, on the calling thread.</summary>
    /// <param name="x"><c>[m, k]</c></param>
    /// <param name="y">Receives <c>[m, n]</c>; must not overlap <paramref name="x"/>.</param>
    /// <returns><paramref name="y"/></returns>
    public Rows Multiply(Rows x, Rows y)
    {
        if (_packed.Length == 0)
        {
            BFloat16Product.Multiply(x.Span, x.Count, _reduced, y.Span, null);
        }
        else
        {
            ColumnProduct.Multiply(x.Span, x.Count, _packed.Span, _inner, Columns, y.Span);
        }

        return y;
    }
}
