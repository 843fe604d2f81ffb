using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Model.Text;

/// <summary>Which layers own a key-value cache, which share one, and which look only as far as the sliding window.</summary>
/// <remarks>
/// The last <c>num_kv_shared_layers</c> layers read the cache of the last layer before them that has the same attention type. Immutable, thread-safe.
/// </remarks>
sealed class KvLayout
{
    readonly bool[] _sliding;
    readonly int[] _cacheLayer;

    /// <summary>Derives the layout from a configuration, which has made sure that every shared layer has a source.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="type">How keys and values are stored: F32, F16 or BF16.</param>
    public KvLayout(TextConfig config, ElementType type = ElementType.F32)
    {
        Type = type;
        int layers = config.NumHiddenLayers;
        FirstShared = config.FirstKvSharedLayer;
        SlidingWindow = config.SlidingWindow;
        KvHeads = config.NumKeyValueHeads;
        HeadDim = config.HeadDim;
        _sliding = [.. config.LayerTypes.Select(type => type == LayerType.SlidingAttention)];
        _cacheLayer = [.. Enumerable.Range(0, layers).Select(config.KvSourceLayer)];
    }

    /// <summary>Layers from this one on own no cache; their number is this value or more.</summary>
    public int FirstShared { get; }

    /// <summary>Keys a sliding layer sees, the current one included.</summary>
    public int SlidingWindow { get; }

    /// <summary>How keys and values are stored.</summary>
    public ElementType Type { get; }

    /// <summary>Key-value heads of every layer.</summary>
    public int KvHeads { get; }

    /// <summary>Length of one head's key or value.</summary>
    public int HeadDim { get; }

    /// <summary>Whether the layer sees only the last <see cref="SlidingWindow"/> positions.</summary>
    public bool IsSliding(int layer) => _sliding[layer];

    /// <summary>Whether the layer reads another layer's cache.</summary>
    public bool IsShared(int layer) => layer >= FirstShared;

    /// <summary>The layer whose cache this layer reads: itself, or its source.</summary>
    public int CacheLayer(int layer) => _cacheLayer[layer];
}
