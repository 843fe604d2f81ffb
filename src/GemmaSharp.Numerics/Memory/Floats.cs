namespace GemmaSharp.Numerics.Memory;

/// <summary>Some floats outside the managed heap: a span that may be kept in a field, captured, and longer than 2³¹.</summary>
/// <remarks>Valid as long as its owner says, like a span; whoever uses it keeps the owner alive. Not synchronised.</remarks>
readonly unsafe struct Floats
{
    readonly float* _start;

    internal Floats(float* start, long length)
    {
        _start = start;
        Length = length;
    }

    /// <summary>Number of floats.</summary>
    public long Length { get; }

    /// <summary>The first one; the caller keeps the owner alive while using it.</summary>
    public float* Pointer => _start;

    /// <summary>All of them.</summary>
    /// <exception cref="OverflowException">There are more than a span holds.</exception>
    public Span<float> Span => new(_start, checked((int)Length));

    /// <summary>Some of them, in place.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside.</exception>
    public Floats Slice(long start, long length)
    {
        if (start < 0 || length < 0 || start > Length - length)
        {
            throw new ArgumentOutOfRangeException(nameof(start), start, $"Floats {start} to {start + length} were asked of {Length}.");
        }

        return new(_start + start, length);
    }
}
