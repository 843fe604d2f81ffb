using System.Net;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Security;

/// <summary>
/// Whether a request names this machine. A page of somebody else's can have its name lead to this machine (DNS rebinding) and is then of the same origin to
/// the browser; but the name stands in the request.
/// </summary>
/// <param name="allowed">Further names.</param>
/// <param name="keysAreNeeded">Whether nobody gets in without a key, which such a page has not.</param>
sealed class HostCheck(IEnumerable<string> allowed, bool keysAreNeeded)
{
    static readonly string s_machine = Dns.GetHostName();

    readonly string[] _allowed = [.. allowed];

    public bool Passes(HttpContext context)
    {
        string host = context.Request.Host.Host;
        if (host.Length == 0)
        {
            return false;
        }

        // An address is no name that could lead elsewhere tomorrow.
        if (IPAddress.TryParse(host.Trim('[', ']'), out _) || IsName(host, "localhost") || IsName(host, s_machine) || IsName(host, s_machine + ".local")
            || Array.Exists(_allowed, name => IsName(host, name) || IsName(context.Request.Host.Value ?? "", name)))
        {
            return true;
        }

        IPAddress? local = context.Connection.LocalIpAddress;
        return keysAreNeeded && _allowed.Length == 0 && local is not null && !IPAddress.IsLoopback(local);
    }

    static bool IsName(string host, string name) => string.Equals(host, name, StringComparison.OrdinalIgnoreCase)
        || (name.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(name[1..], StringComparison.OrdinalIgnoreCase));
}
