using System.Net;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Which names the server answers to: a foreign name may be a foreign page whose name was made to lead here.</summary>
public sealed class HostTests(SharedServer shared) : IClassFixture<SharedServer>
{
    RunningServer Server => shared.Server;

    [Theory]
    [InlineData("evil.example")]
    [InlineData("evil.example:{port}")]
    [InlineData("localhost.evil.example:{port}")]
    [InlineData("127.0.0.1.evil.example:{port}")]
    [InlineData("evil-localhost:{port}")]
    [InlineData("localhost.:{port}")]
    [InlineData("evil.localhost:{port}")]
    [InlineData("a.internal")]
    [InlineData("printer.local")]
    [InlineData("host.docker.internal")]
    [InlineData("127-0-0-1.nip.example")]
    [InlineData("[evil.example]")]
    [InlineData("xn--lcalhost-kvb")]
    public async Task Foreign_name_is_refused_everywhere(string host)
    {
        host = host.Replace("{port}", $"{Server.Address.Port}", StringComparison.Ordinal);
        foreach ((string method, string path) in ((string, string)[])[
            ("GET", "/health"), ("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/v1/nothing"), ("GET", "/api/tags"), ("OPTIONS", "/v1/models")])
        {
            RawResponse response = await Server.SendAsync(method, path, null, host);

            // What is no host at all does not get as far as the check.
            Assert.True(response.Status == 403 || (response.Status == 400 && host.StartsWith('[')), $"{method} {path}: {response.Head}{response.Body}");
            Assert.DoesNotContain("gemma-3n", response.Body, StringComparison.Ordinal);
        }

        RawResponse chat = await Server.SendAsync("POST", RawRequests.Chat, "{}"u8.ToArray(), host, "Content-Type: application/json");
        Assert.True(chat.Status == 403 || host.StartsWith('['), chat.Body);
        Assert.True(chat.Status != 403 || chat.Code == "host_not_allowed", chat.Body);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LOCALHOST:{port}")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:{port}")]
    [InlineData("127.0.0.1:1")]
    [InlineData("127.8.8.8")]
    [InlineData("[::1]")]
    [InlineData("[::1]:{port}")]
    [InlineData("192.168.1.7:{port}")]
    public async Task Addresses_and_localhost_are_this_machine(string host)
    {
        RawResponse response = await Server.SendAsync(
            "GET", "/v1/models", null, host.Replace("{port}", $"{Server.Address.Port}", StringComparison.Ordinal));
        Assert.Equal(200, response.Status);
    }

    [Fact]
    public async Task Own_name_is_this_machine()
    {
        Assert.Equal(200, (await Server.SendAsync("GET", "/v1/models", null, Dns.GetHostName() + ":80")).Status);
        Assert.Equal(200, (await Server.SendAsync("GET", "/v1/models", null, Dns.GetHostName().ToUpperInvariant() + ".local")).Status);
        Assert.Equal(403, (await Server.SendAsync("GET", "/v1/models", null, Dns.GetHostName() + ".evil.example")).Status);
    }

    [Fact]
    public async Task Request_without_host_is_refused()
    {
        Assert.Equal(400, (await Server.SendAsync("GET", "/v1/models", null, null)).Status);
        Assert.Equal(403, (await Server.SendAsync("GET", "/v1/models", null, "")).Status);

        // The old protocol needs none, so that nobody can say who is meant.
        await using RawConnection connection = await RawConnection.OpenAsync(Server.Address);
        await connection.SendAsync("GET /v1/models HTTP/1.0\r\n\r\n");
        Assert.Equal(403, (await connection.ReadAsync()).Status);
    }

    [Theory]
    [InlineData("Host: evil.example")]
    [InlineData("Host: localhost")]
    [InlineData("host: 127.0.0.1")]
    public async Task Two_hosts_are_refused(string second) =>
        Assert.Equal(400, (await Server.SendAsync("GET", "/v1/models", null, "localhost", second)).Status);

    [Theory]
    [InlineData("evil.example/localhost")]
    [InlineData("localhost@evil.example")]
    [InlineData("localhost, evil.example")]
    [InlineData("localhost evil.example")]
    [InlineData("localhost:abc")]
    [InlineData("local\u0000host")]
    [InlineData("local\u00e9host")]
    public async Task Host_that_is_no_host_is_refused(string host)
    {
        RawResponse response = await Server.SendAsync("GET", "/v1/models", null, host);
        Assert.True(response.Status is 400 or 403, response.Head);
    }

    [Fact]
    public async Task Whole_address_in_the_request_counts_and_not_the_header_beside_it()
    {
        Assert.Equal(400, (await Server.SendAsync("GET", "http://evil.example/v1/models", null, "localhost")).Status);
        Assert.Equal(403, (await Server.SendAsync("GET", "http://evil.example/v1/models", null, "evil.example")).Status);
        Assert.Equal(200, (await Server.SendAsync("GET", "http://localhost/v1/models", null, "localhost")).Status);
    }

    [Fact]
    public async Task Forwarded_headers_are_not_believed()
    {
        RawResponse response = await Server.SendAsync(
            "GET", "/v1/models", null, "evil.example", "X-Forwarded-Host: localhost", "Forwarded: host=localhost", "X-Forwarded-For: 127.0.0.1");
        Assert.Equal(403, response.Status);
    }

    [Fact]
    public async Task Allowed_names_are_let_in_and_nothing_beside_them()
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.AllowedHosts.Add("chat.example");
            options.AllowedHosts.Add("port.example:81");
            options.AllowedHosts.Add("*.below.example");
        });
        foreach ((string host, int status) in ((string, int)[])[
            ("chat.example", 200), ("CHAT.example:8080", 200), ("x.chat.example", 403), ("notchat.example", 403), ("chat.example.evil.example", 403),
            ("port.example:81", 200), ("port.example:82", 403), ("port.example", 403),
            ("a.below.example", 200), ("a.b.below.example", 200), ("below.example", 403), ("xbelow.example", 403), ("evil.example", 403)])
        {
            Assert.True((await server.SendAsync("GET", "/v1/models", null, host)).Status == status, $"{host} must be {status}");
        }
    }

    [Fact]
    public async Task Key_does_not_open_a_foreign_name()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("secret"));
        RawResponse response = await server.SendAsync("GET", "/v1/models", null, "evil.example", "Authorization: Bearer secret");
        Assert.Equal((403, "host_not_allowed"), (response.Status, response.Code));
    }
}
