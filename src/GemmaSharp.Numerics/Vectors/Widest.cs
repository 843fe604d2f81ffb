using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>An operation with one body for every width of vector; a struct that holds the arguments.</summary>
interface IWidthKernel
{
    /// <summary>Does it with vectors of one width.</summary>
    void Run<TVector>()
        where TVector : struct, IVector<TVector>;
}

/// <summary>An operation with a result and one body for every width of vector.</summary>
/// <typeparam name="TResult">What comes out.</typeparam>
interface IWidthFunction<TResult>
{
    /// <summary>Does it with vectors of one width.</summary>
    TResult Run<TVector>()
        where TVector : struct, IVector<TVector>;
}

/// <summary>An operation on packed codes with one body for every width of vector.</summary>
interface ICodeKernel
{
    /// <summary>Does it with vectors of one width.</summary>
    void Run<TLanes, TFloat>()
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;
}

/// <summary>Picks the widest vectors that are fast on this machine: the only place that does.</summary>
/// <remarks>
/// The conditions are constants to the compiler and everything here is inlined, so what is left of a choice is one call of
/// the body. A kernel's <c>Run</c> should do nothing but call that body, and be inlined too.
/// </remarks>
static class Widest
{
    /// <summary>Float32 lanes of the widest vectors: 16, 8, 4 or 1.</summary>
    public static int Lanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated ? F32x16.Count
            : Vector256.IsHardwareAccelerated ? F32x8.Count
            : Vector128.IsHardwareAccelerated ? F32x4.Count
            : F32x1.Count;
    }

    /// <summary>Runs a kernel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Run<TKernel>(scoped in TKernel kernel)
        where TKernel : struct, IWidthKernel, allows ref struct
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Unsafe.AsRef(in kernel).Run<F32x16>();
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Unsafe.AsRef(in kernel).Run<F32x8>();
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            Unsafe.AsRef(in kernel).Run<F32x4>();
        }
        else
        {
            Unsafe.AsRef(in kernel).Run<F32x1>();
        }
    }

    /// <summary>Evaluates a function.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TResult Run<TFunction, TResult>(scoped in TFunction function)
        where TFunction : struct, IWidthFunction<TResult>, allows ref struct =>
        Vector512.IsHardwareAccelerated ? Unsafe.AsRef(in function).Run<F32x16>()
        : Vector256.IsHardwareAccelerated ? Unsafe.AsRef(in function).Run<F32x8>()
        : Vector128.IsHardwareAccelerated ? Unsafe.AsRef(in function).Run<F32x4>()
        : Unsafe.AsRef(in function).Run<F32x1>();

    /// <summary>Runs a kernel on codes; with fewer instructions than a width needs, the next narrower one is taken.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void RunCodes<TKernel>(scoped in TKernel kernel)
        where TKernel : struct, ICodeKernel, allows ref struct
    {
        if (U8x64.IsSupported)
        {
            Unsafe.AsRef(in kernel).Run<U8x64, F32x16>();
        }
        else if (U8x32.IsSupported)
        {
            Unsafe.AsRef(in kernel).Run<U8x32, F32x8>();
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            Unsafe.AsRef(in kernel).Run<U8x16, F32x4>();
        }
        else
        {
            Unsafe.AsRef(in kernel).Run<U8x4, F32x1>();
        }
    }
}
