namespace GemmaSharp.Generation.Drafts;

/// <summary>How likely guesses are to be right, learnt from one answer, and so how many of them are worth their time.</summary>
/// <remarks>
/// A guess after a long run of tokens that agree is right more often than one after a short run, so that each length of the run has a share of its own. It
/// is learnt from every token of the answer, whether its guess went through the model or not: to have guessed costs nothing, and an answer whose guesses never
/// were worth it finds out when they are. Not thread-safe.
/// </remarks>
sealed class Acceptance
{
    /// <summary>What has been seen counts a little less with each further guess: text copies for a while, and then it does not.</summary>
    const double Memory = 0.97;

    /// <summary>How many guesses the beginning counts for, before any has been seen.</summary>
    const double FirstWeight = 2;

    /// <summary>A draft has to be better than none by more than the machine's time varies.</summary>
    const double LeastGain = 1.03;

    /// <summary>Of runs of 1, 2, 3, 4, 5–8, 9–16 and more tokens, before any guess has been seen.</summary>
    static readonly double[] s_first = [0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9];

    readonly double[] _right = [.. s_first.Select(share => share * FirstWeight)];
    readonly double[] _all = [.. s_first.Select(_ => FirstWeight)];

    /// <summary>Takes note of a guess.</summary>
    /// <param name="matched">How many tokens agreed before it, 1 or more.</param>
    /// <param name="right">Whether it was right.</param>
    public void Add(int matched, bool right)
    {
        int at = Class(matched);
        _right[at] = (Memory * _right[at]) + (right ? 1 : 0);
        _all[at] = (Memory * _all[at]) + 1;
    }

    /// <summary>The share of right ones among the guesses after so many tokens that agree.</summary>
    public double Share(int matched) => _right[Class(matched)] / _all[Class(matched)];

    /// <summary>The number of guesses with the most tokens for the time: <c>(1 + p₁ + p₁p₂ + …) / (1 + cost(n))</c>.</summary>
    /// <param name="matched">How many tokens agree before the first guess.</param>
    /// <param name="cost">What n guesses add to the time of the step, as a share of it without guesses.</param>
    /// <param name="most">The most guesses.</param>
    public int BestLength(int matched, Func<int, double> cost, int most)
    {
        int best = 0;
        double tokens = 1, likely = 1, gain = LeastGain;
        for (int n = 1; n <= most; n++)
        {
            likely *= Share(matched + n - 1);
            tokens += likely;
            double rate = tokens / (1 + cost(n));
            if (rate > gain)
            {
                (best, gain) = (n, rate);
            }
        }

        return best;
    }

    static int Class(int matched) => matched switch
    {
        <= 1 => 0,
        2 => 1,
        3 => 2,
        4 => 3,
        <= 8 => 4,
        <= 16 => 5,
        _ => 6,
    };
}
