using System.Globalization;
using System.Text;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace GemmaSharp.Server.OpenAI.Audio;

/// <summary>The form that a transcription is asked for with: fields, and one file.</summary>
sealed class AudioForm
{
    const int MostParts = 64;
    const int LongestField = 64 << 10;
    const int LongestName = 64;
    const int LongestHead = 16 << 10;

    readonly Dictionary<string, List<string>> _fields = new(StringComparer.Ordinal);
    ReadOnlyMemory<byte>? _file;

    AudioForm()
    {
    }

    /// <summary>The names of its fields, without the file's.</summary>
    public IEnumerable<string> Names => _fields.Keys;

    /// <summary>Reads a request's form.</summary>
    /// <exception cref="ApiException">It is none, or too large, or has no file or several, or comes from a page that may not send it.</exception>
    public static async Task<AudioForm> ReadAsync(HttpContext context, long maxBytes)
    {
        RefuseForeignPages(context);
        if (!MediaTypeHeaderValue.TryParse(context.Request.ContentType, out MediaTypeHeaderValue? type)
            || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: > 0 and <= 200 } boundary)
        {
            throw new ApiException(
                StatusCodes.Status415UnsupportedMediaType, ApiException.InvalidRequest,
                "The body is no form with a file; send multipart/form-data with the field file.", null, "unsupported_media_type");
        }

        JsonBody.Limit(context, maxBytes);
        var form = new AudioForm();
        try
        {
            var reader = new MultipartReader(boundary, context.Request.Body) { HeadersLengthLimit = LongestHead };
            await form.ReadAsync(reader, (int)Math.Min(maxBytes, Array.MaxLength), context.RequestAborted).ConfigureAwait(false);
        }
        catch (Exception error) when (error is InvalidDataException or IOException && error is not BadHttpRequestException)
        {
            throw new ApiException(
                StatusCodes.Status400BadRequest, ApiException.InvalidRequest, "The form breaks off or is no sound multipart/form-data; send it whole.", null,
                "invalid_form");
        }

        return form._file is not null ? form : throw ApiException.Missing("file", "the sound, as a file of the form");
    }

    /// <summary>The file, which the form then has no more: it need not be in memory while it is being written down.</summary>
    public ReadOnlyMemory<byte> TakeFile()
    {
        ReadOnlyMemory<byte> file = _file ?? throw new InvalidOperationException("The file has been taken.");
        _file = null;
        return file;
    }

    /// <summary>A field; null where it is not there or empty.</summary>
    /// <exception cref="ApiException">It is there several times.</exception>
    public string? Text(string name) => !_fields.TryGetValue(name, out List<string>? texts) ? null
        : texts.Count == 1 ? (texts[0].Length > 0 ? texts[0] : null)
        : throw ApiException.Invalid(name, $"{name} is given {texts.Count} times; give it once.");

    /// <summary>All values of a field that may be there several times, with brackets after its name or without.</summary>
    public IEnumerable<string> Texts(string name) =>
        _fields.GetValueOrDefault(name, []).Concat(_fields.GetValueOrDefault(name + "[]", [])).Where(text => text.Length > 0);

    /// <summary>Whether something is wanted.</summary>
    public bool Flag(string name) => Text(name)?.ToLowerInvariant() switch
    {
        null or "false" or "0" => false,
        "true" or "1" => true,
        _ => throw ApiException.Invalid(name, $"{name} must be true or false."),
    };

    /// <summary>A number in a range; null for none.</summary>
    public double? Number(string name, double min, double max) => Text(name) is not string text ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number >= min && number <= max ? number
        : throw ApiException.Invalid(name, FormattableString.Invariant($"{name} must be a number from {min} to {max}."));

    /// <summary>
    /// Any page may post a form to any server, and the browser does not ask that server first as it does before JSON. But browsers say where a post comes from.
    /// With an origin, the guard has refused it unless pages of that origin may use this server, and those may send JSON too. Without one, what they say of the
    /// site is looked at. What says neither is a program, or a browser from before both headers: its pages could have sound written down that they sent
    /// themselves, which costs time, and could not read what was said.
    /// </summary>
    static void RefuseForeignPages(HttpContext context)
    {
        if (Cors.Origin(context.Request) is null && !Caller.Of(context).IsNoForeignPage
            && context.Request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } and not "none")
        {
            throw new ApiException(
                StatusCodes.Status403Forbidden, ApiException.InvalidRequest,
                "A form of another site's page is not taken; send it from a program, or with a key.", null, "origin_not_allowed");
        }
    }

    async Task ReadAsync(MultipartReader reader, int maxBytes, CancellationToken cancellationToken)
    {
        int parts = 0;
        while (await reader.ReadNextSectionAsync(cancellationToken).ConfigureAwait(false) is MultipartSection section)
        {
            if (++parts > MostParts)
            {
                throw ApiException.Invalid(null, $"The form has more than {MostParts} parts; that many are taken.");
            }

            if (!ContentDispositionHeaderValue.TryParse(section.ContentDisposition, out ContentDispositionHeaderValue? disposition))
            {
                throw new InvalidDataException();
            }

            string name = HeaderUtilities.RemoveQuotes(disposition.Name).Value ?? "";
            if (name is "file" or "file[]")
            {
                _file = _file is null ? await PartAsync(section.Body, "file", maxBytes, cancellationToken).ConfigureAwait(false)
                    : throw ApiException.Invalid("file", "The form has several files; send one at a time.");
                continue;
            }

            if (name.Length is 0 or > LongestName)
            {
                throw ApiException.Invalid(null, $"A field of the form has a name of {name.Length} characters; it must have from 1 to {LongestName}.");
            }

            ReadOnlyMemory<byte> bytes = await PartAsync(section.Body, name, LongestField, cancellationToken).ConfigureAwait(false);
            string text = Encoding.UTF8.GetString(bytes.Span);
            if (_fields.TryGetValue(name, out List<string>? texts))
            {
                texts.Add(text);
            }
            else
            {
                _fields.Add(name, [text]);
            }
        }
    }

    static async Task<ReadOnlyMemory<byte>> PartAsync(Stream body, string name, int most, CancellationToken cancellationToken)
    {
        using var content = new MemoryStream();
        byte[] buffer = new byte[64 << 10];
        int read;
        while ((read = await body.ReadAsync(buffer, cancellationToken).ConfigureAwait(false)) > 0)
        {
            if (content.Length + read > most)
            {
                throw ApiException.Invalid(name, FormattableString.Invariant($"{name} has more than {most} bytes; that many are taken."));
            }

            content.Write(buffer.AsSpan(0, read));
        }

        return content.GetBuffer().AsMemory(0, (int)content.Length);
    }
}
