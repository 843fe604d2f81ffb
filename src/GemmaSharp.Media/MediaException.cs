namespace GemmaSharp.Media;

/// <summary>A file, stream or address that cannot be turned into a picture or a sound. The message says what was found, what is needed and the way
/// out.</summary>
public sealed class MediaException : GemmaException
{
    /// <summary>A refusal with its reason.</summary>
    /// <param name="message">One sentence: found, needed, way out.</param>
    public MediaException(string message)
        : base(message)
    {
    }

    /// <summary>A refusal that another exception led to.</summary>
    /// <param name="message">One sentence: found, needed, way out.</param>
    /// <param name="innerException">What the decoder said.</param>
    public MediaException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
