namespace GemmaSharp;

/// <summary>A tokenizer's files cannot be used: what was found, what is needed, and the way out in one sentence.</summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Makes the error.</summary>
    /// <param name="message">One sentence.</param>
    public TokenizerException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the error of another one.</summary>
    /// <param name="message">One sentence.</param>
    /// <param name="innerException">What happened below.</param>
    public TokenizerException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
