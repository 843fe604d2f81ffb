using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Makes the matrix of a linear layer or an embedding from however it is stored. The one place that knows the stored forms.</summary>
static class StoredMatrixFactory
{
    public static WeightMatrix Create(ParameterReader reader, ParameterRequest request)
    {
        bool quantised = reader.Contains(request.ModulePath + ".scales");
        return (quantised ? Quantised(reader, request) : Dense(reader, request))
            ?? new AbsentMatrix((int)request.Shape[0], (int)request.Shape[1]);
    }

    static DenseMatrix? Dense(ParameterReader reader, ParameterRequest request)
    {
        TensorData? data = reader.Accept(request, stored => Fits(stored.Shape, request), ParameterReader.IsMatrixType);
        if (request.Stored is StoredTensor found && Fits(found.Shape, request) && found.Shape[0] > request.Shape[0])
        {
            reader.Report(request, FindingKind.SurplusRows, Severity.Warning);
        }

        return data is TensorData d ? new DenseMatrix(d with { Shape = request.Shape }) : null;
    }

    // <m>.weight (packed U32), <m>.scales and, for affine, <m>.biases.
    static WeightMatrix? Quantised(ParameterReader reader, ParameterRequest request)
    {
        request.Stored = reader.Use(request.Tensor);
        reader.Use(request.ModulePath + ".scales");
        reader.Use(request.ModulePath + ".biases");
        reader.Report(request, FindingKind.WrongQuantization, Severity.Error, "is quantised, which cannot be read yet");
        return null;
    }

    // A table may be longer than the configuration says; its first rows are the ones meant.
    static bool Fits(IReadOnlyList<long> shape, ParameterRequest request) =>
        shape.Count == 2 && shape[1] == request.Shape[1]
        && (shape[0] == request.Shape[0] || (request.ModuleType == "Embedding" && shape[0] > request.Shape[0]));
}
