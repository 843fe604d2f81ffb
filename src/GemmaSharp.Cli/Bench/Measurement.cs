namespace GemmaSharp.Cli.Bench;

/// <summary>Seconds of several runs of the same work; what counts is the median.</summary>
/// <param name="Seconds">One entry per run, warm-up excluded.</param>
readonly record struct Measurement(IReadOnlyList<double> Seconds)
{
    /// <summary>The middle one, or the mean of the two in the middle.</summary>
    public double Median
    {
        get
        {
            double[] sorted = [.. Seconds.Order()];
            int middle = sorted.Length / 2;
            return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        }
    }

    /// <summary>The largest distance from the median, as a share of it.</summary>
    public double Spread
    {
        get
        {
            double median = Median;
            return Seconds.Max(s => Math.Abs(s - median)) / median;
        }
    }

    /// <summary>Runs work once to warm up, then several times.</summary>
    /// <param name="repetitions">Runs that count.</param>
    /// <param name="work">Does the work and returns its seconds.</param>
    /// <param name="cancellationToken">Stops between runs.</param>
    public static Measurement Take(int repetitions, Func<double> work, CancellationToken cancellationToken)
    {
        work();
        double[] seconds = new double[repetitions];
        for (int i = 0; i < seconds.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            seconds[i] = work();
        }

        return new Measurement(seconds);
    }
}
