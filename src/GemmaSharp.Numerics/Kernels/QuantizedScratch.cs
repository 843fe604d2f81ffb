using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Per-thread memory of the quantised products: grows to the largest request and stays, so that a step allocates nothing.</summary>
static unsafe class QuantizedScratch
{
    [ThreadStatic]
    static NativeArray<byte>? s_rows;

    [ThreadStatic]
    static NativeArray<byte>? s_activations;

    /// <summary>Room for the rows a worker is busy with; aligned to 64 bytes, contents undefined.</summary>
    public static byte* Rows(long bytes) => Grow(ref s_rows, bytes);

    /// <summary>Room for the activations of a call; aligned to 64 bytes, contents undefined.</summary>
    public static byte* Activations(long bytes) => Grow(ref s_activations, bytes);

    static byte* Grow(ref NativeArray<byte>? array, long bytes)
    {
        if (array is null || array.Length < bytes)
        {
            array?.Dispose();
            array = new NativeArray<byte>(bytes);
        }

        return array.Pointer;
    }
}
