using GemmaSharp.Files;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Http;

/// <summary>Why a request is not answered, in the terms that all dialects share; each writes it in its own form.</summary>
/// <param name="status">The status of the response.</param>
/// <param name="type">OpenAI's word for the kind, such as <c>invalid_request_error</c>.</param>
/// <param name="message">One sentence for a person: the value found, the value needed, the way out.</param>
/// <param name="parameter">The field of the request that is to blame; null for none.</param>
/// <param name="code">OpenAI's word for the fault, such as <c>invalid_value</c>; null for none.</param>
/// <param name="retryAfter">When it is worth trying again; null where it is not.</param>
sealed class ApiException(int status, string type, string message, string? parameter = null, string? code = null, TimeSpan? retryAfter = null)
    : Exception(Sentence.Of(message))
{
    public const string InvalidRequest = "invalid_request_error";

    /// <summary>Anthropic's word for a request of a conversation that the server is to keep, where it keeps none.</summary>
    public const string NoThreads = "thread_unsupported_request";

    public int Status { get; } = status;

    public string Type { get; } = type;

    public string? Parameter { get; } = parameter;

    public string? Code { get; } = code;

    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>A field has a value that it cannot have.</summary>
    public static ApiException Invalid(string? parameter, string message) =>
        new(StatusCodes.Status400BadRequest, InvalidRequest, message, parameter, "invalid_value");

    /// <summary>A field has a value that others understand and this server does not.</summary>
    public static ApiException Unsupported(string? parameter, string message) =>
        new(StatusCodes.Status400BadRequest, InvalidRequest, message, parameter, "unsupported_value");

    /// <summary>A field that must be there is not.</summary>
    public static ApiException Missing(string parameter, string needed) =>
        new(StatusCodes.Status400BadRequest, InvalidRequest, $"{parameter} is missing; give {needed}.", parameter, "missing_required_parameter");

    /// <summary>The server is about to end.</summary>
    public static ApiException Stopping() => new(
        StatusCodes.Status503ServiceUnavailable, "overloaded", "The server is being stopped; try again in a moment, or on another one.", null, "stopping",
        TimeSpan.FromSeconds(5));
}
