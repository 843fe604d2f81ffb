using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Turns rows into columns.</summary>
static unsafe class VectorInterleave
{
    /// <summary><c>destination[i·stride + j] = row j, element i</c> of four rows.</summary>
    /// <param name="rows">The first row.</param>
    /// <param name="rowStride">Elements from row to row.</param>
    /// <param name="count">Elements of a row.</param>
    /// <param name="destination">Four values every <paramref name="stride"/> elements.</param>
    /// <param name="stride">At least 4.</param>
    public static void Four(float* rows, nuint rowStride, nuint count, float* destination, nuint stride)
    {
        float* second = rows + rowStride;
        float* third = second + rowStride;
        float* fourth = third + rowStride;
        nuint i = 0;
        for (; i + 4 <= count; i += 4)
        {
            Vector128<float> a = Vector128.Load(rows + i), b = Vector128.Load(second + i);
            Vector128<float> c = Vector128.Load(third + i), d = Vector128.Load(fourth + i);
            float* at = destination + i * stride;
            Vector128<double> ab = ZipLow(a, b).AsDouble(), cd = ZipLow(c, d).AsDouble();
            ZipLow(ab, cd).AsSingle().Store(at);
            ZipHigh(ab, cd).AsSingle().Store(at + stride);
            (ab, cd) = (ZipHigh(a, b).AsDouble(), ZipHigh(c, d).AsDouble());
            ZipLow(ab, cd).AsSingle().Store(at + 2 * stride);
            ZipHigh(ab, cd).AsSingle().Store(at + 3 * stride);
        }
        for (; i < count; i++)
        {
            float* at = destination + i * stride;
            (at[0], at[1], at[2], at[3]) = (rows[i], second[i], third[i], fourth[i]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> ZipLow(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> ZipHigh(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<double> ZipLow(Vector128<double> a, Vector128<double> b) =>
        Sse2.IsSupported ? Sse2.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<double> ZipHigh(Vector128<double> a, Vector128<double> b) =>
        Sse2.IsSupported ? Sse2.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[1], b[1]);
}
