using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>What the engine tells OpenTelemetry.</summary>
public sealed class TelemetryTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Spans_AreOfTheAnswerAndItsParts_BelowTheCallers()
    {
        const string Source = "test.gemma.engine";
        var all = new List<Activity>();
        using TracerProvider tracer = Sdk.CreateTracerProviderBuilder().AddSource("GemmaSharp", Source).AddInMemoryExporter(all).Build();
        using var source = new ActivitySource(Source);
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        ActivityTraceId trace;
        using (Activity caller = source.StartActivity("caller")!)
        {
            trace = caller.TraceId;
            AIMessage message = new(ChatRole.User, [Demo.Data("image-00.png", "image/png"), new TextContent("Which digits do you see?")]);
            await client.GetResponseAsync(message, Demo.Greedy, Token);
            Assert.Same(caller, Activity.Current);
        }

        tracer.ForceFlush();
        Activity[] own = [.. all.Where(activity => activity.TraceId == trace)];
        Activity root = Assert.Single(own, activity => activity.DisplayName == "caller");
        Activity answer = Assert.Single(own, activity => activity.DisplayName == "answer");
        Assert.Equal(root.SpanId, answer.ParentSpanId);
        Activity[] parts = [.. own.Where(activity => activity.ParentSpanId == answer.SpanId).OrderBy(activity => activity.StartTimeUtc)];
        Assert.Equal(["queue", "encode", "prefill", "decode"], parts.Select(part => part.DisplayName));
        foreach ((Activity first, Activity second) in parts.Zip(parts.Skip(1)))
        {
            Assert.True(first.StartTimeUtc + first.Duration <= second.StartTimeUtc + TimeSpan.FromTicks(10));
        }

        Assert.Equal("gemma-3n-demo", answer.GetTagItem("gen_ai.request.model"));
        Assert.Equal("EndOfTurn", answer.GetTagItem("gemmasharp.stop_reason"));
        Assert.True((int)answer.GetTagItem("gen_ai.usage.input_tokens")! > 64);
        string tags = string.Join('\n', own.SelectMany(activity => activity.TagObjects).Select(tag => tag.Value));
        Assert.DoesNotContain("number", tags, StringComparison.Ordinal);
        Assert.DoesNotContain("digits", tags, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Span_OfAnAnswerThatFailed_SaysByWhat()
    {
        const string Source = "test.gemma.failure";
        var all = new List<Activity>();
        using TracerProvider tracer = Sdk.CreateTracerProviderBuilder().AddSource("GemmaSharp", Source).AddInMemoryExporter(all).Build();
        using var script = new ScriptedModel();
        using IChatClient client = script.Client();
        using var source = new ActivitySource(Source);
        using Activity caller = source.StartActivity("caller")!;
        await Assert.ThrowsAsync<InvalidOperationException>(() => client.GetResponseAsync("Hello", Demo.Greedy, Token));
        tracer.ForceFlush();
        Activity answer = Assert.Single(all, activity => activity.TraceId == caller.TraceId && activity.DisplayName == "answer");
        Assert.Equal((ActivityStatusCode.Error, "System.InvalidOperationException"), (answer.Status, answer.GetTagItem("error.type")));
    }

    [Fact]
    public async Task Listener_ThatThrows_HarmsNoAnswer()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        using var listener = new System.Diagnostics.Metrics.MeterListener
        {
            InstrumentPublished = static (instrument, listening) =>
            {
                if (instrument.Name is "gemmasharp.step.rows" or "gemmasharp.prefix.hit_tokens")
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        int calls = 0;
        listener.SetMeasurementEventCallback<int>((_, _, _, _) => throw new InvalidOperationException($"listener {Interlocked.Increment(ref calls)}"));
        listener.SetMeasurementEventCallback<long>((_, _, _, _) => throw new InvalidOperationException($"listener {Interlocked.Increment(ref calls)}"));
        listener.Start();
        ChatResponse response = await client.GetResponseAsync("What is the capital of Peru?", Demo.Greedy, Token);
        Assert.Equal("The capital of Peru is Lima.", response.Text);
        Assert.True(calls > 2);
    }

    [Fact]
    public async Task Metrics_AreOfTheServersSide()
    {
        var metrics = new List<Metric>();
        using MeterProvider meter = Sdk.CreateMeterProviderBuilder().AddMeter("GemmaSharp").AddInMemoryExporter(metrics).Build();
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        AIMessage message = new(ChatRole.User, [Demo.Data("image-00.png", "image/png"), new TextContent("Which digits do you see?")]);
        var form = new ChatOptions { Temperature = 2, MaxOutputTokens = 100, AdditionalProperties = new() { ["regex"] = "[a-z]{3,9}" } };
        await client.GetResponseAsync(message, form, Token);
        await client.GetResponseAsync(message, form, Token);
        meter.ForceFlush();
        string[] wanted =
        [
            "gemmasharp.active", "gemmasharp.draft.accepted_tokens", "gemmasharp.draft.tokens", "gemmasharp.kv.bytes", "gemmasharp.mask.duration", "gemmasharp.media.encode.duration", "gemmasharp.prefix.hit_tokens",
            "gemmasharp.queue.length", "gemmasharp.step.duration", "gemmasharp.step.rows", "gen_ai.server.request.duration",
            "gen_ai.server.time_per_output_token", "gen_ai.server.time_to_first_token",
        ];
        Assert.Equal(wanted, metrics.Select(metric => metric.Name).Distinct().Order(StringComparer.Ordinal));
    }
}
