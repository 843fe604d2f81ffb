using System.Numerics;

namespace GemmaSharp.Prompting.Sound;

/// <summary>The coefficients of <see cref="Resampler"/> for one pair of rates.</summary>
internal sealed class ResamplerFilter
{
    const double Cutoff = 0.95;
    const int ZeroCrossings = 64;
    const double Beta = 9;

    // Exact phases up to this many coefficients (8 MB); the common rates need some tens of thousands.
    const long ExactLimit = 1 << 21;
    const int InterpolatedPhases = 1024;

    // The windowed sinc for any pair of rates, at so many points between two zero crossings that a straight line joins them (1e-7).
    const int PointsPerCrossing = 2048;
    static readonly double[] s_kernel = Kernel();

    readonly float[] _coefficients;
    readonly long _step;
    readonly long _divisor;
    readonly int _phases;

    /// <summary>Designs the filter.</summary>
    /// <param name="rate">Input samples per second.</param>
    /// <param name="newRate">Output samples per second.</param>
    public ResamplerFilter(int rate, int newRate)
    {
        int common = (int)BigInteger.GreatestCommonDivisor(rate, newRate);
        _step = rate / common;
        _divisor = newRate / common;

        // Band edge in cycles per input sample, and the window's half width in input samples.
        double band = Cutoff * Math.Min(1.0, (double)newRate / rate);
        double half = ZeroCrossings / band;
        Taps = 2 * ((int)Math.Ceiling(half) + 1);
        IsExact = _divisor * Taps <= ExactLimit;
        _phases = IsExact ? (int)_divisor : InterpolatedPhases;

        int rows = IsExact ? _phases : _phases + 1;
        _coefficients = new float[rows * Taps];
        double[] row = new double[Taps];
        for (int phase = 0; phase < rows; phase++)
        {
            double sum = 0;
            for (int j = 0; j < Taps; j++)
            {
                double t = j - (Taps / 2) + 1 - ((double)phase / _phases);
                row[j] = At(Math.Abs(band * t));
                sum += row[j];
            }

            for (int j = 0; j < Taps; j++)
            {
                _coefficients[(phase * Taps) + j] = (float)(row[j] / sum);
            }
        }
    }

    /// <summary>Input samples that one output sample is made from; even.</summary>
    public int Taps { get; }

    /// <summary>Whether every phase that occurs has coefficients of its own.</summary>
    public bool IsExact { get; }

    /// <summary>Where output <paramref name="m"/> lies: behind input <c>n</c>, between a phase and the next.</summary>
    public (long N, int Phase, float Mix) Locate(long m)
    {
        (long n, long rest) = Math.DivRem(m * _step, _divisor);
        if (IsExact)
        {
            return (n, (int)rest, 0);
        }

        (long phase, long between) = Math.DivRem(rest * _phases, _divisor);
        return (n, (int)phase, (float)((double)between / _divisor));
    }

    /// <summary>How many outputs lie before input sample <paramref name="n"/>.</summary>
    public long OutputsBefore(long n) => n <= 0 ? 0 : (((n * _divisor) - 1) / _step) + 1;

    /// <summary>Coefficients <c>[Taps]</c> of one phase: the output lies <c>phase / phases</c> behind the tap <c>Taps / 2 − 1</c>.</summary>
    public ReadOnlySpan<float> Phase(int phase) => _coefficients.AsSpan(phase * Taps, Taps);

    /// <summary>The kernel at a distance in zero crossings.</summary>
    static double At(double crossings)
    {
        double point = crossings * PointsPerCrossing;
        int index = (int)point;
        return index >= ZeroCrossings * PointsPerCrossing
            ? 0
            : s_kernel[index] + ((point - index) * (s_kernel[index + 1] - s_kernel[index]));
    }

    /// <summary><c>sinc(x) · I₀(β √(1 − (x/Z)²)) / I₀(β)</c> from 0 to the last zero crossing Z.</summary>
    static double[] Kernel()
    {
        double[] kernel = new double[(ZeroCrossings * PointsPerCrossing) + 1];
        double normal = BesselI0(Beta);
        for (int i = 0; i < kernel.Length - 1; i++)
        {
            double x = (double)i / PointsPerCrossing, u = x / ZeroCrossings;
            kernel[i] = Sinc(x) * BesselI0(Beta * Math.Sqrt(1 - (u * u))) / normal;
        }

        return kernel;
    }

    static double Sinc(double x) => x == 0 ? 1 : Math.Sin(Math.PI * x) / (Math.PI * x);

    /// <summary>The modified Bessel function of order 0, <c>Σ ((x/2)ᵏ / k!)²</c>.</summary>
    static double BesselI0(double x)
    {
        double term = 1, sum = 1;
        for (int k = 1; term > 1e-17 * sum; k++)
        {
            term *= x / (2 * k) * (x / (2 * k));
            sum += term;
        }

        return sum;
    }
}
