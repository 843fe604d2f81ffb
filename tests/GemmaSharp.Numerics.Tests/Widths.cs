using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests;

/// <summary>Vector widths by name, so that a failing test's title tells which one; a width the machine lacks runs in software.</summary>
internal static class Widths
{
    public static TheoryData<string> All { get; } = [nameof(F32x16), nameof(F32x8), nameof(F32x4), nameof(F32x1)];

    public static int Lanes(string width) => Run<CountLanes, int>(width, default);

    /// <summary>What <see cref="Widest.Run{TKernel}"/> does, at a width of the test's choice.</summary>
    public static void Run<TKernel>(string width, scoped TKernel kernel)
        where TKernel : struct, IWidthKernel, allows ref struct
    {
        switch (width)
        {
            case nameof(F32x16):
                kernel.Run<F32x16>();
                break;
            case nameof(F32x8):
                kernel.Run<F32x8>();
                break;
            case nameof(F32x4):
                kernel.Run<F32x4>();
                break;
            default:
                kernel.Run<F32x1>();
                break;
        }
    }

    public static TResult Run<TFunction, TResult>(string width, scoped TFunction function)
        where TFunction : struct, IWidthFunction<TResult>, allows ref struct => width switch
        {
            nameof(F32x16) => function.Run<F32x16>(),
            nameof(F32x8) => function.Run<F32x8>(),
            nameof(F32x4) => function.Run<F32x4>(),
            _ => function.Run<F32x1>(),
        };

    /// <summary>Integer products have no software form of the wider widths: AVX2 does the widest by halves, and without it both are skipped.</summary>
    public static void RunCodes<TKernel>(string width, scoped TKernel kernel)
        where TKernel : struct, ICodeKernel, allows ref struct
    {
        switch (width)
        {
            case nameof(F32x16):
                Assert.SkipUnless(U8x64.IsSupported || U8x32.IsSupported, "This machine has no AVX2.");
                kernel.Run<U8x64, F32x16>();
                break;
            case nameof(F32x8):
                Assert.SkipUnless(U8x32.IsSupported, "This machine has no AVX2.");
                kernel.Run<U8x32, F32x8>();
                break;
            case nameof(F32x4):
                kernel.Run<U8x16, F32x4>();
                break;
            default:
                kernel.Run<U8x4, F32x1>();
                break;
        }
    }

    public static void Unary<TOperator>(string width, ReadOnlySpan<float> x, TOperator f, Span<float> destination)
        where TOperator : struct, IUnaryOperator => Run(width, new Elementwise.Unary<TOperator>(x, f, destination));

    public static void Binary<TOperator>(
        string width, ReadOnlySpan<float> x, ReadOnlySpan<float> y, TOperator f, Span<float> destination)
        where TOperator : struct, IBinaryOperator => Run(width, new Elementwise.Binary<TOperator>(x, y, f, destination));

    public static float Reduce<TReduction>(string width, ReadOnlySpan<float> x, ReadOnlySpan<float> y, TReduction f)
        where TReduction : struct, IReduction => Run<Reduction.Kernel<TReduction>, float>(width, new(x, y, f));

    readonly struct CountLanes : IWidthFunction<int>
    {
        public int Run<TVector>()
            where TVector : struct, IVector<TVector> => TVector.Count;
    }
}
