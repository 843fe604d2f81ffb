using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Security;

/// <summary>Which pages may talk to the server: its own, those of this machine, and those that are allowed by name.</summary>
/// <param name="allowed">Origins such as <c>https://chat.example</c> or <c>vscode-webview://*</c>; <c>*</c> for all.</param>
sealed partial class OriginCheck(IEnumerable<string> allowed)
{
    readonly string[] _allowed = [.. allowed.Select(Pattern).OfType<string>()];

    /// <summary>An origin that may be allowed, as it is compared; null where it is none.</summary>
    public static string? Pattern(string origin) => origin?.TrimEnd('/') is string pattern && (pattern == "*" || Form().IsMatch(pattern)) ? pattern : null;

    /// <summary>Whether a page of this origin may.</summary>
    public bool Passes(HttpRequest request, string origin) =>
        IsOwn(request, origin) || IsOfThisMachine(origin) || Array.Exists(_allowed, pattern => Covers(pattern, origin));

    /// <summary>Whether the origin is the server itself. The scheme may differ where a proxy in front speaks TLS.</summary>
    public static bool IsOwn(HttpRequest request, string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
        && string.Equals(uri.Authority, request.Host.Value, StringComparison.OrdinalIgnoreCase);

    static bool IsOfThisMachine(string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
        && (uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address)));

    // A star stands for a whole host or port, so that no longer name slips in.
    [GeneratedRegex(@"^[A-Za-z][A-Za-z0-9+.-]*://(\*|[^\s/*?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:([0-9]{1,5}|\*))?$", RegexOptions.CultureInvariant)]
    private static partial Regex Form();

    static bool Covers(string pattern, string origin) => pattern == "*" || (pattern.EndsWith('*')
        ? origin.StartsWith(pattern[..^1], StringComparison.OrdinalIgnoreCase)
        : pattern.Equals(origin, StringComparison.OrdinalIgnoreCase));
}
