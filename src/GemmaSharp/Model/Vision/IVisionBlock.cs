namespace GemmaSharp.Model.Vision;

/// <summary>A block of the tower: one feature map in, one out.</summary>
/// <remarks>Implementations are immutable and thread-safe; everything a pass changes is in the workspace.</remarks>
interface IVisionBlock
{
    /// <summary>Channels of the output.</summary>
    int OutChannels { get; }

    /// <summary>Step between output pixels, on both axes.</summary>
    int Stride { get; }

    /// <summary>What the block needs of a workspace.</summary>
    /// <param name="height">Rows of the input.</param>
    /// <param name="width">Columns of the input.</param>
    /// <param name="needs">Adds it up.</param>
    void Plan(int height, int width, VisionScratchPlan needs);

    /// <summary>Computes the block.</summary>
    /// <param name="x">Input.</param>
    /// <param name="workspace">Scratch and threads.</param>
    /// <param name="destination">Output; does not overlap the input.</param>
    void Forward(FeatureMap x, VisionWorkspace workspace, FeatureMap destination);
}
