using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using GemmaSharp.Files;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace GemmaSharp.Server.Http;

/// <summary>The JSON that a request consists of.</summary>
static class JsonBody
{
    /// <summary>How deep it may be nested; schemas and messages are not.</summary>
    const int MaxDepth = 64;

    /// <summary>Reads it.</summary>
    /// <param name="context">The request.</param>
    /// <param name="maxBytes">The most bytes that are read.</param>
    /// <exception cref="ApiException">It is not JSON, or says it is something else, or is too large.</exception>
    public static async Task<JsonDocument> ReadAsync(HttpContext context, long maxBytes)
    {
        RequireJson(context);
        Limit(context, maxBytes);
        try
        {
            JsonDocument document = await JsonDocument.ParseAsync(
                context.Request.Body, new JsonDocumentOptions { MaxDepth = MaxDepth }, context.RequestAborted).ConfigureAwait(false);
            try
            {
                RequireCharacters(JsonMarshal.GetRawUtf8Value(document.RootElement));
                return document;
            }
            catch
            {
                document.Dispose();
                throw;
            }
        }
        catch (JsonException error)
        {
            string where = error.LineNumber is long line ? FormattableString.Invariant($" at line {line + 1}, byte {error.BytePositionInLine}") : "";
            throw new ApiException(
                StatusCodes.Status400BadRequest, ApiException.InvalidRequest,
                $"The body is not sound JSON{where}; send one JSON object of at most {MaxDepth} levels.", null, "invalid_json");
        }
        catch (IOException error) when (error is not BadHttpRequestException && !context.RequestAborted.IsCancellationRequested)
        {
            throw Invalid("The body breaks off or its chunks are none; send it whole.", "invalid_json");
        }
    }

    /// <summary>Sets how many bytes of the body are read; they are what the limit is of, so nothing is unpacked.</summary>
    /// <exception cref="ApiException">More are announced, or they are packed.</exception>
    public static void Limit(HttpContext context, long maxBytes)
    {
        if (context.Request.Headers.ContentEncoding.ToString() is { Length: > 0 } encoding && !encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
        {
            throw Unsupported($"The body is encoded as {Strangers.Shown(encoding)}; send it as it is.");
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = maxBytes;
        }

        if (context.Request.ContentLength > maxBytes)
        {
            throw ErrorMapping.TooLarge(FormattableString.Invariant(
                $"The body has {context.Request.ContentLength} bytes and at most {maxBytes} are read here"));
        }
    }

    /// <summary>
    /// A page of somebody else may post text and forms to this server without asking first, but no JSON; so only JSON is read, and other types from those who
    /// have shown that they are no such page.
    /// </summary>
    static void RequireJson(HttpContext context)
    {
        string? type = context.Request.ContentType;
        bool isJson = MediaTypeHeaderValue.TryParse(type, out MediaTypeHeaderValue? parsed)
            && (parsed.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
                || parsed.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase));
        if (!isJson && !Caller.Of(context).IsNoForeignPage)
        {
            throw Unsupported(
                $"The body's type is {Strangers.Shown(type)}; send JSON with the header Content-Type: application/json.");
        }
    }

    /// <summary>
    /// Texts of JSON may hold bytes and escapes that are no characters; the reader finds that only when a text is taken, wherever that is. So it is looked for
    /// here, once and for all names and texts.
    /// </summary>
    static void RequireCharacters(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json))
        {
            throw Invalid("The body has bytes that are no UTF-8; encode it as that.", "invalid_json");
        }

        if (JsonHalves.Find(json, new JsonReaderOptions { MaxDepth = MaxDepth }) is long place)
        {
            throw Invalid(
                FormattableString.Invariant($"The text at byte {place} has half of a surrogate pair, which is no character; send whole ones."),
                "invalid_value");
        }
    }

    static ApiException Invalid(string message, string code) =>
        new(StatusCodes.Status400BadRequest, ApiException.InvalidRequest, message, null, code);

    static ApiException Unsupported(string message) =>
        new(StatusCodes.Status415UnsupportedMediaType, ApiException.InvalidRequest, message, null, "unsupported_media_type");
}
