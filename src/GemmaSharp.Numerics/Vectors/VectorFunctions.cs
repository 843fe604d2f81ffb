using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Transcendental functions, lane by lane, within about two units in the last place of float32.</summary>
/// <remarks>Polynomials of the Cephes library (expf, tanhf). The same operations at every width.</remarks>
static class VectorFunctions
{
    /// <summary><c>e^x</c>: 0 below −104, +∞ above 88.8, NaN for NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TVector>(TVector x)
        where TVector : struct, IVector<TVector>
    {
        // Bounds first and x second: that order lets NaN through.
        x = TVector.Max(TVector.Create(-104f), x);
        x = TVector.Min(TVector.Create(89f), x);

        // x = n·ln 2 + r with |r| ≤ ½ ln 2; ln 2 is split so that n times its upper part is exact.
        TVector n = TVector.Round(x * TVector.Create(1.44269504088896341f));
        TVector r = TVector.MultiplyAdd(n, TVector.Create(-0.693359375f), x);
        r = TVector.MultiplyAdd(n, TVector.Create(2.12194440e-4f), r);

        TVector p = TVector.Create(1.9875691500e-4f);
        p = TVector.MultiplyAdd(p, r, TVector.Create(1.3981999507e-3f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(8.3334519073e-3f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(4.1665795894e-2f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(1.6666665459e-1f));
        p = TVector.MultiplyAdd(p, r, TVector.Create(5.0000001201e-1f));
        p = TVector.MultiplyAdd(p, r * r, r + TVector.Create(1f));

        // Two steps reach subnormal results and infinity, where 2^n itself is no normal number.
        TVector half = TVector.Round(n * TVector.Create(0.5f));
        return p * TVector.PowerOfTwo(half) * TVector.PowerOfTwo(n - half);
    }

    /// <summary><c>1 / (1 + e^−x)</c></summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TVector>(TVector x)
        where TVector : struct, IVector<TVector>
    {
        TVector one = TVector.Create(1f);
        return one / (one + Exp(TVector.Zero - x));
    }

    /// <summary><c>tanh x</c>: a polynomial below 0.625, <c>1 − 2 / (e^2|x| + 1)</c> with the sign of x above.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Tanh<TVector>(TVector x)
        where TVector : struct, IVector<TVector>
    {
        TVector magnitude = TVector.Abs(x);
        TVector one = TVector.Create(1f);
        TVector large = one - TVector.Create(2f) / (Exp(magnitude + magnitude) + one);

        TVector s = x * x;
        TVector p = TVector.Create(-5.70498872745e-3f);
        p = TVector.MultiplyAdd(p, s, TVector.Create(2.06390887954e-2f));
        p = TVector.MultiplyAdd(p, s, TVector.Create(-5.37397155531e-2f));
        p = TVector.MultiplyAdd(p, s, TVector.Create(1.33314422036e-1f));
        p = TVector.MultiplyAdd(p, s, TVector.Create(-3.33332819422e-1f));
        TVector small = TVector.MultiplyAdd(p * s, x, x);

        return TVector.SelectLess(magnitude, TVector.Create(0.625f), small, TVector.CopySign(large, x));
    }
}
