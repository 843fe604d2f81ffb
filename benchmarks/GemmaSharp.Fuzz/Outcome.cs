namespace GemmaSharp.Fuzz;

/// <summary>What came of an input.</summary>
enum Outcome
{
    /// <summary>It was read.</summary>
    Success,

    /// <summary>It was refused with one of the library's exceptions, in a sentence fit to be shown.</summary>
    Typed,

    /// <summary>Another exception, or a promise that was not kept.</summary>
    Untyped,

    /// <summary>A refusal whose text is empty, endless, of several lines or with control characters.</summary>
    Message,

    /// <summary>It was read or refused, and took longer than an input may, twice.</summary>
    Slow,

    /// <summary>The process grew by more than an input may take, or ran out of what a worker has.</summary>
    Memory,

    /// <summary>It never ended, and not when it was tried alone either.</summary>
    Hang,

    /// <summary>The process died.</summary>
    Crash,
}

/// <summary>One input's outcome.</summary>
/// <param name="Outcome">What it was.</param>
/// <param name="Key">What findings of one cause have in common; empty for what is none.</param>
/// <param name="Detail">What is to be known of it.</param>
/// <param name="Signature">What tells it from other outcomes, for novelty.</param>
sealed record Verdict(Outcome Outcome, string Key, string Detail, int Signature)
{
    /// <summary>Whether it breaks a promise.</summary>
    public bool IsFinding => Outcome > Outcome.Typed;
}
