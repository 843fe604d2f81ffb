using GemmaSharp.Checkpoints;

namespace GemmaSharp.Conversion;

/// <summary>A tensor the source lacks and which is 0.</summary>
sealed class PlannedZeros(TensorDeclaration declaration) : IPlannedTensor
{
    public IReadOnlyList<TensorDeclaration> Declarations { get; } = [declaration];

    public void Write(TensorReader reader, TensorSink sink, ConversionWork work) => sink.Write(declaration.Name, new byte[declaration.Length]);
}
