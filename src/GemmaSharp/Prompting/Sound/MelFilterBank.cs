namespace GemmaSharp.Prompting.Sound;

/// <summary>Triangular bands, equally spaced on the mel scale of HTK: <c>mel(f) = 2595 log10(1 + f / 700)</c>.</summary>
/// <remarks>
/// Each band rises from its left neighbour's centre to its own and falls to its right neighbour's; areas are not normalised.
/// Only the bins a band covers are kept. Immutable and thread-safe. Source: transformers <c>create_fb_matrix</c>.
/// </remarks>
sealed class MelFilterBank
{
    readonly int[] _firstBin;
    readonly double[][] _weights;

    /// <summary>Computes the bands.</summary>
    /// <param name="bands">Number of bands.</param>
    /// <param name="minFrequency">Where the first band starts, in hertz.</param>
    /// <param name="maxFrequency">Where the last band ends, in hertz.</param>
    /// <param name="bins">Number of frequencies of a spectrum, 0 to half the sampling rate.</param>
    /// <param name="binWidth">Hertz from one of them to the next.</param>
    public MelFilterBank(int bands, double minFrequency, double maxFrequency, int bins, double binWidth)
    {
        double minMel = ToMel(minFrequency);
        double maxMel = ToMel(maxFrequency);
        double[] edges = new double[bands + 2];
        for (int i = 0; i < edges.Length; i++)
        {
            edges[i] = ToFrequency(minMel + (maxMel - minMel) * i / (bands + 1));
        }

        _firstBin = new int[bands];
        _weights = new double[bands][];
        for (int m = 0; m < bands; m++)
        {
            // The bins strictly inside the band; at its edges the weight is 0.
            int first = Math.Clamp((int)Math.Floor(edges[m] / binWidth) + 1, 0, bins);
            int end = Math.Clamp((int)Math.Ceiling(edges[m + 2] / binWidth), first, bins);
            _firstBin[m] = first;
            _weights[m] = new double[end - first];
            for (int k = first; k < end; k++)
            {
                double frequency = binWidth * k;
                double rise = (frequency - edges[m]) / (edges[m + 1] - edges[m]);
                double fall = (edges[m + 2] - frequency) / (edges[m + 2] - edges[m + 1]);
                _weights[m][k - first] = Math.Max(0, Math.Min(rise, fall));
            }
        }
    }

    /// <summary>Number of bands.</summary>
    public int Bands => _weights.Length;

    /// <summary>The weight of a bin in a band.</summary>
    public double Weight(int bin, int band)
    {
        int i = bin - _firstBin[band];
        return i >= 0 && i < _weights[band].Length ? _weights[band][i] : 0;
    }

    /// <summary><c>Σ_k spectrum[k] · weight[k, band]</c></summary>
    /// <param name="spectrum"><c>[bins]</c></param>
    /// <param name="band">Number of the band, from 0.</param>
    public double Energy(ReadOnlySpan<double> spectrum, int band)
    {
        double[] weights = _weights[band];
        ReadOnlySpan<double> covered = spectrum.Slice(_firstBin[band], weights.Length);
        double sum = 0;
        for (int k = 0; k < weights.Length; k++)
        {
            sum += covered[k] * weights[k];
        }

        return sum;
    }

    static double ToMel(double frequency) => 2595 * Math.Log10(1 + frequency / 700);

    static double ToFrequency(double mel) => 700 * (Math.Pow(10, mel / 2595) - 1);
}
