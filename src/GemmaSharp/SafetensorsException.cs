namespace GemmaSharp;

/// <summary>A file is not a sound safetensors file.</summary>
public sealed class SafetensorsException : CheckpointException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="problem">What is wrong with it, as the rest of a sentence that begins with the file's name.</param>
    /// <param name="innerException">What the reader said, if anything.</param>
    public SafetensorsException(string file, string problem, Exception? innerException = null)
        : base($"{Path.GetFileName(file)} {problem}", innerException)
    {
        File = file;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }
}
