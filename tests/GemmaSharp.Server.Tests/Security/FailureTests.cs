using GemmaSharp.Extensions.AI.Tests;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>What clients are told when the server itself fails: that it did, and nothing else.</summary>
public sealed class FailureTests
{
    const string Secret = "/srv/secret/path";

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"a"}]}""")]
    [InlineData("/v1/completions", """{"prompt":"a"}""")]
    [InlineData("/v1/responses", """{"input":"a"}""")]
    [InlineData("/v1/messages", """{"model":"gemma-3n-demo","max_tokens":5,"messages":[{"role":"user","content":"a"}]}""")]
    [InlineData("/api/chat", """{"model":"gemma-3n-demo","messages":[{"role":"user","content":"a"}],"stream":false}""")]
    [InlineData("/api/generate", """{"model":"gemma-3n-demo","prompt":"a","stream":false}""")]
    public async Task Failure_of_the_engine_is_500_without_a_word_of_it(string path, string body)
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using RunningServer server = await RunningServer.StartAsync(model);
        Action<Model.Text.TextStep> forward = model.Engine.Forward;
        foreach (Exception error in (Exception[])[
            new InvalidOperationException(Secret), new IOException(Secret), new KeyNotFoundException(Secret), new UnauthorizedAccessException(Secret), new NotSupportedException(Secret),
            new FormatException(Secret), new InvalidDataException(Secret), new AggregateException(Secret), new TimeoutException(Secret),
            new ArgumentException(Secret)])
        {
            model.Engine.Forward = _ => throw error;
            RawResponse response = await server.RawPostAsync(path, body);
            Assert.True(response.Status == 500, $"{error.GetType().Name} is {response.Status} {response.Body}");
            AssertSilent(response.Body, error);
        }

        model.Engine.Forward = forward;
        Assert.Equal(200, (await server.RawPostAsync(path, body)).Status);
    }

    [Theory]
    [InlineData("/v1/chat/completions", """{"messages":[{"role":"user","content":"Hello"}],"stream":true,"ignore_eos":true,"max_tokens":100}""", "data: {\"error\"")]
    [InlineData("/v1/completions", """{"prompt":"Hello","stream":true,"ignore_eos":true,"max_tokens":100}""", "data: {\"error\"")]
    [InlineData("/v1/responses", """{"input":"a","stream":true,"text":{"format":{"type":"json_schema","name":"a","schema":{"type":"array","minItems":3000,"items":{"type":"integer"}}}}}""", "response.failed")]
    [InlineData("/v1/messages", """{"model":"gemma-3n-demo","max_tokens":3000,"stream":true,"messages":[{"role":"user","content":"a"}],"output_format":{"type":"json_schema","schema":{"type":"array","minItems":3000,"items":{"type":"integer"}}}}""", "event: error")]
    [InlineData("/api/chat", """{"model":"gemma-3n-demo","messages":[{"role":"user","content":"a"}],"format":{"type":"array","minItems":3000,"items":{"type":"integer"}}}""", "{\"error\"")]
    public async Task Failure_after_the_start_is_said_in_the_stream_and_ends_it(string path, string body, string said)
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        await using RunningServer server = await RunningServer.StartAsync(model);
        Action<Model.Text.TextStep> forward = model.Engine.Forward;
        int steps = 0;
        var error = new InvalidOperationException(Secret);
        model.Engine.Forward = step =>
        {
            if (++steps > 3)
            {
                throw error;
            }

            forward(step);
        };
        RawResponse response = await server.RawPostAsync(path, body);
        Assert.Equal(200, response.Status);
        Assert.Contains(said, response.Body, StringComparison.Ordinal);
        Assert.DoesNotContain("[DONE]", response.Body, StringComparison.Ordinal);
        AssertSilent(response.Body, error);
        model.Engine.Forward = forward;
        Assert.Equal(0, model.ActiveAnswers);
        Assert.Equal(200, (await server.RawPostAsync(RawRequests.Chat, RawRequests.Question)).Status);
    }

    static void AssertSilent(string body, Exception error)
    {
        Assert.DoesNotContain(Secret, body, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", body, StringComparison.Ordinal);
        Assert.DoesNotContain(error.GetType().Name, body, StringComparison.Ordinal);
        Assert.DoesNotContain("GemmaSharp", body, StringComparison.Ordinal);
    }
}
