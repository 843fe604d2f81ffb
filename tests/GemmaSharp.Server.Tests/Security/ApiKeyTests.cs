using System.Text.Json.Nodes;
using GemmaSharp.Extensions.AI.Tests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Keys, on every route that there is.</summary>
public sealed class ApiKeyTests
{
    static readonly string[] s_open = ["/health", "/v1/health"];

    static readonly string[] s_methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"];

    /// <summary>All routes of the program, whoever has mapped them and when, must be shut; what is to be open has to be named here.</summary>
    [Fact]
    public async Task Every_route_is_shut_without_a_key()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using WebApplication program = Program(model, "first", "second");
        RouteEndpoint[] routes = [.. ((IEndpointRouteBuilder)program).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>()];
        Assert.True(routes.Length > 40, $"There are {routes.Length} routes.");
        await program.StartAsync(TestContext.Current.CancellationToken);
        try
        {
            var address = new Uri(program.Urls.First());
            var known = new List<string>();
            foreach (RouteEndpoint route in routes)
            {
                string pattern = "/" + route.RoutePattern.RawText!.TrimStart('/');
                string path = string.Join('/', pattern.Split('/').Select(part => part.StartsWith('{') ? "x" : part));
                IReadOnlyList<string> methods = route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods is { Count: > 0 } some ? some : s_methods;
                foreach (string method in methods.Except(["OPTIONS"]))
                {
                    RawResponse refused = await SendAsync(address, method, path);
                    if (IsOpen(pattern) && method is "GET" or "HEAD")
                    {
                        Assert.True(refused.Status == 200, $"{method} {path} is to be open and is {refused.Status}.");
                        continue;
                    }

                    Assert.True(refused.Status == 401, $"{method} {path} is {refused.Status} without a key: {refused.Body}");
                    Assert.Equal("Bearer", refused["WWW-Authenticate"]);
                    Assert.True((await SendAsync(address, method, path, "Authorization: Bearer wrong")).Status == 401, $"{method} {path} takes a wrong key.");
                    int status = (await SendAsync(address, method, path, "Authorization: Bearer first")).Status;
                    Assert.True(status is not (401 or 403) || pattern.StartsWith("/api/", StringComparison.Ordinal), $"{method} {path} is {status} with a key.");
                }

                known.Add(pattern);
            }

            foreach (string path in Paths.Json.Concat(Paths.Forms).Concat(Paths.Without))
            {
                Assert.Contains(path, known);
            }

            // What reads a body is tested for what it reads, wherever these lists go.
            string[] posts = [.. routes.Where(route => route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods.Contains("POST") == true)
                .Select(route => "/" + route.RoutePattern.RawText!.TrimStart('/'))];
            foreach (string path in posts)
            {
                Assert.Contains(Paths.Json.Concat(Paths.Forms).Concat(Paths.Without), named => named == path || named == "/v1" + path);
            }
        }
        finally
        {
            await program.StopAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task Refusal_tells_nothing_of_the_key_and_always_looks_the_same()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("sk-right-key"));
        var seen = new HashSet<string>();
        foreach (string[] headers in (string[][])[
            [], ["Authorization:"], ["Authorization: Bearer"], ["Authorization: Bearer "], ["Authorization: Bearer wrong"], ["Authorization: Bearer sk-right-ke"],
            ["Authorization: Bearer sk-right-key2"], ["Authorization: Bearer SK-RIGHT-KEY"], ["Authorization: Basic sk-right-key"], ["Authorization: sk-right-key"],
            ["Authorization: Bearer sk-right-key, Bearer x"], ["Authorization: Bearer x", "Authorization: Bearer sk-right-key"], ["x-api-key: wrong"], ["x-api-key:"],
            ["x-api-key: x", "x-api-key: sk-right-key"], ["Cookie: key=sk-right-key"], [$"Authorization: Bearer {new string('a', 20_000)}"]])
        {
            RawResponse response = await server.RawGetAsync("/v1/models", headers);
            Assert.True(response.Status == 401, $"{string.Join(' ', headers)}: {response.Status}");
            Assert.Equal("invalid_api_key", response.Code);
            Assert.DoesNotContain("sk-right", response.Body + response.Head, StringComparison.Ordinal);
            Assert.DoesNotContain("wrong", response.Body + response.Head, StringComparison.Ordinal);
            seen.Add(response.Body);
        }

        Assert.Single(seen);
        Assert.Equal(401, (await server.RawGetAsync("/v1/models?key=sk-right-key&api_key=sk-right-key")).Status);
    }

    [Theory]
    [InlineData("Authorization: Bearer one")]
    [InlineData("authorization: bearer one")]
    [InlineData("Authorization: Bearer  two ")]
    [InlineData("x-api-key: two")]
    [InlineData("X-API-KEY: one")]
    public async Task Any_of_the_keys_opens_in_either_header(string header)
    {
        await using RunningServer server = await RunningServer.StartAsync(options =>
        {
            options.ApiKeys.Add("one");
            options.ApiKeys.Add("two");
        });
        Assert.Equal(200, (await server.RawGetAsync("/v1/models", header)).Status);
        Assert.Equal(200, (await server.RawPostAsync(RawRequests.Chat, RawRequests.Question, header)).Status);
    }

    [Fact]
    public async Task Each_dialect_refuses_in_its_own_form()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("one"));
        JsonNode anthropic = (await server.RawPostAsync("/v1/messages", "{}")).Json;
        Assert.Equal(("error", "authentication_error"), ((string)anthropic["type"]!, (string)anthropic["error"]!["type"]!));
        Assert.IsAssignableFrom<JsonValue>((await server.RawPostAsync("/api/chat", "{}")).Json["error"]);
        Assert.Equal("invalid_api_key", (await server.RawPostAsync(RawRequests.Chat, "{}")).Code);
    }

    [Fact]
    public async Task Nothing_is_read_before_the_key_is()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options.ApiKeys.Add("one"));
        await using RawConnection connection = await RawConnection.OpenAsync(server.Address);

        // A body is announced that never comes.
        await connection.SendAsync(
            $"POST {RawRequests.Chat} HTTP/1.1\r\nHost: {server.Address.Authority}\r\nContent-Type: application/json\r\nContent-Length: 60000000\r\n\r\n");
        Assert.Equal(401, (await connection.ReadAsync()).Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" key")]
    [InlineData("key\n")]
    public void Key_that_no_header_can_bear_is_refused(string key) =>
        Assert.Throws<ArgumentException>(() => GemmaServer.Create("127.0.0.1", 0, options =>
        {
            options.Models.Add(new GemmaServerModel(Demo.Folder));
            options.ApiKeys.Add(key);
        }));

    /// <summary>Somebody's own program, whose routes can be looked at.</summary>
    static WebApplication Program(GemmaModel model, params string[] keys)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddGemmaServer(options =>
        {
            options.Models.Add(new GemmaServerModel(model));
            options.StoredResponses = 4;
            options.Drain = TimeSpan.Zero;
            Array.ForEach(keys, options.ApiKeys.Add);
        });
        WebApplication program = builder.Build();
        program.MapGemma();
        return program;
    }

    /// <summary>Whether a route is meant to be open: health, and the page's files, which hold nothing of anybody's.</summary>
    static bool IsOpen(string pattern) => s_open.Contains(pattern) || pattern == "/" || Path.GetExtension(pattern) is ".html" or ".js" or ".css" or ".svg";

    static async Task<RawResponse> SendAsync(Uri address, string method, string path, params string[] headers)
    {
        await using RawConnection connection = await RawConnection.OpenAsync(address);
        byte[]? body = method is "GET" or "HEAD" or "TRACE" ? null : "{}"u8.ToArray();
        await connection.SendAsync(RawRequests.Of(method, path, body, address.Authority, ["Content-Type: application/json", .. headers]));
        return await connection.ReadAsync(isHead: method == "HEAD");
    }
}
