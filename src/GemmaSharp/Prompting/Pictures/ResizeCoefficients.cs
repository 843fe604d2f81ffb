namespace GemmaSharp.Prompting.Pictures;

/// <summary>The windows and integer weights with which one axis of a picture changes its length.</summary>
/// <remarks>
/// <c>scale = n / o</c>; the filter is widened by <c>max(scale, 1)</c>, so that shrinking averages instead of skipping.
/// Weights are computed in float64, normalised to sum 1 and rounded to integers: multiples of 2⁻²² (Pillow), or of the smallest power of
/// two with which the largest weight still fits 16 bits (PyTorch, <c>UpSampleKernelAVXAntialias.h</c>).
/// </remarks>
internal sealed class ResizeCoefficients
{
    const int PillowFractionBits = 22;

    readonly int _fractionBits;
    readonly int[] _first;
    readonly int[] _start;
    readonly int[] _weights;

    /// <summary>Prepares one axis.</summary>
    /// <param name="length">Values along the axis now, <c>n</c>.</param>
    /// <param name="newLength">Values along the axis afterwards, <c>o</c>.</param>
    /// <param name="filter">How values are weighed.</param>
    /// <param name="arithmetic">How weights are rounded.</param>
    public ResizeCoefficients(int length, int newLength, ResizeFilter filter, ResizeArithmetic arithmetic)
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
        double[] weights = new double[checked(newLength * window)];
        double largest = 0;
        _first = new int[newLength];
        _start = new int[newLength + 1];
        _weights = new int[checked(newLength * window)];
        for (int x = 0; x < newLength; x++)
        {
            double center = (x + 0.5) * scale;
            int low = Math.Max((int)(center - support + 0.5), 0);
            int count = Math.Min((int)(center + support + 0.5), length) - low;
            double sum = 0;
            Span<double> w = weights.AsSpan(_start[x], count);
            for (int j = 0; j < count; j++)
            {
                w[j] = weight((low + j - center + 0.5) / filterScale);
                sum += w[j];
            }

            for (int j = 0; j < count; j++)
            {
                w[j] /= sum;
                largest = Math.Max(largest, w[j]);
            }

            _first[x] = low;
            _start[x + 1] = _start[x] + count;
        }

        _fractionBits = arithmetic == ResizeArithmetic.Pillow ? PillowFractionBits : TorchFractionBits(largest);
        for (int i = 0; i < _start[newLength]; i++)
        {
            double scaled = weights[i] * (1 << _fractionBits);
            _weights[i] = (int)(scaled + (scaled < 0 ? -0.5 : 0.5));
        }
    }

    /// <summary>One half in the fixed-point form of the sums: what an accumulator starts from.</summary>
    public int Half => 1 << (_fractionBits - 1);

    /// <summary>Values along the axis afterwards.</summary>
    public int Count => _first.Length;

    /// <summary>Index of the first value that result <paramref name="index"/> is made from.</summary>
    public int First(int index) => _first[index];

    /// <summary>Weights of the values from <see cref="First"/> on, as integers.</summary>
    public ReadOnlySpan<int> Weights(int index) => _weights.AsSpan(_start[index].._start[index + 1]);

    /// <summary>A sum back to 8 bits, cut off at 0 and 255.</summary>
    public byte Clip(int sum)
    {
        int value = sum >> _fractionBits;
        return (uint)value <= 255 ? (byte)value : value < 0 ? (byte)0 : (byte)255;
    }

    static int TorchFractionBits(double largest)
    {
        int bits = 0;
        while (bits < PillowFractionBits && (int)(0.5 + (largest * (1 << (bits + 1)))) < 1 << 15)
        {
            bits++;
        }

        return bits;
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
