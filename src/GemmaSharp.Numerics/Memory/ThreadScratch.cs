namespace GemmaSharp.Numerics.Memory;

/// <summary>What scratch memory of a thread is for; a purpose must not be nested in itself.</summary>
enum ScratchPurpose
{
    /// <summary>Activations of one product, packed or quantised: asked for by the thread that starts it, read by all.</summary>
    Activations,

    /// <summary>Rows a thread is busy with: weights widened or unpacked, their scales.</summary>
    Rows,

    /// <summary>Sums that wait for the next block of columns, or for their place.</summary>
    Sums,

    /// <summary>Results of one part of a matrix in parts.</summary>
    PartResults,

    /// <summary>Rows put together from the parts of a matrix.</summary>
    PartRows,

    /// <summary>A row as it is stored, copied from its file.</summary>
    StoredRow,
}

/// <summary>Scratch memory of the running thread, kept and grown, so that kernels allocate nothing after the first use.</summary>
/// <remarks>Freed some time after the thread has ended.</remarks>
static unsafe class ThreadScratch
{
    [ThreadStatic]
    static NativeArray<byte>?[]? s_arrays;

    /// <summary>Room for some elements; aligned to 64 bytes, contents undefined.</summary>
    /// <typeparam name="T">Type of the elements.</typeparam>
    /// <param name="purpose">What it is for; asking again for the same purpose ends the use of what was handed out before.</param>
    /// <param name="length">Number of elements.</param>
    /// <returns>The first of them.</returns>
    /// <exception cref="OutOfMemoryException">The system has no such amount; nothing is kept for the purpose then.</exception>
    public static T* Of<T>(ScratchPurpose purpose, long length)
        where T : unmanaged
    {
        ref NativeArray<byte>? array = ref (s_arrays ??= new NativeArray<byte>?[(int)ScratchPurpose.StoredRow + 1])[(int)purpose];
        long bytes = checked(length * sizeof(T));
        if (array is null || array.Length < bytes)
        {
            // Let go first: the old and the new one together may be more than there is, and a failure must not leave the freed one.
            array?.Dispose();
            array = null;
            array = new NativeArray<byte>(bytes);
        }
        return (T*)array.Pointer;
    }
}
