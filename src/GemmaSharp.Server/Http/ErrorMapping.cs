using GemmaSharp.Media;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Http;

/// <summary>What went wrong, as clients are told: the library's sentences for what they did, nothing of what only concerns the server.</summary>
static class ErrorMapping
{
    /// <summary>The error that clients are told.</summary>
    /// <param name="error">What was thrown.</param>
    public static ApiException Of(Exception error) => error switch
    {
        ApiException told => told,
        OverloadedException overloaded => new ApiException(
            StatusCodes.Status429TooManyRequests, "rate_limit_exceeded", overloaded.Message, null, "rate_limit_exceeded", overloaded.RetryAfter),
        ContextLengthException context => new ApiException(
            StatusCodes.Status400BadRequest, ApiException.InvalidRequest, context.Message, "messages", "context_length_exceeded"),
        ConstraintException constraint => ApiException.Invalid(null, Told(constraint)),
        MediaException or ChatMessageException or ChatTemplateException => ApiException.Invalid("messages", error.Message),
        GenerationException { InnerException: OutOfMemoryException } memory => new ApiException(
            StatusCodes.Status503ServiceUnavailable, "overloaded", memory.Message, null, "out_of_memory", TimeSpan.FromSeconds(10)),
        GenerationException generation => ApiException.Invalid("messages", generation.Message),
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } large => TooLarge(large.Message),
        BadHttpRequestException bad => new ApiException(bad.StatusCode, ApiException.InvalidRequest, bad.Message),
        ObjectDisposedException => ApiException.Stopping(),
        _ => new ApiException(
            StatusCodes.Status500InternalServerError, "server_error", "The server could not answer this request; its log says why.", null, "internal_error"),
    };

    /// <summary>A body beyond what is read.</summary>
    public static ApiException TooLarge(string message) => new(
        StatusCodes.Status413PayloadTooLarge, ApiException.InvalidRequest, $"{message.TrimEnd('.')}; send less at a time.", null, "request_too_large");

    static string Told(ConstraintException constraint) => constraint.Problems.Count == 0 ? constraint.Message
        : $"{constraint.Message.TrimEnd('.')}: {string.Join("; ", constraint.Problems.Take(8).Select(
            problem => $"{problem.Pointer} {problem.Keyword}: {problem.Message.TrimEnd('.')}"))}.";

    /// <summary>What an argument is refused with, without the parameter's name that the runtime adds, which is no word of the client's.</summary>
    public static string Sentence(ArgumentException error)
    {
        int tail = error.ParamName is null ? -1 : error.Message.LastIndexOf(" (Parameter '", StringComparison.Ordinal);
        return tail < 0 ? error.Message : error.Message[..tail];
    }
}
