using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Http;

/// <summary>Whose form errors have.</summary>
abstract class Dialect
{
    /// <summary>OpenAI's.</summary>
    public static Dialect OpenAI { get; } = new OpenAIDialect();

    /// <summary>Ollama's.</summary>
    public static Dialect Ollama { get; } = new OllamaDialect();

    /// <summary>Anthropic's.</summary>
    public static Dialect Anthropic { get; } = new AnthropicDialect();

    /// <summary>The header that names the request, which people quote when something went wrong.</summary>
    public virtual string RequestId => "x-request-id";

    /// <summary>The status of an error.</summary>
    public virtual int Status(ApiException error) => error.Status;

    /// <summary>Writes an error's JSON.</summary>
    public abstract void Write(Utf8JsonWriter json, ApiException error);

    /// <summary>Answers with an error; nothing may have been sent yet.</summary>
    public async Task RefuseAsync(HttpContext context, ApiException error)
    {
        HttpResponse response = context.Response;
        response.Clear();
        response.Headers[RequestId] = context.TraceIdentifier;
        Cors.Allow(context);
        response.StatusCode = Status(error);
        response.ContentType = "application/json; charset=utf-8";
        if (error.RetryAfter is TimeSpan wait)
        {
            response.Headers.RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        }

        if (response.StatusCode == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = "Bearer";
        }

        using (var json = new Utf8JsonWriter(response.BodyWriter, WireJson.WriterOptions))
        {
            Write(json, error);
        }

        await response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    sealed class OpenAIDialect : Dialect
    {
        public override void Write(Utf8JsonWriter json, ApiException error)
        {
            json.WriteStartObject();
            json.WriteStartObject("error");
            json.WriteString("message", error.Message);
            json.WriteString("type", error.Type);
            json.WriteString("param", error.Parameter);
            json.WriteString("code", error.Code);
            json.WriteEndObject();
            json.WriteEndObject();
        }
    }

    sealed class OllamaDialect : Dialect
    {
        // Ollama knows no 429: its clients wait and try again on 503.
        public override int Status(ApiException error) =>
            error.Status == StatusCodes.Status429TooManyRequests ? StatusCodes.Status503ServiceUnavailable : error.Status;

        public override void Write(Utf8JsonWriter json, ApiException error)
        {
            json.WriteStartObject();
            json.WriteString("error", error.Message);
            json.WriteEndObject();
        }
    }

    sealed class AnthropicDialect : Dialect
    {
        public override string RequestId => "request-id";

        public override void Write(Utf8JsonWriter json, ApiException error)
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteStartObject("error");
            json.WriteString("type", error.Status switch
            {
                400 or 405 or 415 => "invalid_request_error",
                401 => "authentication_error",
                403 => "permission_error",
                404 => "not_found_error",
                413 => "request_too_large",
                429 => "rate_limit_error",
                503 => "overloaded_error",
                _ => "api_error",
            });
            json.WriteString("message", error.Message);
            if (error.Code == ApiException.NoThreads)
            {
                // By this word clients know that they may send the whole conversation instead.
                json.WriteStartObject("details");
                json.WriteString("error_code", error.Code);
                json.WriteEndObject();
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }
    }
}
