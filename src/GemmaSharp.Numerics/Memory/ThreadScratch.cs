namespace GemmaSharp.Numerics.Memory;

/// <summary>Scratch memory of the running thread, kept and grown, so that kernels allocate nothing after the first use.</summary>
/// <remarks>One array per purpose; a purpose must not be nested in itself. Freed some time after the thread has ended.</remarks>
internal static unsafe class ThreadScratch
{
    [ThreadStatic]
    static NativeArray<float>? s_activations;

    [ThreadStatic]
    static NativeArray<float>? s_weights;

    [ThreadStatic]
    static NativeArray<float>? s_sums;

    [ThreadStatic]
    static NativeArray<float>? s_partResults;

    [ThreadStatic]
    static NativeArray<float>? s_partRows;

    /// <summary>Packed activations of one product.</summary>
    public static float* Activations(long length) => Grown(ref s_activations, length);

    /// <summary>Weights widened for one chunk of rows.</summary>
    public static float* Weights(long length) => Grown(ref s_weights, length);

    /// <summary>Sums that wait for the next block of columns.</summary>
    public static float* Sums(long length) => Grown(ref s_sums, length);

    /// <summary>Results of one part of a matrix in parts.</summary>
    public static float* PartResults(long length) => Grown(ref s_partResults, length);

    /// <summary>Rows put together from the parts of a matrix.</summary>
    public static float* PartRows(long length) => Grown(ref s_partRows, length);

    static float* Grown(ref NativeArray<float>? array, long length)
    {
        if (array is null || array.Length < length)
        {
            array?.Dispose();
            array = new NativeArray<float>(length);
        }
        return array.Pointer;
    }
}
