namespace GemmaSharp.Multimodal;

/// <summary>The windows and integer weights with which one axis of a picture changes its length.</summary>
/// <remarks>
/// <c>scale = n / o</c>; the filter is widened by <c>max(scale, 1)</c>, so that shrinking averages instead of skipping.
/// Weights are computed in float64, normalised to sum 1 and rounded to multiples of 2⁻²².
/// </remarks>
internal sealed class ResizeCoefficients
{
    /// <summary>One half in the fixed-point form of the sums: what an accumulator starts from.</summary>
    public const int Half = 1 << (FractionBits - 1);

    const int FractionBits = 22;

    readonly int[] _first;
    readonly int[] _start;
    readonly int[] _weights;

    /// <summary>Prepares one axis.</summary>
    /// <param name="length">Values along the axis now, <c>n</c>.</param>
    /// <param name="newLength">Values along the axis afterwards, <c>o</c>.</param>
    /// <param name="filter">How values are weighed.</param>
    public ResizeCoefficients(int length, int newLength, ResizeFilter filter)
    {
        (double support, Func<double, double> weight) = filter switch
        {
            ResizeFilter.Bilinear => (1.0, (Func<double, double>)Bilinear),
            ResizeFilter.Bicubic => (2.0, Bicubic),
            _ => throw new ArgumentOutOfRangeException(
                nameof(filter), filter, $"Resampling filter {(int)filter} is not known; use 2 (bilinear) or 3 (bicubic)."),
        };

        double scale = (double)length / newLength;
        double filterScale = Math.Max(scale, 1.0);
        support *= filterScale;
        int window = ((int)Math.Ceiling(support) * 2) + 1;
        double[] w = new double[window];
        _first = new int[newLength];
        _start = new int[newLength + 1];
        _weights = new int[checked(newLength * window)];
        for (int x = 0; x < newLength; x++)
        {
            double center = (x + 0.5) * scale;
            int low = Math.Max((int)(center - support + 0.5), 0);
            int count = Math.Min((int)(center + support + 0.5), length) - low;
            double sum = 0;
            for (int j = 0; j < count; j++)
            {
                w[j] = weight((low + j - center + 0.5) / filterScale);
                sum += w[j];
            }

            for (int j = 0; j < count; j++)
            {
                double scaled = w[j] / sum * (1 << FractionBits);
                _weights[_start[x] + j] = (int)(scaled + (scaled < 0 ? -0.5 : 0.5));
            }

            _first[x] = low;
            _start[x + 1] = _start[x] + count;
        }
    }

    /// <summary>Values along the axis afterwards.</summary>
    public int Count => _first.Length;

    /// <summary>Index of the first value that result <paramref name="index"/> is made from.</summary>
    public int First(int index) => _first[index];

    /// <summary>Weights of the values from <see cref="First"/> on, in units of 2⁻²².</summary>
    public ReadOnlySpan<int> Weights(int index) => _weights.AsSpan(_start[index].._start[index + 1]);

    /// <summary>A sum back to 8 bits, cut off at 0 and 255.</summary>
    public static byte Clip(int sum)
    {
        int value = sum >> FractionBits;
        return (uint)value <= 255 ? (byte)value : value < 0 ? (byte)0 : (byte)255;
    }

    static double Bilinear(double t)
    {
        t = Math.Abs(t);
        return t < 1 ? 1 - t : 0;
    }

    static double Bicubic(double t)
    {
        const double a = -0.5;
        t = Math.Abs(t);
        return t < 1 ? ((((a + 2) * t) - (a + 3)) * t * t) + 1
            : t < 2 ? ((((t - 5) * t) + 8) * t - 4) * a
            : 0;
    }
}
