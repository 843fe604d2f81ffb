using System.Security.Cryptography;
using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace GemmaSharp.Server.Page;

/// <summary>The web page, out of the assembly. Immutable, thread-safe.</summary>
sealed class PageFiles
{
    const string Root = "wwwroot/";

    /// <summary>
    /// What the page may do: its own scripts and styles, and talk to its own server. What a model writes is a stranger's text, and a picture fetched from an
    /// address would tell its owner what was said.
    /// </summary>
    const string Policy =
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; script-src 'self'; connect-src 'self'; worker-src 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    readonly Dictionary<string, PageFile> _files = new(StringComparer.Ordinal);

    public PageFiles()
    {
        foreach (string name in typeof(PageFiles).Assembly.GetManifestResourceNames().Where(name => name.StartsWith(Root, StringComparison.Ordinal)))
        {
            using Stream stream = typeof(PageFiles).Assembly.GetManifestResourceStream(name)!;
            byte[] content = new byte[stream.Length];
            stream.ReadExactly(content);
            var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"");
            _files[name[Root.Length..]] = new PageFile(content, Type(name), tag);
        }
    }

    /// <summary>The files by their paths, without a slash before them.</summary>
    public IEnumerable<string> Paths => _files.Keys;

    /// <summary>Sends a file.</summary>
    public async Task SendAsync(HttpContext context, string path)
    {
        PageFile file = _files[path];
        HttpResponse response = context.Response;
        response.ContentType = file.Type;
        response.Headers.ETag = file.Tag.ToString();
        response.Headers.CacheControl = "no-cache";
        response.Headers.ContentSecurityPolicy = Policy;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["Permissions-Policy"] = "camera=(self), microphone=(self)";
        response.Headers.Vary = path == "index.html" ? "Accept, Origin" : "Origin";
        if (EntityTagHeaderValue.TryParseList(context.Request.Headers.IfNoneMatch.OfType<string>().ToList(), out IList<EntityTagHeaderValue>? known)
            && known.Any(tag => tag.Compare(file.Tag, useStrongComparison: false) || tag == EntityTagHeaderValue.Any))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return;
        }

        response.ContentLength = file.Content.Length;
        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await response.BodyWriter.WriteAsync(file.Content, context.RequestAborted).ConfigureAwait(false);
        }
    }

    /// <summary>Whether a request comes from a browser that wants to show something, and not from a program that looks whether anybody is there.</summary>
    public static bool IsWanted(HttpRequest request) => request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    /// <summary>Maps the files, but not the front page.</summary>
    public void Map(RouteTable routes)
    {
        foreach (string path in Paths)
        {
            routes.Get("/" + path, Dialect.OpenAI, context => SendAsync(context, path), isOpen: true);
        }
    }

    static string Type(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        string other => throw new InvalidOperationException($"The page has a file {name}; say what type {other} is."),
    };

    sealed record PageFile(ReadOnlyMemory<byte> Content, string Type, EntityTagHeaderValue Tag);
}
