using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Conversion.Comparison;

/// <summary>A stored parameter whose rows can be read as float32 in Hugging Face's order, however it is stored.</summary>
sealed class ComparedParameter(string name, StoredTensor weight)
{
    byte[] _weights = [];
    byte[] _scales = [];
    byte[] _biases = [];
    float[] _row = [];

    /// <summary>Canonical name.</summary>
    public string Name => name;

    /// <summary>The stored weight.</summary>
    public StoredTensor Weight => weight;

    /// <summary>The quantised tensors; <see langword="null"/> when dense.</summary>
    public StoredMatrix? Matrix { get; init; }

    /// <summary>Shape in Hugging Face's layout, unpacked.</summary>
    public required IReadOnlyList<long> Shape { get; init; }

    /// <summary>Where each element of a stored row of a kernel comes from; <see langword="null"/> for rows in Hugging Face's order.</summary>
    public int[]? Order { get; init; }

    /// <summary>Whether the model also runs without it, or does not use it.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether its values are numbers this can read.</summary>
    public bool IsFloat => Matrix is not null || weight.Type is ElementType.F64 or ElementType.F32 or ElementType.F16 or ElementType.BF16;

    /// <summary>Elements of the first axis.</summary>
    public long Rows => Shape.Count == 0 ? 1 : Shape[0];

    /// <summary>Elements of a row.</summary>
    public long RowLength => Shape.Skip(1).Aggregate(1L, (size, axis) => size * axis);

    /// <summary>Its tensors.</summary>
    public IEnumerable<StoredTensor> Parts => Matrix is { Scales: StoredTensor scales } ? Matrix.Biases is StoredTensor biases ? [weight, scales, biases] : [weight, scales] : [weight];

    /// <summary>What is told about it.</summary>
    public ParameterForm Form => new(weight.Name, weight.File.Name, Shape, Matrix?.Format?.Name ?? weight.Type.Name().ToLowerInvariant());

    /// <summary>Whether equal bytes mean equal values.</summary>
    public bool IsStoredAs(ComparedParameter other) =>
        (Order is null) == (other.Order is null) && (Order is null || Order.AsSpan().SequenceEqual(other.Order))
        && Matrix?.Format == other.Matrix?.Format && Parts.Zip(other.Parts).All(pair => pair.First.Type == pair.Second.Type && pair.First.Entry.Length == pair.Second.Entry.Length);

    /// <summary>Whether values lie in Hugging Face's order, so that they can be read in any pieces.</summary>
    public bool IsFlat => Matrix is null && Order is null;

    /// <summary>Reads rows as float32.</summary>
    /// <param name="reader">Reads the file.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">How many.</param>
    /// <param name="length">Elements of a row: <see cref="RowLength"/>, or any where it <see cref="IsFlat"/>.</param>
    /// <param name="destination">Receives the values.</param>
    public void Read(TensorReader reader, long first, int count, int length, Span<float> destination)
    {
        if (Matrix is { Format: QuantizationFormat format } matrix)
        {
            ReadOnlySpan<byte> codes = Bytes(reader, weight, ref _weights, first, count, matrix.WeightRowBytes);
            ReadOnlySpan<byte> scales = Bytes(reader, matrix.Scales!, ref _scales, first, count, matrix.ScaleRowBytes);
            ReadOnlySpan<byte> biases = matrix.Biases is null ? [] : Bytes(reader, matrix.Biases, ref _biases, first, count, matrix.ScaleRowBytes);
            for (int r = 0; r < count; r++)
            {
                Quantizer.DequantizeRow(
                    Row(codes, r, matrix.WeightRowBytes), Row(scales, r, matrix.ScaleRowBytes), biases.IsEmpty ? [] : Row(biases, r, matrix.ScaleRowBytes),
                    matrix.NumberType, format, destination.Slice(r * matrix.Columns, matrix.Columns));
            }

            return;
        }

        ReadOnlySpan<byte> bytes = Bytes(reader, weight, ref _weights, first, count, length * weight.Type.SizeInBytes());
        if (weight.Type == ElementType.F64)
        {
            for (int i = 0; i < count * length; i++)
            {
                destination[i] = (float)BitConverter.ToDouble(bytes[(i * sizeof(double))..]);
            }
        }
        else
        {
            StoredFloats.Read(bytes, weight.Type, destination[..(count * length)]);
        }

        Reorder(destination, count, length);
    }

    void Reorder(Span<float> rows, int count, int length)
    {
        if (Order is null)
        {
            return;
        }

        _row = _row.Length >= length ? _row : new float[length];
        for (int r = 0; r < count; r++)
        {
            Span<float> row = rows.Slice(r * length, length);
            row.CopyTo(_row);
            for (int i = 0; i < length; i++)
            {
                row[i] = _row[Order[i]];
            }
        }
    }

    static ReadOnlySpan<byte> Bytes(TensorReader reader, StoredTensor tensor, ref byte[] buffer, long first, int count, int rowBytes)
    {
        int bytes = checked(count * rowBytes);
        if (buffer.Length < bytes)
        {
            buffer = new byte[bytes];
        }

        Span<byte> read = buffer.AsSpan(0, bytes);
        reader.Read(tensor, first * rowBytes, read);
        return read;
    }

    static ReadOnlySpan<byte> Row(ReadOnlySpan<byte> bytes, int row, int rowBytes) => bytes.Slice(row * rowBytes, rowBytes);
}
