using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Rotary position embedding with half-split pairs: element i turns with element i + d/2.</summary>
/// <remarks>Safe from any number of threads.</remarks>
static unsafe class Rope
{
    /// <summary><c>(x₁, x₂) → (x₁·cos − x₂·sin, x₂·cos + x₁·sin)</c> with the halves x₁, x₂ of one head.</summary>
    /// <param name="x"><c>[d]</c>, changed in place.</param>
    /// <param name="cos"><c>[d/2]</c></param>
    /// <param name="sin"><c>[d/2]</c></param>
    /// <exception cref="ArgumentException">The lengths do not fit.</exception>
    public static void Apply(Span<float> x, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin) =>
        Widest.Run(new Kernel(x, cos, sin));

    /// <summary>Rotation at a given width.</summary>
    internal static void Apply<TVector>(Span<float> x, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin)
        where TVector : struct, IVector<TVector>
    {
        Elementwise.CheckLength(2 * cos.Length, x.Length, nameof(x));
        Elementwise.CheckLength(cos.Length, sin.Length, nameof(sin));
        nuint half = (nuint)cos.Length;
        nuint width = (nuint)TVector.Count;
        fixed (float* px = x)
        fixed (float* pc = cos)
        fixed (float* ps = sin)
        {
            float* py = px + half;
            nuint i = 0;
            for (; i + width <= half; i += width)
            {
                TVector a = TVector.Load(px + i);
                TVector b = TVector.Load(py + i);
                TVector c = TVector.Load(pc + i);
                TVector s = TVector.Load(ps + i);
                TVector.Store(Turn(a, b, c, TVector.Zero - s), px + i);
                TVector.Store(Turn(b, a, c, s), py + i);
            }
            if (i < half)
            {
                nuint rest = half - i;
                TVector a = VectorTail.Load<TVector>(px + i, rest);
                TVector b = VectorTail.Load<TVector>(py + i, rest);
                TVector c = VectorTail.Load<TVector>(pc + i, rest);
                TVector s = VectorTail.Load<TVector>(ps + i, rest);
                VectorTail.Store(Turn(a, b, c, TVector.Zero - s), px + i, rest);
                VectorTail.Store(Turn(b, a, c, s), py + i, rest);
            }
        }
    }

    /// <summary><c>a·cos + b·sin</c></summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TVector Turn<TVector>(TVector a, TVector b, TVector cos, TVector sin)
        where TVector : struct, IVector<TVector> => TVector.MultiplyAdd(a, cos, b * sin);

    /// <summary>The rotation of a head.</summary>
    internal readonly ref struct Kernel(Span<float> x, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin) : IWidthKernel
    {
        readonly Span<float> _x = x;
        readonly ReadOnlySpan<float> _cos = cos;
        readonly ReadOnlySpan<float> _sin = sin;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Apply<TVector>(_x, _cos, _sin);
    }
}
