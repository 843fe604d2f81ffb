using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Makes the matrix of a linear layer or an embedding from however it is stored. The one place that knows the stored forms.</summary>
static class StoredMatrixFactory
{
    public static WeightMatrix Create(ParameterReader reader, ParameterRequest request)
    {
        WeightMatrix? matrix = QuantizedTensors.Are(reader, request) ? Quantised(reader, request) : Dense(reader, request);
        if (request.Selection is MatrixSelection selection)
        {
            request.Bytes = selection.Share(request.Bytes);
        }

        return matrix ?? new AbsentMatrix((int)request.Shape[0], (int)request.Shape[1]);
    }

    static WeightMatrix? Dense(ParameterReader reader, ParameterRequest request)
    {
        TensorData? data = reader.Accept(request, stored => Fits(stored.Shape, request), ParameterReader.IsMatrixType, blocks: true);
        if (request.Stored is StoredTensor found && Fits(found.Shape, request) && found.Shape[0] > request.StoredShape[0])
        {
            reader.Report(request, FindingKind.SurplusRows, Severity.Warning);
        }

        if (data is not TensorData d)
        {
            return null;
        }

        if (request.Stored!.Blocks is BlockType blocks)
        {
            return Blocks(reader, request, d, blocks);
        }

        DenseMatrix whole = new(d with { Shape = request.StoredShape });
        return request.Selection?.View((rows, columns) => whole.Slice(rows.First, rows.Count, columns.First, columns.Count)) ?? whole;
    }

    /// <summary>A matrix of blocks, as GGUF files have them.</summary>
    static WeightMatrix? Blocks(ParameterReader reader, ParameterRequest request, TensorData data, BlockType type)
    {
        BlockMatrix whole = new(data.Block, data.Offset, type, checked((int)request.StoredShape[0]), checked((int)request.StoredShape[1]), reader.Products);
        if (request.Selection?.Cut(type.BlockSize()) is IndexRange cut)
        {
            reader.Report(
                request, FindingKind.CutGroup, Severity.Error,
                $"takes columns {cut.First} to {cut.End} of it, which cuts through a block of {type}",
                $"Use widths in multiples of {type.BlockSize()} in this layer, or an unquantised file.");
            return null;
        }

        return request.Selection?.View((rows, columns) => whole.Slice(rows.First, rows.Count, columns.First, columns.Count)) ?? whole;
    }

    /// <summary>A matrix from <c>&lt;m&gt;.weight</c> (packed U32), <c>&lt;m&gt;.scales</c> and, for affine, <c>&lt;m&gt;.biases</c>. The tensors decide bits
    /// and group; the configuration is only compared.</summary>
    static WeightMatrix? Quantised(ParameterReader reader, ParameterRequest request)
    {
        if (QuantizedTensors.Find(reader, request, out QuantizationFormat? format) is not { } found || format is null)
        {
            return null;
        }

        (StoredTensor codes, StoredTensor scales, StoredTensor? biases) = found;
        request.Quantization = format;
        request.Format = format.Name;
        if (codes.Shape[0] > request.StoredShape[0])
        {
            reader.Report(request, FindingKind.SurplusRows, Severity.Warning);
        }

        if (request.Selection?.Cut(format) is IndexRange cut)
        {
            reader.Report(
                request, FindingKind.CutGroup, Severity.Error,
                $"takes columns {cut.First} to {cut.End} of it, which cuts through a group of {format.Name}", CutRepair(cut, format, request));
            return null;
        }

        if (reader.HeadersOnly)
        {
            return null;
        }

        long rows = request.StoredShape[0];
        QuantizedMatrix whole = new(First(codes, rows), First(scales, rows), biases is null ? null : First(biases, rows), format, reader.Products);
        return request.Selection?.View((r, c) => whole.Slice(r.First, r.Count, c.First, c.Count)) ?? whole;
    }

    static string CutRepair(IndexRange cut, QuantizationFormat format, ParameterRequest request)
    {
        if (request.ModuleType == "Embedding")
        {
            return "Use an unquantised checkpoint, or one with smaller groups.";
        }

        int whole = (int)request.StoredShape[1];
        int[] widths = [.. new[] { cut.Count / format.GroupSize * format.GroupSize, (cut.Count / format.GroupSize + 1) * format.GroupSize }.Where(
            width => width <= whole && format.Fits(width))];
        return $"Use a width of {string.Join(" or ", widths)} in this layer, or an unquantised checkpoint.";
    }

    static TensorData First(StoredTensor tensor, long rows) => tensor.Data with { Shape = [rows, tensor.Shape[1]] };

    // A table may be longer than the configuration says; its first rows are the ones meant.
    static bool Fits(IReadOnlyList<long> shape, ParameterRequest request) =>
        shape.Count == 2 && shape[1] == request.StoredShape[1] && FitsRows(shape[0], request);

    static bool FitsRows(long rows, ParameterRequest request) =>
        rows == request.StoredShape[0] || (request.ModuleType == "Embedding" && rows > request.StoredShape[0]);
}
