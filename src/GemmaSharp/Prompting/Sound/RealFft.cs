namespace GemmaSharp.Prompting.Sound;

/// <summary>Magnitudes of the Fourier transform of real samples, in float64.</summary>
/// <remarks>
/// Radix 2, decimation in time: n real samples are read as n/2 complex ones, transformed, and taken apart again.
/// Immutable and thread-safe; nothing is allocated per transform.
/// </remarks>
sealed class RealFft
{
    readonly int _points;
    readonly int[] _reversed;
    readonly double[] _cos;
    readonly double[] _sin;

    /// <summary>Prepares the factors of transforms of one length.</summary>
    /// <param name="length">n, a power of two, at least 2.</param>
    /// <exception cref="ArgumentException">The length is no such number.</exception>
    public RealFft(int length)
    {
        if (length < 2 || !int.IsPow2(length))
        {
            throw new ArgumentException($"A transform of {length} points was asked for; its length is a power of two, at least 2.", nameof(length));
        }

        Length = length;
        _points = length / 2;
        _reversed = new int[_points];
        for (int i = 1; i < _points; i++)
        {
            _reversed[i] = (_reversed[i / 2] / 2) | ((i & 1) != 0 ? _points / 2 : 0);
        }

        _cos = new double[_points];
        _sin = new double[_points];
        for (int k = 0; k < _points; k++)
        {
            (double sin, double cos) = Math.SinCos(-2 * Math.PI * k / length);
            _cos[k] = cos;
            _sin[k] = sin;
        }
    }

    /// <summary>Samples of a transform, n.</summary>
    public int Length { get; }

    /// <summary>Frequencies of a transform, n/2 + 1: from 0 to half the sampling rate.</summary>
    public int Bins => _points + 1;

    /// <summary><c>|Σ x[j] e^(−2πi jk/n)|</c></summary>
    /// <param name="x"><c>[n]</c>; overwritten.</param>
    /// <param name="magnitudes"><c>[Bins]</c>; must not overlap <paramref name="x"/>.</param>
    public void Magnitudes(Span<double> x, Span<double> magnitudes)
    {
        x = x[..Length];
        Transform(x);

        // Z holds the transforms of the even and the odd samples: E = (Z[k] + Z*[−k]) / 2, O = (Z[k] − Z*[−k]) / 2i, X = E + e^(−2πi k/n) O.
        magnitudes[0] = Math.Abs(x[0] + x[1]);
        magnitudes[_points] = Math.Abs(x[0] - x[1]);
        for (int k = 1; k < _points; k++)
        {
            int mirror = _points - k;
            double evenRe = (x[2 * k] + x[2 * mirror]) / 2;
            double evenIm = (x[2 * k + 1] - x[2 * mirror + 1]) / 2;
            double oddRe = (x[2 * k + 1] + x[2 * mirror + 1]) / 2;
            double oddIm = (x[2 * mirror] - x[2 * k]) / 2;
            double re = evenRe + oddRe * _cos[k] - oddIm * _sin[k];
            double im = evenIm + oddRe * _sin[k] + oddIm * _cos[k];
            magnitudes[k] = Math.Sqrt(re * re + im * im);
        }
    }

    /// <summary>The complex transform of <c>[Length / 2]</c> pairs (re, im), in place.</summary>
    void Transform(Span<double> z)
    {
        for (int i = 0; i < _points; i++)
        {
            int j = _reversed[i];
            if (j > i)
            {
                (z[2 * i], z[2 * j]) = (z[2 * j], z[2 * i]);
                (z[2 * i + 1], z[2 * j + 1]) = (z[2 * j + 1], z[2 * i + 1]);
            }
        }

        for (int half = 1; half < _points; half *= 2)
        {
            int step = _points / half;
            for (int start = 0; start < _points; start += 2 * half)
            {
                Span<double> upper = z.Slice(2 * start, 2 * half);
                Span<double> lower = z.Slice(2 * (start + half), 2 * half);
                for (int k = 0; k < half; k++)
                {
                    double cos = _cos[k * step];
                    double sin = _sin[k * step];
                    double re = lower[2 * k] * cos - lower[2 * k + 1] * sin;
                    double im = lower[2 * k] * sin + lower[2 * k + 1] * cos;
                    lower[2 * k] = upper[2 * k] - re;
                    lower[2 * k + 1] = upper[2 * k + 1] - im;
                    upper[2 * k] += re;
                    upper[2 * k + 1] += im;
                }
            }
        }
    }
}
