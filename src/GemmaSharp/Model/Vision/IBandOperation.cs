namespace GemmaSharp.Model.Vision;

/// <summary>A computation of output pixels that do not depend on each other, so that ranges of them can run on any thread.</summary>
interface IBandOperation
{
    /// <summary>Elements of scratch that a range needs; more pixels never need less.</summary>
    /// <param name="pixels">Pixels of the range.</param>
    /// <returns>Elements.</returns>
    long Scratch(int pixels);

    /// <summary>Computes a range of pixels.</summary>
    /// <param name="x">Input map.</param>
    /// <param name="range">Output pixels.</param>
    /// <param name="scratch">At least <see cref="Scratch"/> elements; contents undefined.</param>
    /// <param name="workspace">The running pass.</param>
    /// <param name="destination">Receives the range, <c>[range, C]</c>.</param>
    void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination);
}
