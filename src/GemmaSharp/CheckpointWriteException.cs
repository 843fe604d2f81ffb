namespace GemmaSharp;

/// <summary>A checkpoint file could not be written; nothing of it was left behind.</summary>
public sealed class CheckpointWriteException : IOException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="path">The file that was to be written.</param>
    /// <param name="innerException">What the file system said.</param>
    public CheckpointWriteException(string path, Exception innerException)
        : base($"{path} cannot be written ({innerException.Message.TrimEnd('.')}); free some space or choose another folder.", innerException)
    {
        Path = path;
    }

    /// <summary>The file that was to be written.</summary>
    public string Path { get; }
}
