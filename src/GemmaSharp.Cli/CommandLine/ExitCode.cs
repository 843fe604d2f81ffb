namespace GemmaSharp.Cli;

/// <summary>What the program tells its caller.</summary>
public static class ExitCode
{
    /// <summary>Done.</summary>
    public const int Done = 0;

    /// <summary>Ran and failed.</summary>
    public const int Failed = 1;

    /// <summary>Wrong usage: an unknown option, a value out of its range, nothing to answer.</summary>
    public const int Usage = 2;

    /// <summary>The checkpoint was refused.</summary>
    public const int CheckpointRefused = 3;

    /// <summary>An input file was refused.</summary>
    public const int InputRefused = 4;

    /// <summary>Ended by Ctrl-C.</summary>
    public const int Interrupted = 130;
}
