namespace GemmaSharp.Numerics.Vectors;

/// <summary>Whether a loop asks for memory ahead of its use: worth an instruction where memory is the limit, not where arithmetic is.</summary>
internal unsafe interface IFetch
{
    /// <summary>Asks for the cache lines of some bytes, or does nothing.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="bytes">A constant, up to 512: the calls are laid out by the compiler.</param>
    static abstract void Fetch(byte* start, nuint bytes);
}
