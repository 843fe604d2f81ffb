namespace GemmaSharp.Server.Tests.Security;

/// <summary>Methods, paths and message bodies that no well-meaning client sends.</summary>
public sealed class ProtocolTests(SharedServer shared) : IClassFixture<SharedServer>
{
    RunningServer Server => shared.Server;

    [Theory]
    [InlineData("TRACE")]
    [InlineData("PUT")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    [InlineData("PROPFIND")]
    [InlineData("GEMMA")]
    public async Task Other_methods_are_refused_and_nothing_is_echoed(string method)
    {
        RawResponse response = await Server.SendAsync(method, "/v1/models", null, "localhost", "X-Secret: do-not-echo", "Cookie: a=do-not-echo");
        Assert.True(response.Status == 405, $"{response.Head}{response.Body}");
        Assert.Equal("method_not_allowed", response.Code);
        Assert.Equal("GET, HEAD", response["Allow"]);
        Assert.DoesNotContain("do-not-echo", response.Head + response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CONNECT localhost:80 HTTP/1.1")]
    [InlineData("CONNECT evil.example:443 HTTP/1.1")]
    [InlineData("GET * HTTP/1.1")]
    [InlineData("GET v1/models HTTP/1.1")]
    [InlineData("GET /v1/models HTTP/9.9")]
    [InlineData("GET /v1/models")]
    [InlineData("PRI * HTTP/2.0")]
    [InlineData("G\u0000T /v1/models HTTP/1.1")]
    [InlineData("GET /v1/mo\u0000dels HTTP/1.1")]
    [InlineData("GET /v1/models%00 HTTP/1.1")]
    [InlineData("GET /v1/mod\u00e9ls HTTP/1.1")]
    [InlineData("(){} / HTTP/1.1")]
    [InlineData(" GET /v1/models HTTP/1.1")]
    public async Task Line_that_is_no_request_is_refused(string line)
    {
        await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);
        await connection.SendAsync(line + "\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        RawResponse response;
        try
        {
            response = await connection.ReadAsync();
        }
        catch (Exception error) when (error is EndOfStreamException or IOException)
        {
            // To say nothing is an answer, too.
            return;
        }

        Assert.True(response.Status is >= 400 and < 506 and not 500, response.Head);
        Assert.DoesNotContain("   at ", response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1//models", 200)]
    [InlineData("//v1/models", 200)]
    [InlineData("/v1/models/", 200)]
    [InlineData("/v1/models//", 200)]
    [InlineData("/%76%31/models", 200)]
    [InlineData("/V1/Models", 200)]
    [InlineData("/health/../v1/models", 200)]
    [InlineData("/health/%2e%2e/v1/models", 200)]
    [InlineData("/v1/health/%2e%2e/models", 200)]
    [InlineData("/v1/models/google%2Fgemma-3n-demo", 404)]
    [InlineData("/v1/models/gemma-3n-demo", 200)]
    [InlineData("/v1/models/..%2f..%2fetc%2fpasswd", 404)]
    [InlineData("/v1/models/%2e%2e%2f%2e%2e%2fetc/passwd", 404)]
    [InlineData("/v1/models/../../../../etc/passwd", 404)]
    [InlineData("/v1/models/a%2Fb", 404)]
    [InlineData("/v1/models/a%252Fb", 404)]
    [InlineData("/v1/models/%5C%5Chost%5Cshare", 404)]
    [InlineData("/v1/models/C:%5Cwindows", 404)]
    [InlineData("/..%5c..%5cetc/passwd", 404)]
    [InlineData("/%2e%2e/%2e%2e/etc/passwd", 404)]
    [InlineData("/v1/models/%zz", 404)]
    [InlineData("/v1/models/%ff%fe", 404)]
    [InlineData("/v1/models;x=1", 404)]
    [InlineData("/v1/models?a=b&a=%ff&[]=1", 200)]
    public async Task Paths_lead_to_endpoints_alone(string path, int status)
    {
        RawResponse response = await Server.RawGetAsync(path);
        Assert.True(response.Status == status || (status == 404 && response.Status == 400), $"{response.Status} {response.Body}");
        Assert.DoesNotContain("root:", response.Body, StringComparison.Ordinal);
        Assert.DoesNotContain(AppContext.BaseDirectory, response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1//models")]
    [InlineData("//metrics")]
    [InlineData("/health/../v1/models")]
    [InlineData("/health/%2e%2e/metrics")]
    [InlineData("/v1/health/%2E%2E/models")]
    [InlineData("/v1/health/x")]
    [InlineData("/health%2f..%2fmetrics")]
    [InlineData("/METRICS")]
    [InlineData("/props/")]
    [InlineData("/slots?/health")]
    [InlineData("/v1/models#/health")]
    public async Task No_spelling_of_a_path_goes_around_the_key(string path)
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("secret"));
        RawResponse response = await server.RawGetAsync(path);
        Assert.True(response.Status is 401 or 404 or 400, $"{response.Status} {response.Body}");
        Assert.DoesNotContain("gemma-3n", response.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Content-Length: 2", "Content-Length: 3")]
    [InlineData("Content-Length: 2, 2")]
    [InlineData("Content-Length: -1")]
    [InlineData("Content-Length: 0x2")]
    [InlineData("Content-Length: 99999999999999999999")]
    [InlineData("Content-Length:")]
    [InlineData("Content-Length: 2 2")]
    [InlineData("Content-Length : 2")]
    [InlineData("Transfer-Encoding: xchunked")]
    [InlineData("Transfer-Encoding: chunked, identity")]
    [InlineData("Transfer-Encoding: gzip, chunked")]
    [InlineData("Transfer-Encoding: chunked", "Content-Length: 2")]
    [InlineData("Content-Length: 2", "Transfer-Encoding: chunked")]
    [InlineData("Content-Length: 2", "Transfer-Encoding : chunked")]
    [InlineData("Content-Length: 2\r\n Transfer-Encoding: chunked")]
    [InlineData("X-A: b\rTransfer-Encoding: chunked")]
    public async Task Body_whose_length_can_be_read_in_two_ways_is_refused(params string[] headers)
    {
        await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);

        // What one reader takes for the rest of the body, another takes for a request of its own.
        await connection.SendAsync(
            $"POST {RawRequests.Chat} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{string.Join("\r\n", headers)}\r\n\r\n"
            + "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n");
        RawResponse response = await connection.ReadAsync();
        Assert.True(response.Status is 400 or 413 or 415 or 501, response.Head + response.Body);
        Assert.True(await connection.EndsWithinAsync(TimeSpan.FromSeconds(20)), "The connection goes on after a request whose end is not known.");
    }

    [Fact]
    public async Task Requests_one_after_another_on_a_connection_are_each_checked()
    {
        await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);
        await connection.SendAsync(
            "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: localhost\r\n"
            + "Origin: https://evil.example\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
        foreach (int status in (int[])[200, 403, 403, 200])
        {
            Assert.Equal(status, (await connection.ReadAsync()).Status);
        }
    }

    [Fact]
    public async Task Upgrades_are_not_made()
    {
        foreach (string to in (string[])["websocket", "h2c"])
        {
            RawResponse response = await Server.RawGetAsync(
                "/v1/models", $"Upgrade: {to}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                "Sec-WebSocket-Version: 13");
            Assert.Equal(200, response.Status);
        }
    }

    [Fact]
    public async Task Responses_say_nothing_of_what_is_below()
    {
        foreach (string path in (string[])["/v1/models", "/nothing", "/v1/nothing", "/health"])
        {
            RawResponse response = await Server.RawGetAsync(path);
            Assert.Null(response["Server"]);
            Assert.Null(response["X-Powered-By"]);
        }
    }
}
