namespace GemmaSharp.Server.Tests.Security;

/// <summary>Which pages may use the server, and what browsers are told of it.</summary>
public sealed class OriginTests(SharedServer shared) : IClassFixture<SharedServer>
{
    const string Json = "Content-Type: application/json";

    RunningServer Server => shared.Server;

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://evil.example:11435")]
    [InlineData("null")]
    [InlineData("file://")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("http://127.0.0.1.evil.example")]
    [InlineData("http://evil.example/localhost")]
    [InlineData("http://evil.example#localhost")]
    [InlineData("http://evil.example?http://localhost")]
    [InlineData("http://localhost@evil.example")]
    [InlineData("http://evil.example\\@localhost")]
    [InlineData("http://192.168.1.7:8080")]
    [InlineData("vscode-webview://abc")]
    [InlineData("app://localhost")]
    [InlineData("http://localhost, https://evil.example")]
    [InlineData("")]
    public async Task Foreign_page_is_refused_whatever_it_sends(string origin)
    {
        string header = $"Origin: {origin}";
        await RefusedAsync(Server.RawGetAsync("/v1/models", header));
        await RefusedAsync(Server.RawGetAsync("/health", header));
        await RefusedAsync(Server.RawPostAsync(RawRequests.Chat, RawRequests.Question, header));
        await RefusedAsync(Server.RawPostAsync(RawRequests.Chat, "x=1"u8.ToArray(), header, "Content-Type: text/plain"));
        await RefusedAsync(Server.RawPostAsync("/v1/audio/transcriptions", ""u8.ToArray(), header, "Content-Type: multipart/form-data; boundary=x"));
        await RefusedAsync(Server.SendAsync("OPTIONS", RawRequests.Chat, null, Server.Address.Authority, header, "Access-Control-Request-Method: POST"));

        static async Task RefusedAsync(Task<RawResponse> asked)
        {
            RawResponse response = await asked;
            Assert.Equal((403, "origin_not_allowed"), (response.Status, response.Code));

            // The page may not even read that.
            Assert.DoesNotContain(response.Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
        }
    }

    [Theory]
    [InlineData("http://localhost:3000")]
    [InlineData("https://localhost")]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("http://[::1]:5173")]
    public async Task Page_of_this_machine_may_read_answers(string origin)
    {
        RawResponse response = await Server.RawPostAsync(RawRequests.Chat, RawRequests.Question, $"Origin: {origin}");
        Assert.Equal(200, response.Status);
        Assert.Equal(origin, response["Access-Control-Allow-Origin"]);
        Assert.Equal("Origin", response["Vary"]);
        Assert.Null(response["Access-Control-Allow-Credentials"]);
    }

    [Fact]
    public async Task Own_page_may_and_errors_are_readable()
    {
        RawResponse response = await Server.RawPostAsync(RawRequests.Chat, "{", $"Origin: {Server.Address.GetLeftPart(UriPartial.Authority)}");
        Assert.Equal(400, response.Status);
        Assert.Equal(Server.Address.GetLeftPart(UriPartial.Authority), response["Access-Control-Allow-Origin"]);
        Assert.Equal("Origin", response["Vary"]);
    }

    [Fact]
    public async Task Without_a_page_nothing_is_said_of_pages() =>
        Assert.DoesNotContain(
            (await Server.RawGetAsync("/v1/models")).Headers, header => header.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));

    [Fact]
    public async Task Preflight_allows_what_clients_send_and_nothing_else()
    {
        RawResponse response = await Server.SendAsync(
            "OPTIONS", RawRequests.Chat, null, Server.Address.Authority, "Origin: http://localhost:3000", "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization,content-type,x-stainless-os,x-stainless-retry-count,openai-beta,x-evil,cookie");
        Assert.Equal(204, response.Status);
        Assert.Equal("http://localhost:3000", response["Access-Control-Allow-Origin"]);
        string[] allowed = response["Access-Control-Allow-Headers"]!.Split(", ");
        foreach (string header in (string[])[
            "authorization", "content-type", "x-stainless-os", "x-stainless-retry-count", "openai-beta", "x-api-key", "anthropic-version"])
        {
            Assert.Contains(header, allowed);
        }

        Assert.DoesNotContain("x-evil", allowed);
        Assert.DoesNotContain("cookie", allowed);
        Assert.Contains("DELETE", response["Access-Control-Allow-Methods"]!, StringComparison.Ordinal);
        Assert.Equal("Origin", response["Vary"]);
        Assert.Null(response["Access-Control-Allow-Credentials"]);
    }

    [Fact]
    public async Task Preflight_needs_no_key_and_the_request_after_it_does()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("secret"));
        const string Origin = "Origin: http://localhost:3000";
        RawResponse asked = await server.SendAsync("OPTIONS", RawRequests.Chat, null, server.Address.Authority, Origin, "Access-Control-Request-Method: POST");
        Assert.Equal(204, asked.Status);
        RawResponse refused = await server.RawPostAsync(RawRequests.Chat, RawRequests.Question, Origin);
        Assert.Equal((401, "http://localhost:3000"), (refused.Status, refused["Access-Control-Allow-Origin"]));
        Assert.Equal(200, (await server.RawPostAsync(RawRequests.Chat, RawRequests.Question, Origin, "Authorization: Bearer secret")).Status);
    }

    [Fact]
    public async Task Allowed_origins_are_let_in_and_nothing_beside_them()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.AllowedOrigins.Add("https://chat.example/");
            options.AllowedOrigins.Add("vscode-webview://*");
        });
        foreach ((string origin, int status) in ((string, int)[])[
            ("https://chat.example", 200), ("http://chat.example", 403), ("https://chat.example:8443", 403), ("https://chat.example.evil.example", 403),
            ("https://x.chat.example", 403), ("vscode-webview://abc123", 200), ("null", 403)])
        {
            RawResponse response = await server.RawGetAsync("/v1/models", $"Origin: {origin}");
            Assert.True(response.Status == status, $"{origin} must be {status}");
            Assert.Equal(status == 200 ? origin : null, response["Access-Control-Allow-Origin"]);
        }
    }

    [Theory]
    [InlineData("evil")]
    [InlineData("")]
    [InlineData("https://chat.example/page")]
    [InlineData("https://*.example")]
    [InlineData("https://chat*")]
    [InlineData("https://user@chat.example")]
    public void What_is_no_origin_is_refused_at_the_start(string origin)
    {
        var options = new GemmaServerOptions();
        options.AllowedOrigins.Add(origin);
        Assert.Contains("it must be the origin of pages", Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("https://chat.example:8443/")]
    [InlineData("http://localhost:*")]
    [InlineData("http://[::1]:3000")]
    [InlineData("vscode-webview://*")]
    public void What_is_an_origin_is_taken(string origin)
    {
        var options = new GemmaServerOptions();
        options.AllowedOrigins.Add(origin);
        options.Validate();
    }

    [Fact]
    public async Task Two_origins_are_refused() =>
        Assert.Equal(403, (await Server.RawGetAsync("/v1/models", "Origin: http://localhost:1", "Origin: https://evil.example")).Status);

    [Theory]
    [InlineData("text/plain")]
    [InlineData("text/plain;charset=UTF-8")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/jsonp")]
    [InlineData("text/plain; application/json")]
    [InlineData("application/json, text/plain")]
    [InlineData(null)]
    public async Task What_a_foreign_page_can_send_unasked_is_not_read(string? type)
    {
        string[] headers = type is null ? [] : [$"Content-Type: {type}"];
        foreach (string path in Paths.Json)
        {
            RawResponse response = await Server.RawPostAsync(path, "{}"u8.ToArray(), headers);
            Assert.True(response.Status == 415, $"{path}: {response.Status} {response.Body}");
        }
    }

    [Theory]
    [InlineData("Authorization: Bearer anything")]
    [InlineData("x-api-key: anything")]
    [InlineData("Sec-Fetch-Site: same-origin")]
    [InlineData("Origin: {own}")]
    public async Task Text_is_read_from_who_can_be_no_foreign_page(string proof)
    {
        RawResponse response = await Server.RawPostAsync(
            RawRequests.Chat, System.Text.Encoding.UTF8.GetBytes(RawRequests.Question), "Content-Type: text/plain",
            proof.Replace("{own}", Server.Address.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal));
        Assert.True(response.Status == 200, response.Body);
    }

    [Theory]
    [InlineData("Sec-Fetch-Site: cross-site")]
    [InlineData("Sec-Fetch-Site: same-site")]
    [InlineData("Sec-Fetch-Site: none")]
    [InlineData("Origin: http://localhost:3000")]
    [InlineData("Authorization: Basic dXNlcjpwYXNz")]
    public async Task Text_is_not_read_from_who_may_be_one(string header) =>
        Assert.Equal(415, (await Server.RawPostAsync(RawRequests.Chat, "{}"u8.ToArray(), "Content-Type: text/plain", header)).Status);

    [Theory]
    [InlineData("application/json")]
    [InlineData("Application/JSON; charset=utf-8")]
    [InlineData("application/vnd.api+json")]
    public async Task Json_is_read_under_its_names(string type) =>
        Assert.Equal(200, (await Server.RawPostAsync(
            RawRequests.Chat, System.Text.Encoding.UTF8.GetBytes(RawRequests.Question), $"Content-Type: {type}")).Status);

    [Theory]
    [InlineData("gzip")]
    [InlineData("deflate")]
    [InlineData("br")]
    [InlineData("identity, gzip")]
    [InlineData("zstd")]
    public async Task Encoded_body_is_not_unpacked(string encoding)
    {
        byte[] packed = Packed(encoding);
        foreach (string path in Paths.Json)
        {
            RawResponse response = await Server.RawPostAsync(path, packed, Json, $"Content-Encoding: {encoding}");
            Assert.True(response.Status == 415, $"{path}: {response.Status} {response.Body}");
        }

        foreach (string path in Paths.Forms)
        {
            RawResponse response = await Server.RawPostAsync(path, packed, "Content-Type: multipart/form-data; boundary=x", $"Content-Encoding: {encoding}");
            Assert.True(response.Status == 415, $"{path}: {response.Status} {response.Body}");
        }

        static byte[] Packed(string encoding)
        {
            if (!encoding.Contains("gzip", StringComparison.Ordinal))
            {
                return "{}"u8.ToArray();
            }

            // Of a few bytes here, many there.
            using var packed = new MemoryStream();
            using (var gzip = new System.IO.Compression.GZipStream(packed, System.IO.Compression.CompressionLevel.Optimal))
            {
                gzip.Write(new byte[8 << 20]);
            }

            return packed.ToArray();
        }
    }

    [Fact]
    public async Task Form_of_a_foreign_page_is_refused_even_where_its_browser_says_no_origin()
    {
        RawResponse response = await Server.RawPostAsync(
            "/v1/audio/transcriptions", "--x--\r\n"u8.ToArray(), "Content-Type: multipart/form-data; boundary=x", "Sec-Fetch-Site: cross-site");
        Assert.Equal((403, "origin_not_allowed"), (response.Status, response.Code));
    }
}
