using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>A function of one number.</summary>
interface IUnaryOperator
{
    TVector Invoke<TVector>(TVector x)
        where TVector : struct, IVector<TVector>;
}

/// <summary>A function of two numbers.</summary>
interface IBinaryOperator
{
    TVector Invoke<TVector>(TVector x, TVector y)
        where TVector : struct, IVector<TVector>;
}

/// <summary>The loops of elementwise kernels. A kernel is an operator struct; the last lanes go through the same operator.</summary>
static unsafe class Elementwise
{
    /// <summary><c>destination[i] = f(x[i])</c></summary>
    public static void Apply<TOperator>(ReadOnlySpan<float> x, TOperator f, Span<float> destination)
        where TOperator : struct, IUnaryOperator =>
        Widest.Run(new Unary<TOperator>(x, f, destination));

    /// <summary><c>destination[i] = f(x[i], y[i])</c></summary>
    public static void Apply<TOperator>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, TOperator f, Span<float> destination)
        where TOperator : struct, IBinaryOperator =>
        Widest.Run(new Binary<TOperator>(x, y, f, destination));

    /// <summary><c>destination[i] = f(x[i])</c> at a given width.</summary>
    // A method of its own, without a profile: inlined into a caller that is hot, the operator's vectors would outgrow what the compiler inlines and become
    // calls.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    internal static void Apply<TOperator, TVector>(ReadOnlySpan<float> x, TOperator f, Span<float> destination)
        where TOperator : struct, IUnaryOperator
        where TVector : struct, IVector<TVector>
    {
        CheckLength(x.Length, destination.Length, nameof(destination));
        nuint count = (nuint)x.Length;
        nuint width = (nuint)TVector.Count;
        fixed (float* px = x)
        fixed (float* pd = destination)
        {
            nuint i = 0;
            for (; i + width <= count; i += width)
            {
                TVector.Store(f.Invoke(TVector.Load(px + i)), pd + i);
            }
            if (i < count)
            {
                TVector last = f.Invoke(VectorTail.Load<TVector>(px + i, count - i));
                VectorTail.Store(last, pd + i, count - i);
            }
        }
    }

    /// <summary><c>destination[i] = f(x[i], y[i])</c> at a given width.</summary>
    // A method of its own, without a profile: inlined into a caller that is hot, the operator's vectors would outgrow what the compiler inlines and become
    // calls.
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    internal static void Apply<TOperator, TVector>(
        ReadOnlySpan<float> x, ReadOnlySpan<float> y, TOperator f, Span<float> destination)
        where TOperator : struct, IBinaryOperator
        where TVector : struct, IVector<TVector>
    {
        CheckLength(x.Length, y.Length, nameof(y));
        CheckLength(x.Length, destination.Length, nameof(destination));
        nuint count = (nuint)x.Length;
        nuint width = (nuint)TVector.Count;
        fixed (float* px = x)
        fixed (float* py = y)
        fixed (float* pd = destination)
        {
            nuint i = 0;
            for (; i + width <= count; i += width)
            {
                TVector.Store(f.Invoke(TVector.Load(px + i), TVector.Load(py + i)), pd + i);
            }
            if (i < count)
            {
                TVector last = f.Invoke(
                    VectorTail.Load<TVector>(px + i, count - i), VectorTail.Load<TVector>(py + i, count - i));
                VectorTail.Store(last, pd + i, count - i);
            }
        }
    }

    /// <summary>Refuses a span that is not as long as the first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CheckLength(int expected, int found, string name)
    {
        if (found != expected)
        {
            Throw(expected, found, name);
        }
    }

    static void Throw(int expected, int found, string name) =>
        throw new ArgumentException($"{name} has {found} elements; the operation needs {expected}.", name);

    /// <summary>The loop of one input.</summary>
    internal readonly ref struct Unary<TOperator>(ReadOnlySpan<float> x, TOperator f, Span<float> destination) : IWidthKernel
        where TOperator : struct, IUnaryOperator
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly Span<float> _destination = destination;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TOperator, TVector>(_x, f, _destination);
    }

    /// <summary>The loop of two inputs.</summary>
    internal readonly ref struct Binary<TOperator>(ReadOnlySpan<float> x, ReadOnlySpan<float> y, TOperator f, Span<float> destination) : IWidthKernel
        where TOperator : struct, IBinaryOperator
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _y = y;
        readonly Span<float> _destination = destination;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TOperator, TVector>(_x, _y, f, _destination);
    }
}
