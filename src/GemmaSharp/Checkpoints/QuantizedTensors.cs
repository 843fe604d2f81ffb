using System.Diagnostics.CodeAnalysis;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>The tensors of a quantised module: packed codes <c>.weight</c>, <c>.scales</c> and, for affine, <c>.biases</c>.</summary>
/// <param name="Codes">The codes.</param>
/// <param name="Scales">The scales.</param>
/// <param name="Biases">The biases; <see langword="null"/> without.</param>
sealed record QuantizedTensors(StoredTensor Codes, StoredTensor Scales, StoredTensor? Biases)
{
    const string Again = "Convert the checkpoint again from its original (gemma convert --bits 4).";

    /// <summary>Whether the module is stored quantised, by its tensors: it has scales, or codes that have lost theirs.</summary>
    public static bool Are(ParameterReader reader, ParameterRequest request) =>
        reader.Contains(request.ModulePath + ".scales")
        || (reader.Stored(request.Tensor)?.Type == ElementType.U32 && (reader.Quantization is not null || reader.Contains(request.ModulePath + ".biases")));

    /// <summary>Finds the tensors of a module and the form they have; every fault is recorded once.</summary>
    /// <param name="reader">Where they are.</param>
    /// <param name="request">The matrix wanted.</param>
    /// <param name="format">The form, by the tensors' shapes and types.</param>
    /// <returns>The tensors; <see langword="null"/> when one is missing or does not fit.</returns>
    public static QuantizedTensors? Find(ParameterReader reader, ParameterRequest request, [NotNullWhen(true)] out QuantizationFormat? format)
    {
        format = null;
        StoredTensor? codes = reader.Use(request.Tensor), scales = reader.Use(request.ModulePath + ".scales"),
            biases = reader.Use(request.ModulePath + ".biases");
        if (codes is null || scales is null)
        {
            string absent = codes is null ? request.Tensor : request.ModulePath + ".scales";
            request.Stored = codes;
            reader.Report(request with { Tensor = absent, Stored = null }, FindingKind.Missing, detail: codes is null
                ? "as packed codes, because there are .scales"
                : $"as one number for each group of its codes {Shape(codes)}");
            return null;
        }

        request.Stored = codes;
        request.Bytes = codes.Entry.Length + scales.Entry.Length + (biases?.Entry.Length ?? 0);
        var tensors = new QuantizedTensors(codes, scales, biases);
        if (tensors.Fault(request) is (string problem, string repair))
        {
            reader.Report(request, FindingKind.WrongQuantization, Severity.Error, problem, repair);
            return null;
        }

        long columns = request.StoredShape[1];
        bool derived = QuantizationFormat.TryDerive(columns, codes.Shape[1], scales.Shape[1], scales.Type, out format, out string? fault);
        if (!derived)
        {
            tensors.ReportSizes(reader, request, fault!);
            return null;
        }

        if (format!.HasBiases && biases is null)
        {
            var lost = new ParameterRequest(request.ModulePath + ".biases", request.ModulePath, request.ModuleType, scales.Shape);
            reader.Report(lost, FindingKind.Missing, detail: $"because it is {format.Name} and lacks the .biases of affine quantisation");
            format = null;
            return null;
        }

        return tensors;
    }

    /// <summary>Types and shapes that contradict each other; <see langword="null"/> when they agree.</summary>
    (string Problem, string Repair)? Fault(ParameterRequest request)
    {
        string module = Codes.Name[..^".weight".Length];
        if (Codes.Type != ElementType.U32)
        {
            return ($"has .scales beside it, so U32 codes are needed and not {Codes.Type.Name()}", Codes.Type is ElementType.I32
                ? $"Store {Codes.Name} as U32, with the same bytes."
                : $"If the weights are dequantised, remove {Scales.Name}{(Biases is null ? "" : $" and {Biases.Name}")}; otherwise convert the checkpoint "
                    + $"again from its original.");
        }

        if (Codes.Shape.Count != 2 || Scales.Shape.Count != 2 || Codes.Shape[0] != Scales.Shape[0]
            || (Codes.Shape[0] != request.StoredShape[0] && (request.ModuleType != "Embedding" || Codes.Shape[0] < request.StoredShape[0])))
        {
            return ($"needs {request.StoredShape[0]} rows of codes and of scales, and .scales is {Shape(Scales)}",
                $"Check that config.json belongs to these weights and that {module}.scales belongs to its codes.");
        }

        bool floats = Scales.Type is ElementType.BF16 or ElementType.F16 or ElementType.F32;
        bool bytes = Scales.Type is ElementType.U8 or ElementType.F8E8M0 or ElementType.F8E4M3;
        if (!floats && !bytes)
        {
            return ($"needs scales of BF16, F16 or F32 (affine) or U8 (mxfp4, nvfp4, mxfp8) and not {Scales.Type.Name()}", Again);
        }

        return Biases is null ? null
            : bytes ? ($"has {Scales.Type.Name()} scales, as mxfp4, nvfp4 and mxfp8 do, which have no .biases, but there are some",
                $"Remove {Biases.Name}, or convert the checkpoint again from its original.")
            : !Biases.Shape.SequenceEqual(Scales.Shape) || Biases.Type != Scales.Type
                ? ($"has .biases {Biases.Type.Name()} {Shape(Biases)} unlike its .scales {Scales.Type.Name()} {Shape(Scales)}", Again)
                : null;
    }

    /// <summary>Codes and scales that do not unpack to the width wanted: they are of another width, or of no form there is.</summary>
    void ReportSizes(ParameterReader reader, ParameterRequest request, string fault)
    {
        long words = Codes.Shape[1], scales = Scales.Shape[1], columns = request.StoredShape[1];
        if (reader.Quantization?.Of(request.ModulePath) is QuantizationSetting said && words * 32 % said.Bits == 0
            && scales * said.GroupSize == words * 32 / said.Bits && words * 32 / said.Bits != columns)
        {
            // Sound by the configuration's own bits and groups: the model is another size.
            request.UnpackedShape = [Codes.Shape[0], words * 32 / said.Bits];
            reader.Report(request, FindingKind.WrongShape);
            return;
        }

        (string problem, string repair) = words * 32 == columns
            ? ("is packed with 1 bit for each weight, a form that only some MLX programs know", "Use a conversion with 2, 3, 4, 5, 6 or 8 bits.")
            : ($"has no quantised form of this size: {fault.TrimEnd('.')}", $"Check that config.json belongs to these weights; if it does, c{Again[1..]}");
        reader.Report(request, FindingKind.WrongQuantization, Severity.Error, problem, repair);
    }

    static string Shape(StoredTensor tensor) => $"[{string.Join(", ", tensor.Shape)}]";
}
