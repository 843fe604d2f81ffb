using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Asks the processor to fetch memory that will be read soon.</summary>
/// <remarks>
/// Hardware fetches ahead inside a page of 4 KiB only, and a row of weights is often just that. A request for memory that
/// is not there is ignored, so the address may lie past the end of the data.
/// </remarks>
internal static unsafe class Prefetch
{
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
