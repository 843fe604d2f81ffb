using System.Text;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Requests as bytes.</summary>
static class RawRequests
{
    public const string Chat = "/v1/chat/completions";

    /// <summary>A short question for a chat completion.</summary>
    public const string Question = """{"messages":[{"role":"user","content":"What is the capital of Peru?"}],"temperature":0}""";

    const string Json = "Content-Type: application/json";

    /// <summary>A request with the headers that belong to it and others, each with its line.</summary>
    /// <param name="method">The method.</param>
    /// <param name="path">What is asked for, spelled as it is sent.</param>
    /// <param name="body">The body in UTF-8; null for none.</param>
    /// <param name="host">The host; null for no such header.</param>
    /// <param name="headers">More headers.</param>
    public static byte[] Of(string method, string path, byte[]? body, string? host, params IEnumerable<string> headers)
    {
        var head = new StringBuilder($"{method} {path} HTTP/1.1\r\n");
        head.Append(host is null ? "" : $"Host: {host}\r\n");
        foreach (string header in headers)
        {
            head.Append(header).Append("\r\n");
        }

        head.Append(body is null ? "" : $"Content-Length: {body.Length}\r\n").Append("\r\n");
        return [.. Encoding.Latin1.GetBytes(head.ToString()), .. body ?? []];
    }

    /// <summary>Sends a request on a connection of its own and reads the response.</summary>
    public static async Task<RawResponse> SendAsync(
        this RunningServer server, string method, string path, byte[]? body, string? host, params IEnumerable<string> headers)
    {
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address);
        await connection.SendAsync(Of(method, path, body, host, headers));
        return await connection.ReadAsync(isHead: method == "HEAD");
    }

    /// <summary>Gets something under the server's own name.</summary>
    public static Task<RawResponse> RawGetAsync(this RunningServer server, string path, params IEnumerable<string> headers) =>
        server.SendAsync("GET", path, null, server.Address.Authority, headers);

    /// <summary>Posts JSON under the server's own name.</summary>
    public static Task<RawResponse> RawPostAsync(this RunningServer server, string path, string json, params IEnumerable<string> headers) =>
        server.RawPostAsync(path, Encoding.UTF8.GetBytes(json), [Json, .. headers]);

    /// <summary>Posts bytes under the server's own name; no type is given unless a header does.</summary>
    public static Task<RawResponse> RawPostAsync(this RunningServer server, string path, byte[] body, params IEnumerable<string> headers) =>
        server.SendAsync("POST", path, body, server.Address.Authority, headers);
}
