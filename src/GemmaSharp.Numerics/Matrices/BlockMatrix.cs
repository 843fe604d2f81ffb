using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>A matrix of blocks with their own scales, as GGUF files have them.</summary>
/// <remarks>
/// Rows are read and exact products computed where they lie, a few rows at a time passing through the cache as float32; integer products keep a repacked copy
/// of the codes and scales. No dequantised copy is kept. Immutable and thread-safe; a token's product is the same, bit for bit, whatever other tokens are in
/// the call and however many threads run.
/// </remarks>
sealed unsafe class BlockMatrix : WeightMatrix
{
    readonly MemoryBlock _memory;
    readonly long _offset;
    readonly nint _stride;
    readonly PackedWeights<PackedPanels> _packed = new();

    /// <summary>Wraps stored blocks; nothing is copied.</summary>
    /// <param name="memory">Holds them.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="type">Their form.</param>
    /// <param name="rows">Output features.</param>
    /// <param name="columns">Input features, whole blocks.</param>
    /// <param name="mode">How products are computed.</param>
    /// <exception cref="QuantizationFormatException">The columns are no whole number of blocks.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The matrix does not lie inside its memory.</exception>
    /// <exception cref="OverflowException">A row has more bytes than there can be.</exception>
    public BlockMatrix(MemoryBlock memory, long offset, BlockType type, int rows, int columns, ProductMode mode = ProductMode.Exact)
        : base(rows, columns)
    {
        RequireBlocks(type, columns);
        _memory = memory;
        _offset = offset;
        _stride = checked((nint)type.RowBytes(columns));
        Type = type;
        Mode = mode;
        memory.CheckRange(offset, checked(rows * (long)_stride));
    }

    BlockMatrix(BlockMatrix whole, int firstRow, int rows, int firstColumn, int columns)
        : base(rows, columns)
    {
        (_memory, _stride, Type, Mode) = (whole._memory, whole._stride, whole.Type, whole.Mode);
        _offset = whole._offset + firstRow * (long)_stride + Type.RowBytes(firstColumn);
    }

    /// <summary>The form of the blocks.</summary>
    public BlockType Type { get; }

    /// <summary>How products are computed.</summary>
    public ProductMode Mode { get; }

    /// <inheritdoc/>
    public override string FormatName => Type.Name();

    /// <inheritdoc/>
    public override long StoredBytes => Rows * Type.RowBytes(Columns);

    /// <inheritdoc/>
    public override long PackedBytes => _packed.Panels?.Bytes ?? 0;

    /// <inheritdoc/>
    public override void PrepareProducts(WorkerTeam team)
    {
        if (Packed(team) is not null)
        {
            _memory.Forget(_offset, (Rows - 1) * (long)_stride + Type.RowBytes(Columns));
        }
    }

    /// <inheritdoc/>
    public override void ReleaseProducts() => _packed.Release();

    /// <summary>A rectangle of the matrix, as a view of the same blocks.</summary>
    /// <param name="firstRow">First row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="firstColumn">First column, at the start of a block.</param>
    /// <param name="columns">Number of columns, whole blocks.</param>
    /// <returns>The view.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The rectangle does not lie inside the matrix.</exception>
    /// <exception cref="QuantizationFormatException">The columns cut a block.</exception>
    public BlockMatrix Slice(int firstRow, int rows, int firstColumn, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(firstColumn);
        ArgumentOutOfRangeException.ThrowIfNegative(columns);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Rows - firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, Columns - firstColumn);
        RequireBlocks(Type, firstColumn);
        RequireBlocks(Type, columns);
        return new(this, firstRow, rows, firstColumn, columns);
    }

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        fixed (float* target = destination)
        {
            Panels().DecodeRow(row, Columns, target);
        }

        GC.KeepAlive(_memory);
    }

    /// <inheritdoc/>
    public override void LookUpRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        int bytes = checked((int)Type.RowBytes(Columns));
        byte* stored = ThreadScratch.Of<byte>(ScratchPurpose.StoredRow, bytes);
        _memory.Copy(_offset + row * (long)_stride, new Span<byte>(stored, bytes));
        fixed (float* target = destination)
        {
            new BlockPanels(Type, stored, bytes).DecodeRow(0, Columns, target);
        }
    }

    /// <inheritdoc/>
    public override void Multiply(ReadOnlySpan<float> x, int tokens, Span<float> y, WorkerTeam team)
    {
        CheckArguments(x, tokens, y, team);
        if (tokens == 0 || Rows == 0)
        {
            return;
        }

        fixed (float* px = x)
        fixed (float* py = y)
        {
            if (Packed(team) is PackedPanels panels)
            {
                PackedProduct.Multiply(panels, px, tokens, py, team);
            }
            else
            {
                Panels().Multiply(Rows, Columns, px, tokens, py, team);
            }
        }

        GC.KeepAlive(_memory);
    }

    /// <summary>Where the rows lie; the caller keeps this matrix alive.</summary>
    internal BlockPanels Panels() => new(Type, _memory.Pointer + _offset, _stride);

    /// <summary>The blocks, to be packed; the caller keeps this matrix alive.</summary>
    internal BlockPackSource PackSource(PackedForm form) => new(Type, _memory.Pointer + _offset, _stride, Rows, Columns, form);

    /// <summary>The panels of the integer product; null where it is not wanted, or there is none.</summary>
    PackedPanels? Packed(WorkerTeam team)
    {
        if (Mode != ProductMode.Fast || Rows == 0 || Columns == 0 || PackedForm.Of(Type) is not PackedForm form)
        {
            return null;
        }

        PackedPanels? panels = _packed.Of((Source: PackSource(form), team), static s => PackedPanels.Pack(s.Source, s.team));
        GC.KeepAlive(_memory);
        return panels;
    }

    static void RequireBlocks(BlockType type, int columns)
    {
        if (columns % type.BlockSize() != 0)
        {
            throw new QuantizationFormatException(
                $"{columns} columns are no whole number of blocks of {type.Name()}; a multiple of {type.BlockSize()} is needed.");
        }
    }
}
