using GemmaSharp.Configuration;

namespace GemmaSharp.Cli.Bench;

/// <summary>Multiply-adds of the language model, counted from its configuration.</summary>
/// <remarks>The yardstick of speed reports. Norms, AltUp's small matrices and the like are left out. Stateless, thread-safe.</remarks>
static class TextWork
{
    /// <summary>Of a prompt read at once, of which only the last position's logits are wanted: only that one passes through KV-shared layers.</summary>
    /// <param name="config">The model.</param>
    /// <param name="tokens">Length of the prompt.</param>
    public static double MultiplyAdds(TextConfig config, int tokens)
    {
        ArgumentNullException.ThrowIfNull(config);
        double hidden = config.HiddenSize;
        double streams = config.AltupNumInputs - 1;
        double perLayer = (double)config.NumHiddenLayers * config.HiddenSizePerLayerInput;
        double work = tokens * hidden * ((streams * hidden) + perLayer) + hidden * ((streams * hidden) + config.VocabSize);
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            bool shared = layer >= config.FirstKvSharedLayer;
            double rows = shared ? 1 : tokens;
            double keys = config.LayerTypes[layer] == LayerType.SlidingAttention ? Math.Min(config.SlidingWindow, tokens) : tokens;
            work += (rows * Layer(config, layer, shared)) + (rows * 2 * config.NumAttentionHeads * config.HeadDim * (shared ? keys : keys / 2));
        }

        return work;
    }

    static double Layer(TextConfig config, int layer, bool shared)
    {
        double hidden = config.HiddenSize, queries = (double)config.NumAttentionHeads * config.HeadDim, keys = (double)config.NumKeyValueHeads * config.HeadDim;
        return hidden * ((2 * queries) + (shared ? 0 : 2 * keys) + (3.0 * config.IntermediateSize[layer]) + (2 * config.LaurelRank)
            + (2 * config.HiddenSizePerLayerInput));
    }
}
