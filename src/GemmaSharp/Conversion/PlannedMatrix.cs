using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion;

/// <summary>A linear layer or an embedding of the result: some rows and columns of a stored one, in a given form.</summary>
sealed class PlannedMatrix : IPlannedTensor
{
    /// <param name="source">The stored matrix.</param>
    /// <param name="name">Module path in the result.</param>
    /// <param name="rows">Rows that stay.</param>
    /// <param name="columns">Columns that stay.</param>
    /// <param name="format">Quantised form of the result; <see langword="null"/> for dense.</param>
    /// <param name="type">Type of dense weights, or of scales and biases.</param>
    /// <param name="merged">Whether adapters change it.</param>
    /// <exception cref="ConversionException">A column selection cuts a group of codes that are to be copied.</exception>
    public PlannedMatrix(
        StoredMatrix source, string name, IReadOnlyList<IndexRange> rows, IReadOnlyList<IndexRange> columns, QuantizationFormat? format, ElementType type,
            bool merged)
    {
        (Source, Name, Rows, Columns, Format, Type) = (source, name, rows, columns, format, type);
        IsCopy = !merged && source.Format == format && (format is not null || source.Weight.Type == type);
        if (IsCopy && format is not null
            && columns.FirstOrDefault(range => range.First % format.GroupSize != 0 || range.Count % format.GroupSize != 0) is { Count: > 0 } cut)
        {
            throw new ConversionException(
                $"The slice takes columns {cut.First} to {cut.End} of {source.Module}, which cuts a group of {format.Name}; use widths in multiples of "
                    + $"{format.GroupSize}, or slice the unquantised checkpoint.");
        }

        Declarations = Declare();
    }

    public StoredMatrix Source { get; }

    public string Name { get; }

    public IReadOnlyList<IndexRange> Rows { get; }

    public IReadOnlyList<IndexRange> Columns { get; }

    public QuantizationFormat? Format { get; }

    public ElementType Type { get; }

    public int RowCount => IndexRange.Total(Rows);

    public int ColumnCount => IndexRange.Total(Columns);

    public IReadOnlyList<TensorDeclaration> Declarations { get; }

    public IEnumerable<StoredTensor> Sources => ((StoredTensor?[])[Source.Weight, Source.Scales, Source.Biases]).OfType<StoredTensor>();

    /// <summary>Whether codes, or numbers of the same type, are copied as they are.</summary>
    public bool IsCopy { get; }

    public void Write(TensorReader reader, TensorSink sink, ConversionWork work)
    {
        if (!IsCopy)
        {
            new MatrixRows(this, work).Write(reader, sink);
            return;
        }

        CopyRows(reader, sink, Source.Weight, Source.WeightRowBytes, Bytes(Format is null ? 8 * Type.SizeInBytes() : Format.Bits), Declarations[0]);
        if (Format is not null)
        {
            CopyRows(reader, sink, Source.Scales!, Source.ScaleRowBytes, ScaleBytes(), Declarations[1]);
        }

        if (Format is { HasBiases: true })
        {
            CopyRows(reader, sink, Source.Biases!, Source.ScaleRowBytes, ScaleBytes(), Declarations[2]);
        }
    }

    TensorDeclaration[] Declare()
    {
        if (Format is null)
        {
            return [new(Name + ".weight", Type, [RowCount, ColumnCount])];
        }

        TensorDeclaration weight = new(Name + ".weight", ElementType.U32, [RowCount, Format.WordsPerRow(ColumnCount)]);
        TensorDeclaration scales = new(Name + ".scales", Format.HasBiases ? Type : ElementType.U8, [RowCount, Format.GroupsPerRow(ColumnCount)]);
        return Format.HasBiases ? [weight, scales, scales with { Name = Name + ".biases" }] : [weight, scales];
    }

    IReadOnlyList<IndexRange> Bytes(int bits) =>
        [.. Columns.Select(range => new IndexRange((int)((long)range.First * bits / 8), (int)((long)range.Count * bits / 8)))];

    IReadOnlyList<IndexRange> ScaleBytes()
    {
        int size = Source.Scales!.Type.SizeInBytes();
        return [.. Columns.Select(range => new IndexRange(range.First / Format!.GroupSize * size, range.Count / Format.GroupSize * size))];
    }

    /// <summary>Copies the chosen bytes of the chosen rows; scales and biases may change their type on the way.</summary>
    void CopyRows(TensorReader reader, TensorSink sink, StoredTensor tensor, int rowBytes, IReadOnlyList<IndexRange> bytes, TensorDeclaration target)
    {
        int kept = IndexRange.Total(bytes), rowsPerPiece = Math.Max(1, ConversionWork.PieceBytes / Math.Max(1, rowBytes));
        byte[] source = new byte[(long)rowsPerPiece * rowBytes], selected = new byte[(long)rowsPerPiece * kept];
        foreach (IndexRange range in Rows)
        {
            for (int row = range.First; row < range.End; row += rowsPerPiece)
            {
                int count = Math.Min(rowsPerPiece, range.End - row);
                reader.Read(tensor, (long)row * rowBytes, source.AsSpan(0, count * rowBytes));
                int at = 0;
                for (int r = 0; r < count; r++)
                {
                    foreach (IndexRange part in bytes)
                    {
                        source.AsSpan(r * rowBytes + part.First, part.Count).CopyTo(selected.AsSpan(at));
                        at += part.Count;
                    }
                }

                sink.Write(target.Name, Cast(selected.AsSpan(0, at), tensor.Type, target.Type));
            }
        }
    }

    static ReadOnlySpan<byte> Cast(ReadOnlySpan<byte> bytes, ElementType from, ElementType to)
    {
        // Codes are U32 whatever they mean; only scales and biases can differ here.
        if (from == to || to is ElementType.U8 or ElementType.U32)
        {
            return bytes;
        }

        float[] values = new float[bytes.Length / from.SizeInBytes()];
        StoredFloats.Read(bytes, from, values);
        byte[] cast = new byte[values.Length * to.SizeInBytes()];
        StoredFloats.Write(values, to, cast);
        return cast;
    }
}
