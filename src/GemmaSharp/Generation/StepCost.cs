namespace GemmaSharp.Generation;

/// <summary>What guesses add to the time of a step, measured while steps are made.</summary>
/// <remarks>
/// Reading the weights takes most of a step of few rows, so that further rows cost a fraction of that, and not each the same: products take rows in tiles. A
/// step with guesses is compared with the last one of the same conversations without, which therefore must not be long past. What it tells counts for its
/// number of rows, and for numbers near it as long as those have not been seen. Not thread-safe.
/// </remarks>
sealed class StepCost
{
    /// <summary>Numbers of rows that are told apart.</summary>
    const int Most = 64;

    /// <summary>What a row is believed to add before anything has been measured, as a share of the first one's time.</summary>
    const double First = 0.1;

    /// <summary>Steps with guesses after which one without is measured again: contexts grow, and machines slow down.</summary>
    const int LongPast = 32;

    /// <summary>
    /// What is dear is not measured again, and may have been so for another reason: how much of that a step forgets, of few guesses where it had none, and of
    /// many. A try of few that was for nothing costs a step or two in fifty.
    /// </summary>
    const double ForgetFew = 0.02, ForgetMany = 0.001;

    /// <summary>How many guesses are few.</summary>
    const int Few = 3;

    /// <summary>How far a measurement may be from what was believed, and how much of that is believed then.</summary>
    const double MostNews = 3, Weight = 0.6;

    readonly double[] _shape = new double[Most + 1];
    readonly double[] _last = new double[Most + 1];
    readonly int[] _seen = new int[Most + 1];
    readonly double[] _plain = new double[Most + 1];
    readonly int[] _plainAt = new int[Most + 1];
    int _guessed;

    /// <summary>Nothing has been measured.</summary>
    public StepCost()
    {
        for (int n = 0; n <= Most; n++)
        {
            _shape[n] = Believed(n);
        }
    }

    /// <summary>
    /// The time that guesses add to a step, as a share of it, times the conversations in it, since all of them wait for it. Endless where a step without
    /// guesses is to be measured.
    /// </summary>
    /// <param name="answers">The conversations, each with a row, 1 or more.</param>
    /// <param name="guesses">How many guesses one of them adds.</param>
    public double OfGuesses(int answers, int guesses) =>
        guesses == 0 ? 0
        : answers + guesses > Most || _plain[answers] == 0 || _guessed - _plainAt[answers] >= LongPast ? double.PositiveInfinity
        : answers * Math.Max(0, (_shape[answers + guesses] / _shape[answers]) - 1);

    /// <summary>Learns from a step of conversations with a row each and guesses.</summary>
    /// <param name="answers">The conversations, 1 or more.</param>
    /// <param name="rows">All rows.</param>
    /// <param name="elapsed">How long it took.</param>
    public void Ran(int answers, int rows, TimeSpan elapsed)
    {
        _guessed += rows > answers ? 1 : 0;
        if (rows > Most)
        {
            return;
        }

        double seconds = Math.Max(elapsed.TotalSeconds, 1e-9);
        if (rows == answers)
        {
            // What the machine has done once it can do again; one slow step may have been the compiler's, or another program's.
            double before = _plain[answers];
            _plain[answers] = before == 0 ? seconds : seconds < before ? (seconds + before) / 2 : Math.Min(seconds, 1.25 * before);
            _plainAt[answers] = _guessed;
        }
        else if (_plain[answers] > 0)
        {
            // Of two measurements the shorter one, for the same reason.
            double time = seconds / _plain[answers] * _shape[answers], shorter = _last[rows] == 0 ? time : Math.Min(time, _last[rows]);
            _last[rows] = time;
            double news = Math.Clamp(shorter / _shape[rows], 1 / MostNews, MostNews);
            for (int n = answers + 1; n <= Most; n++)
            {
                double near = n == rows ? 1 : Math.Pow(0.7, Math.Abs(n - rows)) / (1 + _seen[n]);
                _shape[n] *= Math.Pow(news, Weight * near);
            }

            _seen[rows]++;
        }

        Forget(answers, rows == answers);
    }

    static double Believed(int rows) => 1 + (First * (rows - 1));

    void Forget(int answers, bool isPlain)
    {
        for (int n = answers + 1; n <= Most; n++)
        {
            double first = _shape[answers] * Believed(n) / Believed(answers);
            double share = n > answers + Few ? ForgetMany : isPlain ? ForgetFew : 0;
            _shape[n] -= share * Math.Max(0, _shape[n] - first);
        }
    }
}
