using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests;

/// <summary>Vector widths by name, so that a failing test's title tells which one; a width the machine lacks runs in software.</summary>
internal static class Widths
{
    public static TheoryData<string> All { get; } = [nameof(F32x16), nameof(F32x8), nameof(F32x4), nameof(F32x1)];

    public static int Lanes(string width) => width switch
    {
        nameof(F32x16) => F32x16.Count,
        nameof(F32x8) => F32x8.Count,
        nameof(F32x4) => F32x4.Count,
        _ => F32x1.Count,
    };

    public static void Unary<TOperator>(string width, ReadOnlySpan<float> x, TOperator f, Span<float> destination)
        where TOperator : struct, IUnaryOperator
    {
        switch (width)
        {
            case nameof(F32x16):
                Elementwise.Apply<TOperator, F32x16>(x, f, destination);
                break;
            case nameof(F32x8):
                Elementwise.Apply<TOperator, F32x8>(x, f, destination);
                break;
            case nameof(F32x4):
                Elementwise.Apply<TOperator, F32x4>(x, f, destination);
                break;
            default:
                Elementwise.Apply<TOperator, F32x1>(x, f, destination);
                break;
        }
    }

    public static void Binary<TOperator>(
        string width, ReadOnlySpan<float> x, ReadOnlySpan<float> y, TOperator f, Span<float> destination)
        where TOperator : struct, IBinaryOperator
    {
        switch (width)
        {
            case nameof(F32x16):
                Elementwise.Apply<TOperator, F32x16>(x, y, f, destination);
                break;
            case nameof(F32x8):
                Elementwise.Apply<TOperator, F32x8>(x, y, f, destination);
                break;
            case nameof(F32x4):
                Elementwise.Apply<TOperator, F32x4>(x, y, f, destination);
                break;
            default:
                Elementwise.Apply<TOperator, F32x1>(x, y, f, destination);
                break;
        }
    }

    public static float Reduce<TReduction>(string width, ReadOnlySpan<float> x, ReadOnlySpan<float> y, TReduction f)
        where TReduction : struct, IReduction => width switch
        {
            nameof(F32x16) => Reduction.Apply<TReduction, F32x16>(x, y, f),
            nameof(F32x8) => Reduction.Apply<TReduction, F32x8>(x, y, f),
            nameof(F32x4) => Reduction.Apply<TReduction, F32x4>(x, y, f),
            _ => Reduction.Apply<TReduction, F32x1>(x, y, f),
        };
}
