using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Arithmetic is the limit: leave fetching to the hardware.</summary>
internal readonly unsafe struct FetchNothing : IFetch
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Fetch(byte* start, nuint bytes)
    {
    }
}
