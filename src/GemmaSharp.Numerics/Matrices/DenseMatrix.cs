using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>Weights stored as bfloat16, IEEE half or float32, one number each.</summary>
/// <remarks>Weights are widened to float32 as they are read; products are accumulated in float32. Immutable and thread-safe.</remarks>
sealed unsafe class DenseMatrix : WeightMatrix
{
    readonly TensorData _data;
    readonly int _stride;
    readonly long _first;

    /// <summary>Wraps a stored tensor; nothing is copied.</summary>
    /// <param name="data">BF16, F16 or F32 in C order; <c>[d0, d1, …]</c> becomes d0 rows of d1 · … columns.</param>
    /// <exception cref="ArgumentException">The type is another one, or there is no dimension.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not lie inside its block.</exception>
    /// <exception cref="OverflowException">A dimension exceeds an int.</exception>
    public DenseMatrix(TensorData data)
        : base(RowsOf(data), ColumnsOf(data))
    {
        if (data.Type is not (ElementType.BF16 or ElementType.F16 or ElementType.F32))
        {
            throw new ArgumentException(
                $"A dense matrix of {data.Type.Name()} was given; products are made of BF16, F16 and F32.", nameof(data));
        }
        data.Block.CheckRange(data.Offset, data.Length);
        _data = data;
        _stride = Columns;
    }

    DenseMatrix(DenseMatrix whole, int firstRow, int rows, int firstColumn, int columns)
        : base(rows, columns)
    {
        _data = whole._data;
        _stride = whole._stride;
        _first = whole._first + (long)firstRow * _stride + firstColumn;
    }

    /// <inheritdoc/>
    public override string FormatName => _data.Type switch
    {
        ElementType.BF16 => BFloat16Weights.Name,
        ElementType.F16 => HalfWeights.Name,
        _ => SingleWeights.Name,
    };

    /// <inheritdoc/>
    public override long StoredBytes => (long)Rows * Columns * _data.Type.SizeInBytes();

    /// <summary>Copies float32 values into a matrix.</summary>
    /// <param name="values"><c>[rows, columns]</c></param>
    /// <param name="rows">Output features.</param>
    /// <param name="columns">Input features.</param>
    /// <returns>The matrix.</returns>
    /// <exception cref="ArgumentException"><paramref name="values"/> has another length.</exception>
    public static DenseMatrix FromSingles(float[] values, int rows, int columns)
    {
        ArgumentNullException.ThrowIfNull(values);
        if (values.Length != (long)rows * columns)
        {
            throw new ArgumentException(
                $"There are {values.Length} values; a matrix of {rows} × {columns} needs {(long)rows * columns}.", nameof(values));
        }
        NativeBlock block = NativeBlock.Allocate((long)values.Length * sizeof(float));
        fixed (float* source = values)
        {
            NativeMemory.Copy(source, block.Pointer, (nuint)block.Length);
        }
        return new(new TensorData(block, 0, ElementType.F32, [rows, columns]));
    }

    /// <summary>A rectangle of the matrix, as a view of the same tensor.</summary>
    /// <param name="firstRow">First row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="firstColumn">First column.</param>
    /// <param name="columns">Number of columns.</param>
    /// <returns>The view; its products have the bits of a matrix stored by itself.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The rectangle does not lie inside the matrix.</exception>
    public DenseMatrix Slice(int firstRow, int rows, int firstColumn, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(firstColumn);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Rows - firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, Columns - firstColumn);
        return new(this, firstRow, rows, firstColumn, columns);
    }

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        _data.ToSingles(_first + (long)row * _stride, destination);
    }

    /// <inheritdoc/>
    public override void LookUpRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        int size = _data.Type.SizeInBytes(), bytes = Columns * size;
        byte* stored = ThreadScratch.Of<byte>(ScratchPurpose.StoredRow, bytes);
        _data.Block.Copy(_data.Offset + (_first + (long)row * _stride) * size, new Span<byte>(stored, bytes));
        fixed (float* target = destination)
        {
            StoredFloats.Read(stored, _data.Type, (nuint)Columns, target);
        }
    }

    /// <summary>Says that the weights will hardly be read again, since a copy of them was made.</summary>
    internal void Forget()
    {
        int size = _data.Type.SizeInBytes();
        if (Rows > 0 && Columns > 0)
        {
            _data.Block.Forget(_data.Offset + _first * size, (((Rows - 1) * (long)_stride) + Columns) * size);
        }
    }

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        CheckArguments(x, tokens, y, team);
        int size = _data.Type.SizeInBytes();
        byte* w = _data.Block.Pointer + _data.Offset + _first * size;
        nuint rowBytes = (nuint)_stride * (nuint)size;
        fixed (float* px = x)
        fixed (float* py = y)
        {
            nuint xStride = (nuint)Columns;
            nuint yStride = (nuint)Rows;
            switch (_data.Type)
            {
                case ElementType.BF16:
                    MatMul.Multiply<BFloat16Weights>(px, tokens, xStride, w, Rows, rowBytes, Columns, py, yStride, team);
                    break;
                case ElementType.F16:
                    MatMul.Multiply<HalfWeights>(px, tokens, xStride, w, Rows, rowBytes, Columns, py, yStride, team);
                    break;
                default:
                    MatMul.Multiply<SingleWeights>(px, tokens, xStride, w, Rows, rowBytes, Columns, py, yStride, team);
                    break;
            }
        }
        GC.KeepAlive(_data.Block);
    }

    static int RowsOf(TensorData data) => data.Shape.Count > 0
        ? checked((int)data.Shape[0])
        : throw new ArgumentException("A scalar was given; a matrix needs at least one dimension.", nameof(data));

    static int ColumnsOf(TensorData data)
    {
        long columns = 1;
        for (int i = 1; i < data.Shape.Count; i++)
        {
            columns = checked(columns * data.Shape[i]);
        }
        return checked((int)columns);
    }
}
