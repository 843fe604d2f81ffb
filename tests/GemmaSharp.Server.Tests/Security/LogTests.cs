using System.Collections.Concurrent;
using System.Text;
using GemmaSharp.Extensions.AI.Tests;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>What the log says, and what it must not say.</summary>
public sealed class LogTests
{
    [Theory]
    [InlineData("127.0.0.1", null, false)]
    [InlineData("0.0.0.0", null, true)]
    [InlineData("0.0.0.0", "key", false)]
    public async Task A_door_that_is_open_to_others_is_warned_of(string host, string? key, bool isWarned)
    {
        var lines = new Lines();
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using GemmaServer server = GemmaServer.Create(
            host, 0, options =>
            {
                options.Models.Add(new GemmaServerModel(model));
                if (key is not null)
                {
                    options.ApiKeys.Add(key);
                }
            },
            logging => logging.AddProvider(lines));
        await server.StartAsync(TestContext.Current.CancellationToken);
        await server.StopAsync(TestContext.Current.CancellationToken);
        Assert.Equal(isWarned, lines.All.Any(line => line.Contains("No key is needed", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(LogLevel.Information)]
    [InlineData(LogLevel.Trace)]
    public async Task Keys_prompts_answers_and_media_are_in_no_line(LogLevel level)
    {
        var lines = new Lines();
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using GemmaServer server = GemmaServer.Create("127.0.0.1", 0, Configure, logging => logging.SetMinimumLevel(level).AddProvider(lines));
        await server.StartAsync(TestContext.Current.CancellationToken);
        await server.ReadyAsync(TestContext.Current.CancellationToken);
        Uri address = server.Addresses[0];
        string picture = Convert.ToBase64String(await File.ReadAllBytesAsync(Demo.Golden("image-00.png"), TestContext.Current.CancellationToken));
        string[] bodies =
        [
            """{"messages":[{"role":"user","content":"secret-prompt What is the capital of Peru?"}],"temperature":0,"user":"secret-user","metadata":{"a":"secret-metadata"},"secret_field":"secret-value"}""",
            """{"messages":[{"role":"user","content":"secret-prompt"}],"stream":true,"max_tokens":3,"stop":["secret-stop"]}""",
            "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64," + picture + "\"}}]}],\"max_tokens\":2}",
            """{"messages":[{"role":"user","content":[{"type":"image_url","image_url":"secret-no-base64!"}]}]}""", """{"messages":"secret-prompt"}""", """{"secret-prompt""",
            """{"messages":[{"role":"user","content":"secret-prompt"}],"temperature":"secret-number"}""", """{"model":"secret-model","messages":[]}""",
        ];
        foreach (string path in (string[])[RawRequests.Chat, "/v1/completions", "/v1/responses", "/v1/messages", "/api/chat", "/api/generate", "/tokenize"])
        {
            foreach (string body in bodies)
            {
                foreach (string header in (string[])["Authorization: Bearer secret-key", "Authorization: Bearer secret-wrong", "x-api-key: secret-key", "Cookie: secret-cookie"])
                {
                    await using RawConnection connection = await RawConnection.OpenAsync(address);
                    await connection.SendAsync(RawRequests.Of(
                        "POST", path, Encoding.UTF8.GetBytes(body), address.Authority, "Content-Type: application/json", "User-Agent: a client", header));
                    await connection.ReadAsync();
                }
            }
        }

        // What the protocol's reader does not take.
        foreach (string request in (string[])[
            $"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization : Bearer secret-key\r\n\r\n", "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret-k\u0000ey\r\n\r\n",
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: secret-length\r\n\r\nsecret-prompt"])
        {
            await using RawConnection connection = await RawConnection.OpenAsync(address);
            await connection.SendAsync(request);
            await connection.EndsWithinAsync(TimeSpan.FromSeconds(10));
        }

        await server.StopAsync(TestContext.Current.CancellationToken);
        string all = string.Join('\n', lines.All);
        Assert.Contains(lines.All, line => line.Contains("/v1/chat/completions", StringComparison.Ordinal) && line.Contains("200", StringComparison.Ordinal));
        foreach (string secret in (string[])[
            "secret-key", "secret-wrong", "secret-cookie", "secret-prompt", "secret-user", "secret-metadata", "secret-value", "secret-stop", "secret-no", "secret-number",
            "capital of Peru", "Lima", picture[..40], picture[100..140]])
        {
            Assert.DoesNotContain(secret, all, StringComparison.OrdinalIgnoreCase);
        }

        void Configure(GemmaServerOptions options)
        {
            options.Models.Add(new GemmaServerModel(model));
            options.ApiKeys.Add("secret-key");
            options.Drain = TimeSpan.Zero;
        }
    }

    [Fact]
    public async Task Strangers_write_no_lines_of_their_own()
    {
        var lines = new Lines();
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using GemmaServer server = GemmaServer.Create("127.0.0.1", 0, options => options.Models.Add(new GemmaServerModel(model)), logging => logging.AddProvider(lines));
        await server.StartAsync(TestContext.Current.CancellationToken);
        await server.ReadyAsync(TestContext.Current.CancellationToken);
        Uri address = server.Addresses[0];
        await using RawConnection connection = await RawConnection.OpenAsync(address);
        await connection.SendAsync(RawRequests.Of(
            "POST", RawRequests.Chat,
            """{"messages":[{"role":"user","content":"a"}],"max_tokens":1,"a\nforged line":1,"\u001b[2Jb":1,"tools":[{"type":"c\nforged line"}]}"""u8.ToArray(), address.Authority,
            "Content-Type: application/json", "User-Agent: client\u001b[31m"));
        Assert.True((await connection.ReadAsync()).Status is 200 or 400);
        await server.StopAsync(TestContext.Current.CancellationToken);
        Assert.NotEmpty(lines.All);
        Assert.All(lines.All, line => Assert.DoesNotContain(line, char.IsControl));
    }

    sealed class Lines : ILoggerProvider
    {
        readonly ConcurrentQueue<string> _lines = new();

        public IReadOnlyCollection<string> All => _lines;

        public ILogger CreateLogger(string categoryName) => new Logger(_lines, categoryName);

        public void Dispose()
        {
        }

        sealed class Logger(ConcurrentQueue<string> lines, string category) : ILogger
        {
            public IDisposable? BeginScope<TState>(TState state)
                where TState : notnull => null;

            public bool IsEnabled(LogLevel logLevel) => true;

            public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
                lines.Enqueue($"{category} {formatter(state, exception)} {exception}");
        }
    }
}
