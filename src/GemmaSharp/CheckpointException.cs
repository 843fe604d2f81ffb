namespace GemmaSharp;

/// <summary>A checkpoint, or a file of one, that cannot be used. The message says what was found, what is needed and the way out.</summary>
public class CheckpointException : Exception
{
    /// <summary>Creates the exception for a folder or file that cannot be read as a checkpoint.</summary>
    public CheckpointException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception for a checkpoint that does not fit its configuration.</summary>
    public CheckpointException(LoadReport report)
        : base(report.Summary())
    {
        Report = report;
    }

    /// <summary>All findings, when the files were readable and do not fit.</summary>
    public LoadReport? Report { get; }
}
