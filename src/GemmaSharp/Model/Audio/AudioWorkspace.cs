using GemmaSharp.Layers;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Audio;

/// <summary>The activations of one running pass, sized once for its rows.</summary>
/// <remarks>Not thread-safe; a pass has one of its own.</remarks>
sealed class AudioWorkspace : IDisposable
{
    readonly int _width;
    readonly NativeArray<float> _x;
    readonly NativeArray<float> _h;
    readonly NativeArray<float> _wide;

    /// <summary>Allocates the activations.</summary>
    /// <param name="rows">The most rows of a pass.</param>
    /// <param name="width">D, channels of the conformer.</param>
    /// <param name="subsampled">Values per row of the sub-sampled features before their projection.</param>
    /// <param name="adapters">What is added to the linear layers; null for nothing.</param>
    public AudioWorkspace(int rows, int width, int subsampled, AdapterSet? adapters = null)
    {
        Adapters = AdapterRows.All(adapters);
        _width = width;
        _x = new((long)rows * width);
        _h = new((long)rows * width);
        _wide = new((long)rows * Math.Max(4 * width, subsampled));
    }

    /// <summary>What is added to the linear layers.</summary>
    public AdapterRows Adapters { get; }

    /// <summary>The residual stream, <c>[rows, D]</c>.</summary>
    public Span<float> X(int rows) => _x.Slice(0, rows * _width);

    /// <summary>Input and output of a branch's linear layers, <c>[rows, D]</c>.</summary>
    public Span<float> H(int rows) => _h.Slice(0, rows * _width);

    /// <summary>What lies between them: hidden units, queries with keys and values, gates. Up to <c>[rows, 4 D]</c>.</summary>
    public Span<float> Wide(int length) => _wide.Slice(0, length);

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        _x.Dispose();
        _h.Dispose();
        _wide.Dispose();
        Adapters.Dispose();
    }
}
