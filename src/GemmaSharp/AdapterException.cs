namespace GemmaSharp;

/// <summary>An adapter that cannot be used with its base. The message says what was found, what is needed and the way out.</summary>
public sealed class AdapterException : CheckpointException
{
    /// <summary>Creates the exception for a folder that cannot be read as an adapter, or that cannot be used as asked.</summary>
    public AdapterException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception for an adapter that does not fit its base.</summary>
    public AdapterException(LoadReport report)
        : base(report)
    {
    }
}
