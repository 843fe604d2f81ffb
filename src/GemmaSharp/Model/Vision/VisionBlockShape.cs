using GemmaSharp.Configuration;

namespace GemmaSharp.Model.Vision;

/// <summary>What a block of the network table comes to once the channel multiplier and the block before it are known.</summary>
/// <param name="Args">Kind, kernels and heads.</param>
/// <param name="InChannels">Channels of the input.</param>
/// <param name="MidChannels">Channels between expansion and projection; 0 in attention.</param>
/// <param name="OutChannels">Channels of the output.</param>
/// <param name="Stride">Step between output pixels.</param>
/// <param name="Skip">Whether the input is added to the output.</param>
/// <param name="LayerScale">Whether there is a <c>layer_scale.gamma</c>.</param>
sealed record VisionBlockShape(
    VisionBlockArgs Args, int InChannels, int MidChannels, int OutChannels, int Stride, bool Skip, bool LayerScale);
