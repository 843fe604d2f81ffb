using System.Buffers;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Conversion;

/// <summary>Makes the rows of a matrix in another form: read, decoded to float32, changed by adapters, rounded to the result's type, quantised or
/// written.</summary>
/// <remarks>Codes are written as they come; scales and biases, a small part, wait in memory until the codes are done.</remarks>
sealed class MatrixRows
{
    readonly PlannedMatrix _plan;
    readonly ConversionWork _work;
    readonly int _weightBytes;
    readonly int _scaleBytes;
    readonly int _biasBytes;
    readonly byte[] _scales;
    readonly byte[] _biases;
    byte[] _sourceWeights = [];
    byte[] _sourceScales = [];
    byte[] _sourceBiases = [];
    byte[] _weights = [];
    int _done;
    int _pieceRow;

    public MatrixRows(PlannedMatrix plan, ConversionWork work)
    {
        (_plan, _work) = (plan, work);
        int columns = plan.ColumnCount;
        _weightBytes = plan.Format is { } format ? format.WordsPerRow(columns) * 4 : columns * plan.Type.SizeInBytes();
        _scaleBytes = plan.Format is null ? 0 : plan.Format.GroupsPerRow(columns) * plan.Declarations[1].Type.SizeInBytes();
        _biasBytes = plan.Format is { HasBiases: true } ? _scaleBytes : 0;
        _scales = new byte[(long)plan.RowCount * _scaleBytes];
        _biases = new byte[(long)plan.RowCount * _biasBytes];
    }

    public void Write(TensorReader reader, TensorSink sink)
    {
        StoredMatrix source = _plan.Source;
        int rowBytes = Math.Max(source.WeightRowBytes, source.Columns * sizeof(float));
        int rowsPerPiece = Math.Max(1, ConversionWork.PieceBytes / Math.Max(1, rowBytes));
        bool hasBiases = source.Biases is not null;
        _sourceWeights = new byte[rowsPerPiece * source.WeightRowBytes];
        _sourceScales = new byte[rowsPerPiece * source.ScaleRowBytes];
        _sourceBiases = new byte[hasBiases ? rowsPerPiece * source.ScaleRowBytes : 0];
        _weights = new byte[rowsPerPiece * _weightBytes];
        foreach (IndexRange range in _plan.Rows)
        {
            for (int row = range.First; row < range.End; row += rowsPerPiece)
            {
                int count = Math.Min(rowsPerPiece, range.End - row);
                reader.Read(source.Weight, (long)row * source.WeightRowBytes, _sourceWeights.AsSpan(0, count * source.WeightRowBytes));
                if (source.Scales is not null)
                {
                    reader.Read(source.Scales, (long)row * source.ScaleRowBytes, _sourceScales.AsSpan(0, count * source.ScaleRowBytes));
                }

                if (source.Biases is not null)
                {
                    reader.Read(source.Biases, (long)row * source.ScaleRowBytes, _sourceBiases.AsSpan(0, count * source.ScaleRowBytes));
                }

                _pieceRow = row;
                Job job = new(this);
                _work.Team.Run(ref job, count, Math.Max(1, count / (8 * _work.Team.Threads)));
                sink.Write(_plan.Declarations[0].Name, _weights.AsSpan(0, count * _weightBytes));
                _done += count;
            }
        }

        if (_plan.Format is not null)
        {
            sink.Write(_plan.Declarations[1].Name, _scales);
        }

        if (_biasBytes > 0)
        {
            sink.Write(_plan.Declarations[2].Name, _biases);
        }
    }

    readonly struct Job(MatrixRows owner) : IParallelJob
    {
        public void Run(int first, int last) => owner.Convert(first, last);
    }

    void Convert(int first, int last)
    {
        int columns = _plan.ColumnCount;
        float[] values = ArrayPool<float>.Shared.Rent(_plan.Source.Columns);
        byte[] rounded = ArrayPool<byte>.Shared.Rent(columns * sizeof(float));
        try
        {
            for (int r = first; r < last; r++)
            {
                Decode(r, values.AsSpan(0, _plan.Source.Columns));
                _work.Merge?.AddTo(_plan.Source.Module, _pieceRow + r, values.AsSpan(0, _plan.Source.Columns));
                Select(values);
                Encode(r, values.AsSpan(0, columns), rounded);
            }
        }
        finally
        {
            ArrayPool<float>.Shared.Return(values);
            ArrayPool<byte>.Shared.Return(rounded);
        }
    }

    void Decode(int r, Span<float> values)
    {
        StoredMatrix source = _plan.Source;
        ReadOnlySpan<byte> weights = Row(_sourceWeights, r, source.WeightRowBytes);
        if (source.Weight.Blocks is BlockType blocks)
        {
            BlockRows.Read(blocks, weights, values);
            return;
        }

        if (source.Format is null)
        {
            StoredFloats.Read(weights, source.Weight.Type, values);
            return;
        }

        Quantizer.DequantizeRow(
            weights, Row(_sourceScales, r, source.ScaleRowBytes), source.Biases is null ? [] : Row(_sourceBiases, r, source.ScaleRowBytes),
            source.NumberType, source.Format, values);
    }

    /// <summary>Moves the columns that stay to the front.</summary>
    void Select(float[] values)
    {
        int at = 0;
        foreach (IndexRange range in _plan.Columns)
        {
            values.AsSpan(range.First, range.Count).CopyTo(values.AsSpan(at));
            at += range.Count;
        }
    }

    void Encode(int r, Span<float> values, byte[] scratch)
    {
        Span<byte> weights = _weights.AsSpan(r * _weightBytes, _weightBytes);
        if (_plan.Format is null)
        {
            StoredFloats.Write(values, _plan.Type, weights);
            return;
        }

        if (_plan.Source.Format is not null || _plan.Source.Weight.Type != _plan.Type || _work.Merge?.Contains(_plan.Source.Module) == true)
        {
            // The quantiser sees what a checkpoint of that type would hold.
            Span<byte> rounded = scratch.AsSpan(0, values.Length * _plan.Type.SizeInBytes());
            StoredFloats.Write(values, _plan.Type, rounded);
            StoredFloats.Read(rounded, _plan.Type, values);
        }

        int row = _done + r;
        Quantizer.QuantizeRow(
            values, _plan.Type, _plan.Format, _work.Rounding, weights, _scales.AsSpan(row * _scaleBytes, _scaleBytes),
                _biases.AsSpan(row * _biasBytes, _biasBytes));
    }

    static ReadOnlySpan<byte> Row(byte[] bytes, int row, int rowBytes) => bytes.AsSpan(row * rowBytes, rowBytes);
}
