using GemmaSharp.Layers;

namespace GemmaSharp.Model.Vision;

/// <summary>A block of the tower: one feature map in, one out.</summary>
/// <remarks>Implementations are immutable and thread-safe; everything that changes is in the pass.</remarks>
interface IVisionBlock
{
    /// <summary>Computes the block.</summary>
    /// <param name="x">Input.</param>
    /// <param name="y">Receives the output; does not overlap the input.</param>
    /// <param name="p">The pass.</param>
    void Forward(FeatureMap x, FeatureMap y, Pass p);
}
