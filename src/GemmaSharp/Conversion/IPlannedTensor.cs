using GemmaSharp.Checkpoints;

namespace GemmaSharp.Conversion;

/// <summary>One or several tensors of the result that are made together.</summary>
interface IPlannedTensor
{
    /// <summary>What will be written, in this order.</summary>
    IReadOnlyList<TensorDeclaration> Declarations { get; }

    /// <summary>Makes and writes them.</summary>
    void Write(TensorReader reader, TensorSink sink, ConversionWork work);
}
