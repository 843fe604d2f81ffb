using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Whether a loop asks for memory ahead of its use: worth an instruction where memory is the limit, not where arithmetic is.</summary>
unsafe interface IFetch
{
    /// <summary>Asks for the cache lines of some bytes, or does nothing.</summary>
    /// <param name="start">First byte.</param>
    /// <param name="bytes">A constant, up to 512: the calls are laid out by the compiler.</param>
    static abstract void Fetch(byte* start, nuint bytes);
}

/// <summary>Memory is the limit: fetch ahead.</summary>
readonly unsafe struct FetchAhead : IFetch
{
    const nuint Line = 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(byte* start, nuint bytes)
    {
        Prefetch.SecondLevel(start);
        if (bytes >= 2 * Line)
        {
            Prefetch.SecondLevel(start + Line);
        }
        if (bytes >= 4 * Line)
        {
            Prefetch.SecondLevel(start + 2 * Line);
            Prefetch.SecondLevel(start + 3 * Line);
        }
        if (bytes >= 8 * Line)
        {
            Prefetch.SecondLevel(start + 4 * Line);
            Prefetch.SecondLevel(start + 5 * Line);
            Prefetch.SecondLevel(start + 6 * Line);
            Prefetch.SecondLevel(start + 7 * Line);
        }
    }
}

/// <summary>Arithmetic is the limit: leave fetching to the hardware.</summary>
readonly unsafe struct FetchNothing : IFetch
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(byte* start, nuint bytes)
    {
    }
}

/// <summary>Asks the processor to fetch memory that will be read soon.</summary>
/// <remarks>
/// Hardware fetches ahead inside a page of 4 KiB only, and a row of weights is often just that. A request for memory that
/// is not there is ignored, so the address may lie past the end of the data.
/// </remarks>
static unsafe class Prefetch
{
    /// <summary>Into the first-level cache; does nothing on processors .NET has no such instruction for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void FirstLevel(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>Into the second-level cache; does nothing on processors .NET has no such instruction for.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void SecondLevel(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
