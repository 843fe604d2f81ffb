using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>How many parameters a text model has, counted as its publisher counts them.</summary>
/// <remarks>
/// Published checkpoints store keys and values of layers that share those of others; they are counted here, though nothing reads them. So a name like E2B is
/// <see cref="Effective"/> with one digit. Source: Google's MatFormer Lab.
/// </remarks>
/// <param name="Effective">Without the embedding table and the per-layer embedding table.</param>
/// <param name="Total">With them.</param>
readonly record struct TextParameters(long Effective, long Total)
{
    /// <summary>The parameters of a text model of this configuration.</summary>
    public static TextParameters Of(TextConfig text)
    {
        ArgumentNullException.ThrowIfNull(text);
        long c = text.HiddenSize, p = text.HiddenSizePerLayerInput, streams = text.AltupNumInputs, layers = text.NumHiddenLayers;
        long queries = (long)text.NumAttentionHeads * text.HeadDim, keys = (long)text.NumKeyValueHeads * text.HeadDim;
        long attention = (2 * queries * c) + (2 * keys * c) + (2 * text.HeadDim);
        long altup = (streams * c) + (streams * streams * streams) + (streams * streams) + c
            + c; // router, prediction, correction, router_norm, correct_output_scale
        long laurel = (2 * c * text.LaurelRank) + c;
        long perLayerInput = (2 * c * p) + c;
        long norms = 4 * c;
        long feedForward = 3 * c * text.IntermediateSize.Sum(width => (long)width);
        long perLayerProjection = (layers * p * c) + p;
        long entryAndExit = 2 * (streams - 1) * c * c;
        long effective = (layers * (attention + altup + laurel + perLayerInput + norms)) + feedForward + perLayerProjection + entryAndExit + c;
        return new TextParameters(effective, effective + (text.VocabSize * c) + (text.VocabSizePerLayerInput * layers * p));
    }
}
