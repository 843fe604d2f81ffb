using System.Text;
using GemmaSharp.Server.Tests.Security;

namespace GemmaSharp.Server.Tests.Load;

/// <summary>Clients that leave: nothing is computed for them beyond the step that runs.</summary>
public sealed class CancelTests
{
    const string Endless = """{"messages":[{"role":"user","content":"Hello"}],"ignore_eos":true,"max_tokens":3000,"stream":§,"n":2}""";

    // Long before the answers would end by themselves, after a minute, and long enough for a machine with other work.
    static readonly TimeSpan s_soon = TimeSpan.FromSeconds(20);

    public static TheoryData<string, string, bool> Endings => new()
    {
        { RawRequests.Chat, Endless.Replace("§", "true", StringComparison.Ordinal), true }, { RawRequests.Chat, Endless.Replace("§", "false", StringComparison.Ordinal), false },
        { "/v1/completions", """{"prompt":["a","b"],"ignore_eos":true,"max_tokens":3000,"stream":true}""", true },
        { "/api/generate", """{"model":"gemma-3n-demo","prompt":"a","raw":true,"format":{"type":"array","minItems":3000,"items":{"type":"integer"}}}""", true },
        { "/v1/responses", """{"input":"a","stream":true,"text":{"format":{"type":"json_schema","name":"a","schema":{"type":"array","minItems":3000,"items":{"type":"integer"}}}}}""", true },
        { "/v1/messages", """{"model":"gemma-3n-demo","max_tokens":3000,"stream":true,"messages":[{"role":"user","content":"a"}],"output_format":{"type":"json_schema","schema":{"type":"array","minItems":3000,"items":{"type":"integer"}}}}""", true },
    };

    [Theory]
    [MemberData(nameof(Endings))]
    public async Task Who_leaves_is_not_answered_any_more(string path, string body, bool streams)
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(20));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model);
        foreach (bool resets in (bool[])[true, false])
        {
            await using (RawConnection connection = await RawConnection.OpenAsync(server.Address))
            {
                await connection.SendAsync(RawRequests.Of("POST", path, Encoding.UTF8.GetBytes(body), server.Address.Authority, "Content-Type: application/json"));
                await Eventually.TrueAsync(() => engine.Model.ActiveAnswers > 0, "the answer begins");
                if (streams)
                {
                    await connection.HeadAsync(TestContext.Current.CancellationToken);
                    int begun = engine.Steps;
                    await Eventually.TrueAsync(() => engine.Steps > begun + 2, "it goes on");
                }

                if (resets)
                {
                    connection.Reset();
                }
            }

            await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 0 && engine.Model.WaitingAnswers == 0, "nobody is answered", s_soon);
            int steps = engine.Steps;
            await Task.Delay(200, TestContext.Current.CancellationToken);
            Assert.InRange(engine.Steps - steps, 0, 1);
        }
    }

    [Fact]
    public async Task Who_leaves_the_queue_is_out_of_it_at_once()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(10), new GemmaModelOptions { MaxActive = 1 });
        await using RunningServer server = await RunningServer.StartAsync(engine.Model);
        await using RawConnection first = await RawConnection.OpenAsync(server.Address);
        await first.SendAsync(Request(server, "false"));
        await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 1, "the first answer begins");
        foreach (string streams in (string[])["true", "false"])
        {
            // Not even a step ends meanwhile.
            engine.Stop();
            await using (RawConnection second = await RawConnection.OpenAsync(server.Address))
            {
                await second.SendAsync(Request(server, streams));
                await Eventually.TrueAsync(() => engine.Model.WaitingAnswers >= 2, "the second request waits");
            }

            await Eventually.TrueAsync(() => engine.Model.WaitingAnswers <= 1, "it waits no more", s_soon);
            engine.GoOn();
        }
    }

    [Fact]
    public async Task Who_leaves_while_a_picture_is_read_leaves_nothing()
    {
        using var engine = new SlowEngine(TimeSpan.FromMilliseconds(10));
        await using RunningServer server = await RunningServer.StartAsync(engine.Model);
        string picture = Bombs.Base64(Bombs.Png(4000, 4000));
        string parts = string.Join(',', Enumerable.Repeat("{\"type\":\"image_url\",\"image_url\":\"" + picture + "\"}", 4));
        for (int i = 0; i < 3; i++)
        {
            await using RawConnection connection = await RawConnection.OpenAsync(server.Address);
            await connection.SendAsync(RawRequests.Of(
                "POST", RawRequests.Chat, Encoding.UTF8.GetBytes("{\"messages\":[{\"role\":\"user\",\"content\":[" + parts + "]}],\"ignore_eos\":true,\"max_tokens\":3000}"),
                server.Address.Authority, "Content-Type: application/json"));
            await Task.Delay(i * 100, TestContext.Current.CancellationToken);
            connection.Reset();
        }

        await Task.Delay(200, TestContext.Current.CancellationToken);
        await Eventually.TrueAsync(() => engine.Model.ActiveAnswers == 0 && engine.Model.WaitingAnswers == 0, "nobody is answered");
        Assert.Equal(200, (await server.RawGetAsync("/health")).Status);
    }

    static byte[] Request(RunningServer server, string streams) => RawRequests.Of(
        "POST", RawRequests.Chat, Encoding.UTF8.GetBytes(Endless.Replace("§", streams, StringComparison.Ordinal)), server.Address.Authority, "Content-Type: application/json");
}
