namespace GemmaSharp.Generation;

/// <summary>How many rows of prompts a step may take, so that a step is short where somebody waits for tokens.</summary>
/// <remarks>
/// Reading the weights costs a step a fixed time and each row some more, so the time per row falls with the rows. The budget keeps one number, the time per row
/// of the last steps that held prompt rows, and asks for as many rows as fit the wanted time at that price: with fewer rows than last time the step is at most
/// longer by the fixed time, with more it is shorter than foreseen, and both settle where a step takes the wanted time. Not thread-safe.
/// </remarks>
/// <param name="rows">The most rows of a step, 1 to <see cref="MaxRows"/>: fewer than that save scratch memory.</param>
sealed class StepBudget(int rows = StepBudget.MaxRows)
{
    /// <summary>The most rows of a step: enough that a prefill is bound by arithmetic and not by reading weights.</summary>
    public const int MaxRows = 512;

    /// <summary>
    /// Rows of prompts that every step has room for, however slow the machine: they cost little beside the weights, and a prompt must get on.
    /// </summary>
    public const int LeastPromptRows = 8;

    /// <summary>Rows of guesses that a step takes at most, shared by those who answer: what a guess costs is measured, but nobody waits for many.</summary>
    public const int MaxGuesses = 32;

    /// <summary>How long a step, or others' encoding between two steps, should last while somebody waits for tokens.</summary>
    public static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(250);

    double _secondsPerRow;

    /// <summary>The most rows of a step.</summary>
    public int Rows => rows;

    /// <summary>The rows of prompts that the next step may have.</summary>
    /// <param name="tokens">Rows of drawn tokens that are in it already; 0 when nobody waits for one.</param>
    public int PromptRows(int tokens)
    {
        int most = Math.Max(0, Rows - tokens);
        if (tokens == 0 || _secondsPerRow == 0)
        {
            return tokens == 0 ? most : Math.Min(most, LeastPromptRows);
        }

        double fitting = (Slice.TotalSeconds / _secondsPerRow) - tokens;
        return (int)Math.Clamp(fitting, Math.Min(LeastPromptRows, most), most);
    }

    /// <summary>Learns from a step that held rows of prompts.</summary>
    /// <param name="count">All its rows.</param>
    /// <param name="elapsed">How long it took.</param>
    public void Ran(int count, TimeSpan elapsed)
    {
        double measured = Math.Max(elapsed.TotalSeconds, 1e-9) / count;

        // What the machine has done once it can do again. A slow step may have been the compiler's or another program's, so one alone doubles the price at
        // most.
        _secondsPerRow = _secondsPerRow == 0 || measured < _secondsPerRow
            ? measured
            : (_secondsPerRow + Math.Min(measured, 3 * _secondsPerRow)) / 2;
    }
}
