using GemmaSharp.Configuration;
using GemmaSharp.MatFormer;
using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Makes the matrix of a linear layer or an embedding from however it is stored. The one place that knows the stored forms.</summary>
static class StoredMatrixFactory
{
    public static WeightMatrix Create(ParameterReader reader, ParameterRequest request)
    {
        bool quantised = reader.Contains(request.ModulePath + ".scales");
        WeightMatrix? matrix = quantised ? Quantised(reader, request) : Dense(reader, request);
        if (request.Selection is MatrixSelection selection)
        {
            request.Bytes = selection.Share(request.Bytes);
        }

        return matrix ?? new AbsentMatrix((int)request.Shape[0], (int)request.Shape[1]);
    }

    static WeightMatrix? Dense(ParameterReader reader, ParameterRequest request)
    {
        TensorData? data = reader.Accept(request, stored => Fits(stored.Shape, request), ParameterReader.IsMatrixType);
        if (request.Stored is StoredTensor found && Fits(found.Shape, request) && found.Shape[0] > request.StoredShape[0])
        {
            reader.Report(request, FindingKind.SurplusRows, Severity.Warning);
        }

        if (data is not TensorData d)
        {
            return null;
        }

        DenseMatrix whole = new(d with { Shape = request.StoredShape });
        return request.Selection?.View((rows, columns) => whole.Slice(rows.First, rows.Count, columns.First, columns.Count)) ?? whole;
    }

    /// <summary>A matrix from <c>&lt;m&gt;.weight</c> (packed U32), <c>&lt;m&gt;.scales</c> and, for affine, <c>&lt;m&gt;.biases</c>. The tensors decide bits and group; the configuration is only compared.</summary>
    static WeightMatrix? Quantised(ParameterReader reader, ParameterRequest request)
    {
        StoredTensor? codes = reader.Use(request.Tensor), scales = reader.Use(request.ModulePath + ".scales"), biases = reader.Use(request.ModulePath + ".biases");
        if (codes is null)
        {
            reader.Report(request, FindingKind.Missing);
            return null;
        }

        request.Stored = codes;
        request.Bytes = codes.Entry.Length + scales!.Entry.Length + (biases?.Entry.Length ?? 0);
        if (Fault(request, codes, scales, biases, out QuantizationFormat? format) is string fault)
        {
            reader.Report(request, FindingKind.WrongQuantization, Severity.Error, fault);
            return null;
        }

        request.Format = format!.Name;
        if (Contradiction(reader.Quantization, reader.Slice?.Original(request.ModulePath) ?? request.ModulePath, format) is string contradiction)
        {
            reader.Report(request, FindingKind.WrongQuantization, Severity.Warning, contradiction);
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

    /// <summary>Why the tensors of a quantised module do not fit together; null when they do.</summary>
    static string? Fault(ParameterRequest request, StoredTensor codes, StoredTensor scales, StoredTensor? biases, out QuantizationFormat? format)
    {
        format = null;
        if (codes.Type != ElementType.U32)
        {
            return $"has .scales beside it, so U32 codes are needed and not {codes.Type.Name()}";
        }

        if (codes.Shape.Count != 2 || scales.Shape.Count != 2 || codes.Shape[0] != scales.Shape[0] || !FitsRows(codes.Shape[0], request))
        {
            return $"needs {request.StoredShape[0]} rows of codes and of scales, and .scales is [{string.Join(", ", scales.Shape)}]";
        }

        if (!QuantizationFormat.TryDerive(request.StoredShape[1], codes.Shape[1], scales.Shape[1], scales.Type, out format, out string? fault))
        {
            return $"has no quantised form of this size: {fault.TrimEnd('.')}";
        }

        if (format.Mode != QuantizationMode.Affine)
        {
            return biases is null ? null : $"is {format.Name}, which has no .biases, but there are some";
        }

        return biases is null ? "has .scales but lacks the .biases of affine quantisation"
            : !biases.Shape.SequenceEqual(scales.Shape) || biases.Type != scales.Type ? $"has .biases {biases.Type.Name()} [{string.Join(", ", biases.Shape)}] unlike its .scales {scales.Type.Name()} [{string.Join(", ", scales.Shape)}]"
            : scales.Type is ElementType.BF16 or ElementType.F16 or ElementType.F32 ? null
            : $"needs scales of BF16, F16 or F32 and not {scales.Type.Name()}";
    }

    static string CutRepair(IndexRange cut, QuantizationFormat format, ParameterRequest request)
    {
        if (request.ModuleType == "Embedding")
        {
            return "Use an unquantised checkpoint, or one with smaller groups.";
        }

        int whole = (int)request.StoredShape[1];
        int[] widths = [.. new[] { cut.Count / format.GroupSize * format.GroupSize, (cut.Count / format.GroupSize + 1) * format.GroupSize }.Where(width => width <= whole && format.Fits(width))];
        return $"Use a width of {string.Join(" or ", widths)} in this layer, or an unquantised checkpoint.";
    }

    /// <summary>What <c>quantization</c> in the configuration says otherwise; null when it agrees or is silent.</summary>
    static string? Contradiction(QuantizationConfig? config, string module, QuantizationFormat format)
    {
        if (config is null)
        {
            return null;
        }

        QuantizationSetting? said = config.Default;
        foreach ((string key, QuantizationSetting? setting) in config.Modules)
        {
            // Modules are named as the tensors are, with or without the parts that the naming schemes add.
            if (TensorNames.SameModule(key, module))
            {
                said = setting;
                break;
            }
        }

        return said is null ? $"is {format.Name} by its tensors, which count, but the configuration says it is not quantised"
            : QuantizationFormat.TryParseMode(said.Mode, out QuantizationMode mode) && mode == format.Mode && said.Bits == format.Bits && said.GroupSize == format.GroupSize ? null
            : $"is {format.Name} by its tensors, which count, but the configuration says {said.Mode}, {said.Bits} bits, groups of {said.GroupSize}";
    }

    static TensorData First(StoredTensor tensor, long rows) => tensor.Data with { Shape = [rows, tensor.Shape[1]] };

    // A table may be longer than the configuration says; its first rows are the ones meant.
    static bool Fits(IReadOnlyList<long> shape, ParameterRequest request) =>
        shape.Count == 2 && shape[1] == request.StoredShape[1] && FitsRows(shape[0], request);

    static bool FitsRows(long rows, ParameterRequest request) =>
        rows == request.StoredShape[0] || (request.ModuleType == "Embedding" && rows > request.StoredShape[0]);
}
