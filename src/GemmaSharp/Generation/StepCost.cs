namespace GemmaSharp.Generation;

/// <summary>What more rows add to the time of a step, measured while steps are made.</summary>
/// <remarks>
/// Reading the weights takes most of a step of few rows, so that further rows cost a fraction of that, and not each the same: products take rows in tiles. A
/// step's time is a level times a shape, <c>t(n) = g · s(n)</c>. The level follows every step, since contexts grow and machines slow down; the shape learns
/// where two steps one after the other have different numbers of rows, most of all for this number, and where little has been measured for its neighbours too.
/// Not thread-safe.
/// </remarks>
sealed class StepCost
{
    /// <summary>Numbers of rows that are told apart.</summary>
    const int Most = 64;

    /// <summary>What a row is believed to add before anything has been measured, as a share of the first one's time.</summary>
    const double First = 0.1;

    /// <summary>How far a measurement may be from what was believed: a slow step may have been the compiler's or another program's.</summary>
    const double MostNews = 1.5;

    /// <summary>Shares of what is new: of the level and the shape where the number of rows changed, and of the level where it did not.</summary>
    const double LevelAtChange = 0.15, ShapeAtChange = 0.3, Level = 0.4;

    readonly double[] _shape = new double[Most + 1];
    readonly int[] _seen = new int[Most + 1];
    double _level;
    int _last;

    /// <summary>Nothing has been measured.</summary>
    public StepCost()
    {
        for (int n = 0; n <= Most; n++)
        {
            _shape[n] = 1 + (First * (n - 1));
        }
    }

    /// <summary>The time that guesses add to a step, as a share of it, times the conversations in it: all of them wait for it.</summary>
    /// <param name="answers">The conversations, each with a row, 1 or more.</param>
    /// <param name="guesses">How many guesses one of them adds.</param>
    public double OfGuesses(int answers, int guesses) => answers * Math.Max(0, (Shape(answers + guesses) / Shape(answers)) - 1);

    /// <summary>Learns from a step that held no rows of prompts.</summary>
    /// <param name="rows">Its rows, 1 or more.</param>
    /// <param name="elapsed">How long it took.</param>
    public void Ran(int rows, TimeSpan elapsed)
    {
        double seconds = Math.Max(elapsed.TotalSeconds, 1e-9);
        if (_level == 0)
        {
            _level = seconds / Shape(rows);
        }

        double news = Math.Clamp(seconds / (_level * Shape(rows)), 1 / MostNews, MostNews);
        if (rows == _last || _last == 0 || rows > Most)
        {
            _level *= Math.Pow(news, Level);
        }
        else
        {
            _level *= Math.Pow(news, LevelAtChange);
            for (int n = 1; n <= Most; n++)
            {
                double near = n == rows ? 1 : Math.Pow(0.7, Math.Abs(n - rows)) / (1 + _seen[n]);
                _shape[n] *= Math.Pow(news, ShapeAtChange * near);
            }

            _seen[rows]++;
        }

        _last = rows;
    }

    /// <summary>Takes note of a step that tells nothing, so that the next one is not compared with the one before it.</summary>
    public void Skip() => _last = 0;

    double Shape(int rows) => rows <= Most ? _shape[rows] : _shape[Most] + ((rows - Most) * Math.Max(0, _shape[Most] - _shape[1]) / (Most - 1));
}
