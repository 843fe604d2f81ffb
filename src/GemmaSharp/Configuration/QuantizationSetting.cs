namespace GemmaSharp.Configuration;

/// <summary>How a module's weights are packed.</summary>
/// <param name="GroupSize">Consecutive inputs that share a scale.</param>
/// <param name="Bits">Bits per weight.</param>
/// <param name="Mode"><c>affine</c>, <c>mxfp4</c>, <c>mxfp8</c> or <c>nvfp4</c>.</param>
sealed record QuantizationSetting(int GroupSize, int Bits, string Mode);
