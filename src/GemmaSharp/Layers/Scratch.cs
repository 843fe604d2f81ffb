using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Layers;

/// <summary>Memory that a thread has for itself while it does a band, taken piece by piece.</summary>
/// <remarks>Copies take from the same memory. What was taken is valid until the band ends.</remarks>
readonly ref struct Scratch
{
    readonly Floats _floats;
    readonly ref long _used;

    internal Scratch(Floats floats, ref long used)
    {
        _floats = floats;
        _used = ref used;
    }

    /// <summary>Takes rows, whose values are undefined.</summary>
    /// <exception cref="ArgumentOutOfRangeException">More is taken than was said to be needed.</exception>
    public Rows New(int count, int width)
    {
        long start = _used, length = (long)count * width;
        _used = start + length;
        return new(_floats.Slice(start, length), count, width);
    }
}
