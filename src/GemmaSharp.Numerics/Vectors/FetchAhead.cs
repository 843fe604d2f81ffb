using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Memory is the limit: fetch ahead.</summary>
internal readonly unsafe struct FetchAhead : IFetch
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
