namespace GemmaSharp.Hub.Protocol;

/// <summary>A failure that may well be gone when the request is made again.</summary>
/// <param name="problem">What happened, to stand inside a sentence: <c>HTTP 503</c>.</param>
/// <param name="wait">How long the server wants to be left alone; null for the usual.</param>
/// <param name="innerException">What happened below.</param>
sealed class TransientException(string problem, TimeSpan? wait = null, Exception? innerException = null) : Exception(problem, innerException)
{
    /// <summary>How long the server wants to be left alone.</summary>
    public TimeSpan? WaitFor { get; } = wait;
}
