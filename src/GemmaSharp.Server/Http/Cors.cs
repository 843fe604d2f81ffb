using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace GemmaSharp.Server.Http;

/// <summary>What browsers are told about pages of other origins; only of those that have passed the guard.</summary>
static class Cors
{
    static readonly HashSet<string> s_headers = new(StringComparer.OrdinalIgnoreCase)
    {
        "authorization", "content-type", "accept", "user-agent", "x-requested-with", "x-api-key", "anthropic-version", "anthropic-beta",
        "anthropic-dangerous-direct-browser-access", "openai-beta", "openai-organization", "openai-project",
    };

    /// <summary>The origin of a request's page; null for none.</summary>
    public static string? Origin(HttpRequest request) => request.Headers.Origin is { Count: > 0 } origin ? origin.ToString() : null;

    /// <summary>Lets the page read the response.</summary>
    public static void Allow(HttpContext context)
    {
        if (context.Features.Get<AllowedOrigin>() is AllowedOrigin origin)
        {
            context.Response.Headers.AccessControlAllowOrigin = origin.Value;
            context.Response.Headers.AccessControlExposeHeaders = "retry-after, x-request-id, request-id";
            context.Response.Headers.Append("Vary", "Origin");
        }
    }

    /// <summary>Answers the question that a browser asks first.</summary>
    public static void AnswerPreflight(HttpContext context)
    {
        HttpResponse response = context.Response;
        response.StatusCode = StatusCodes.Status204NoContent;
        response.Headers.AccessControlAllowMethods = "GET, POST, HEAD, OPTIONS, DELETE";
        response.Headers.AccessControlMaxAge = "600";
        StringValues asked = context.Request.Headers.AccessControlRequestHeaders;
        response.Headers.AccessControlAllowHeaders = string.Join(", ", asked.ToString().Split(',', StringSplitOptions.TrimEntries)
            .Where(name => s_headers.Contains(name) || name.StartsWith("x-stainless-", StringComparison.OrdinalIgnoreCase)).Concat(s_headers).Distinct());
    }
}

/// <summary>An origin that has passed the guard.</summary>
sealed record AllowedOrigin(string Value);
