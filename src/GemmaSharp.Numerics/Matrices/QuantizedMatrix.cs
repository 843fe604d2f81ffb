using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>A matrix of packed codes with scales and biases per group: <c>w = scale · q + bias</c>, or <c>scale · float(q)</c>.</summary>
/// <remarks>
/// The three tensors are those of an MLX module: <c>.weight</c> U32 <c>[rows, columns · bits / 32]</c>, <c>.scales</c> and, when affine,
/// <c>.biases</c> <c>[rows, columns / group]</c>. Rows are read and exact products computed where they lie; integer products keep a repacked copy of the codes
/// and scales. No dequantised copy is kept. Immutable and thread-safe; a token's product is the same, bit for bit, whatever other tokens are in the call and
/// however many threads run.
/// </remarks>
sealed unsafe class QuantizedMatrix : WeightMatrix
{
    readonly TensorData _codes;
    readonly TensorData _scales;
    readonly TensorData? _biases;
    readonly int _firstRow;
    readonly int _firstColumn;
    readonly PackedWeights<PackedPanels> _packed = new();

    /// <summary>Wraps the tensors of a quantised module; nothing is copied.</summary>
    /// <param name="codes">Packed codes, U32 <c>[rows, words]</c>.</param>
    /// <param name="scales">Scales, <c>[rows, groups]</c>: BF16, F16 or F32 when affine, one byte each otherwise.</param>
    /// <param name="biases">Biases, shape and type of the scales, when affine; null otherwise.</param>
    /// <param name="format">Mode, bits, group size.</param>
    /// <param name="mode">How products are computed.</param>
    /// <exception cref="QuantizationFormatException">Shapes or types do not belong together.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A tensor does not lie inside its block.</exception>
    public QuantizedMatrix(TensorData codes, TensorData scales, TensorData? biases, QuantizationFormat format, ProductMode mode = ProductMode.Exact)
        : base(RowsOf(codes), ColumnsOf(codes, format))
    {
        Format = format;
        Mode = mode;
        (_codes, _scales, _biases) = (codes, scales, biases);
        Check();
    }

    QuantizedMatrix(QuantizedMatrix whole, int firstRow, int rows, int firstColumn, int columns, ProductMode mode)
        : base(rows, columns)
    {
        Format = whole.Format;
        Mode = mode;
        (_codes, _scales, _biases) = (whole._codes, whole._scales, whole._biases);
        (_firstRow, _firstColumn) = (whole._firstRow + firstRow, whole._firstColumn + firstColumn);
    }

    /// <summary>Mode, bits, group size.</summary>
    public QuantizationFormat Format { get; }

    /// <summary>How products are computed.</summary>
    public ProductMode Mode { get; }

    /// <inheritdoc/>
    public override string FormatName => Format.Name;

    /// <inheritdoc/>
    public override long StoredBytes =>
        Rows * (Format.WordsPerRow(Columns) * 4L + (long)Format.GroupsPerRow(Columns) * (_scales.Type.SizeInBytes() + (_biases?.Type.SizeInBytes() ?? 0)));

    /// <inheritdoc/>
    public override long PackedBytes => _packed.Panels?.Bytes ?? 0;

    /// <inheritdoc/>
    public override void PrepareProducts(WorkerTeam team)
    {
        if (Panels(team) is null)
        {
            return;
        }

        Forget(_codes);
        Forget(_scales);
        if (_biases is TensorData biases)
        {
            Forget(biases);
        }
    }

    /// <inheritdoc/>
    public override void ReleaseProducts() => _packed.Release();

    /// <summary>A rectangle of the matrix, as a view of the same tensors.</summary>
    /// <param name="firstRow">First row.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="firstColumn">First column, at the start of a group and of a 32-bit word.</param>
    /// <param name="columns">Number of columns, whole groups and whole words.</param>
    /// <returns>The view.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The rectangle does not lie inside the matrix.</exception>
    /// <exception cref="QuantizationFormatException">The columns cut a group or a word.</exception>
    public QuantizedMatrix Slice(int firstRow, int rows, int firstColumn, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(firstColumn);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Rows - firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, Columns - firstColumn);
        if (!Format.Fits(columns) || (firstColumn > 0 && !Format.Fits(firstColumn)))
        {
            throw new QuantizationFormatException(
                $"Columns {firstColumn} to {firstColumn + columns} cut a group of {Format.Name}; slice at multiples of {Format.GroupSize}.");
        }

        return new(this, firstRow, rows, firstColumn, columns, Mode);
    }

    /// <inheritdoc/>
    public override void ReadRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        if (Columns == 0)
        {
            return;
        }

        fixed (float* target = destination)
        {
            QuantizedPanels.DecodeRow(Layout(), row, target);
        }

        KeepAlive();
    }

    /// <inheritdoc/>
    public override void LookUpRow(int row, Span<float> destination)
    {
        CheckRow(row, destination);
        if (Columns == 0)
        {
            return;
        }

        QuantizedRows rows = Layout();
        int codes = rows.CodeBytes, scales = rows.Groups * _scales.Type.SizeInBytes();
        byte* stored = ThreadScratch.Of<byte>(ScratchPurpose.StoredRow, codes + 2 * scales);
        Copy(_codes, rows.Codes + row * rows.CodeStride, stored, codes);
        Copy(_scales, rows.Scales + row * rows.ScaleStride, stored + codes, scales);
        if (_biases is TensorData biases)
        {
            Copy(biases, rows.Biases + row * rows.ScaleStride, stored + codes + scales, scales);
        }

        QuantizedRows one = new()
        {
            Codes = stored,
            CodeStride = codes,
            CodesEnd = stored + codes,
            Scales = stored + codes,
            ScaleStride = scales,
            Biases = _biases is null ? null : stored + codes + scales,
            ScaleType = rows.ScaleType,
            Format = Format,
            Columns = Columns,
        };
        fixed (float* target = destination)
        {
            QuantizedPanels.DecodeRow(one, 0, target);
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

        if (Columns == 0)
        {
            y[..(tokens * Rows)].Clear();
            return;
        }

        fixed (float* px = x)
        fixed (float* py = y)
        {
            if (Panels(team) is PackedPanels panels)
            {
                PackedProduct.Multiply(panels, px, tokens, py, team);
            }
            else
            {
                QuantizedExactProduct.Multiply(Layout(), Rows, px, tokens, py, team);
            }
        }

        KeepAlive();
    }

    /// <summary>Where the rows lie; the caller keeps this matrix alive.</summary>
    internal QuantizedRows Layout()
    {
        long codeStride = _codes.Shape[1] * 4, scaleStride = _scales.Shape[1] * _scales.Type.SizeInBytes();
        long scaleOffset = _firstRow * scaleStride + _firstColumn / Format.GroupSize * (long)_scales.Type.SizeInBytes();
        return new()
        {
            Codes = _codes.Block.Pointer + _codes.Offset + _firstRow * codeStride + (long)_firstColumn * Format.Bits / 8,
            CodeStride = (nint)codeStride,
            CodesEnd = _codes.Block.Pointer + _codes.Block.Length,
            Scales = _scales.Block.Pointer + _scales.Offset + scaleOffset,
            ScaleStride = (nint)scaleStride,
            Biases = _biases is { } biases ? biases.Block.Pointer + biases.Offset + scaleOffset : null,
            ScaleType = _scales.Type,
            Format = Format,
            Columns = Columns,
        };
    }

    /// <summary>The panels of the integer product; null where it is not wanted, or there is none.</summary>
    PackedPanels? Panels(WorkerTeam team)
    {
        if (Mode != ProductMode.Fast || Rows == 0 || Columns == 0 || PackedForm.Of(Format, _scales.Type) is not PackedForm form)
        {
            return null;
        }

        PackedPanels? panels = _packed.Of((Source: new QuantizedPackSource(Layout(), Rows, form), team), static s => PackedPanels.Pack(s.Source, s.team));
        KeepAlive();
        return panels;
    }

    static void Copy(TensorData data, byte* place, byte* destination, int bytes) =>
        data.Block.Copy(place - data.Block.Pointer, new Span<byte>(destination, bytes));

    static void Forget(TensorData data) => data.Block.Forget(data.Offset, data.Length);

    void KeepAlive()
    {
        GC.KeepAlive(_codes.Block);
        GC.KeepAlive(_scales.Block);
        GC.KeepAlive(_biases?.Block);
    }

    void Check()
    {
        if (Columns > 0 && !Format.Fits(Columns))
        {
            throw new QuantizationFormatException(
                $"Packed codes of {_codes.Shape[1]} words are {Columns} columns of {Format.Bits} bits, no whole number of groups of {Format.GroupSize}.");
        }

        bool scaleType = Format.HasBiases ? StoredFloats.CanWrite(_scales.Type) : _scales.Type is ElementType.U8 or ElementType.F8E8M0 or ElementType.F8E4M3;
        if (!scaleType)
        {
            throw new QuantizationFormatException(
                $"Scales are {_scales.Type.Name()}; {Format.Name} needs {(Format.HasBiases ? "BF16, F16 or F32" : "U8")}.");
        }

        CheckShape("Scales", _scales);
        _codes.Block.CheckRange(_codes.Offset, _codes.Length);
        _scales.Block.CheckRange(_scales.Offset, _scales.Length);
        if (_biases is not { } biases)
        {
            if (Format.HasBiases)
            {
                throw new QuantizationFormatException($"There are no biases; {Format.Name} needs one for every scale.");
            }

            return;
        }

        if (!Format.HasBiases)
        {
            throw new QuantizationFormatException($"There are biases; {Format.Name} has none.");
        }

        if (biases.Type != _scales.Type)
        {
            throw new QuantizationFormatException($"Biases are {biases.Type.Name()} and scales {_scales.Type.Name()}; both need the same type.");
        }

        CheckShape("Biases", biases);
        biases.Block.CheckRange(biases.Offset, biases.Length);
    }

    void CheckShape(string what, TensorData data)
    {
        if (data.Shape.Count != 2 || data.Shape[0] != Rows || data.Shape[1] != Format.GroupsPerRow(Columns))
        {
            throw new QuantizationFormatException(
                $"{what} are [{string.Join(", ", data.Shape)}]; {Rows} rows of {Columns} columns as {Format.Name} "
                + $"need [{Rows}, {Format.GroupsPerRow(Columns)}].");
        }
    }

    static int RowsOf(TensorData codes) => codes.Shape.Count == 2 && codes.Type == ElementType.U32
        ? checked((int)codes.Shape[0])
        : throw new QuantizationFormatException(
            $"Packed codes are {codes.Type.Name()} [{string.Join(", ", codes.Shape)}]; they need to be U32 with two dimensions.");

    static int ColumnsOf(TensorData codes, QuantizationFormat format)
    {
        ArgumentNullException.ThrowIfNull(format);
        long bits = checked(codes.Shape[1] * 32);
        return bits % format.Bits == 0
            ? checked((int)(bits / format.Bits))
            : throw new QuantizationFormatException($"{codes.Shape[1]} words per row are {bits} bits, no whole number of codes of {format.Bits} bits.");
    }
}

/// <summary>How a matrix of quantised weights multiplies activations.</summary>
enum ProductMode
{
    /// <summary>
    /// Float32 activations times the dequantised weights: what dequantising the matrix first would give, to float32 rounding.
    /// No dequantised copy is kept; a few rows at a time pass through the cache.
    /// </summary>
    Exact,

    /// <summary>
    /// Activations rounded to integers per group of the matrix (eight bits; sixteen for eight-bit weights), integer dot products.
    /// An element of x moves by at most half a step: 1/254 (1/65534) of its group's largest. mxfp8 and the forms that <see cref="PackedForm"/> does not have
    /// stay exact, as do matrices with a scale that is no finite half.
    /// </summary>
    Fast,
}
