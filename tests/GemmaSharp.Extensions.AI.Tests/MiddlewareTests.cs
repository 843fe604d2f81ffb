using System.Diagnostics;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>The vendor's middleware around the client.</summary>
public sealed class MiddlewareTests(Demo demo) : IClassFixture<Demo>
{
    const string Question = "What is the capital of Peru?";
    const string Answer = "The capital of Peru is Lima.";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DistributedCache_KeepsAnswersWithAllOfTheirContent(bool streamed)
    {
        using var script = new ScriptedModel("""[{"name":"f","parameters":{"a":1}}]""");
        IDistributedCache cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
        using IChatClient client = script.Client().AsBuilder().UseDistributedCache(cache).Build();
        var options = new ChatOptions
        {
            Temperature = 0,
            Seed = 1,
            Tools = [AIFunctionFactory.Create((int a) => a, "f")],
            AdditionalProperties = new() { ["logprobs"] = true },
        };
        ChatResponse first = await Ask(), second = await Ask();
        Assert.Equal(0, script.Left);
        Assert.Equal((first.ResponseId, first.FinishReason), (second.ResponseId, second.FinishReason));
        FunctionCallContent call = Assert.Single(second.Messages[0].Contents.OfType<FunctionCallContent>());
        Assert.Equal(("f", "1"), (call.Name, call.Arguments!["a"]!.ToString()));
        Assert.Equal(first.Usage!.TotalTokenCount, second.Usage!.TotalTokenCount);
        Assert.NotNull(second.Messages[0].AdditionalProperties!["logprobs"]);

        async Task<ChatResponse> Ask()
        {
            AIMessage[] messages = [new(ChatRole.User, [new TextContent("Well?"), Demo.Data("image-00.png", "image/png")])];
            return streamed
                ? await client.GetStreamingResponseAsync(messages, options, Token).ToChatResponseAsync(Token)
                : await client.GetResponseAsync(messages, options, Token);
        }
    }

    [Fact]
    public async Task OpenTelemetry_TellsModelUsageAndReason_AndNoContent()
    {
        const string Source = "test.gemma.chat";
        var activities = new List<Activity>();
        var metrics = new List<Metric>();
        using TracerProvider tracer = Sdk.CreateTracerProviderBuilder().AddSource(Source).AddInMemoryExporter(activities).Build();
        using MeterProvider meter = Sdk.CreateMeterProviderBuilder().AddMeter(Source).AddInMemoryExporter(metrics).Build();
        using IChatClient client = demo.Model.AsIChatClient().AsBuilder().UseOpenTelemetry(sourceName: Source).Build();
        await client.GetStreamingResponseAsync(Question, Demo.Greedy, Token).ToChatResponseAsync(Token);
        tracer.ForceFlush();
        meter.ForceFlush();
        Activity chat = Assert.Single(activities);
        Assert.Equal("chat gemma-3n-demo", chat.DisplayName);
        Assert.Equal("gemmasharp", chat.GetTagItem("gen_ai.provider.name"));
        Assert.Equal("gemma-3n-demo", chat.GetTagItem("gen_ai.response.model"));
        Assert.Equal(["stop"], Assert.IsType<string[]>(System.Text.Json.JsonSerializer.Deserialize<string[]>(Reasons(chat))));
        Assert.True(Convert.ToInt64(chat.GetTagItem("gen_ai.usage.input_tokens"), null) > 5);
        Assert.DoesNotContain(chat.TagObjects, tag => tag.Value?.ToString()?.Contains("Lima", StringComparison.Ordinal) == true);
        Assert.Contains(metrics, metric => metric.Name == "gen_ai.client.token.usage");

        static string Reasons(Activity activity) => activity.GetTagItem("gen_ai.response.finish_reasons") switch
        {
            string text => text,
            IEnumerable<string> list => System.Text.Json.JsonSerializer.Serialize(list),
            object other => other.ToString()!,
            null => "[]",
        };
    }

    [Fact]
    public async Task Logging_LogsWholeAnswers()
    {
        var logs = new Logs();
        using ILoggerFactory factory = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(logs));
        using IChatClient client = demo.Model.AsIChatClient().AsBuilder().UseLogging(factory).Build();
        await client.GetResponseAsync(Question, Demo.Greedy, Token);
        Assert.Contains(logs.Lines, line => line.Contains(Answer, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Logging_OfWhatIsPassedOver_NamesNoContent()
    {
        var logs = new Logs();
        using ILoggerFactory factory = LoggerFactory.Create(builder => builder.SetMinimumLevel(LogLevel.Trace).AddProvider(logs));
        using IChatClient client = demo.Model.AsIChatClient(loggerFactory: factory);
        await client.GetResponseAsync(Question, new ChatOptions { Temperature = 0, Tools = [new HostedWebSearchTool()] }, Token);
        Assert.Contains("HostedWebSearchTool", Assert.Single(logs.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ConfigureOptions_SetsWhatIsMissing()
    {
        using IChatClient client = demo.Model.AsIChatClient().AsBuilder().ConfigureOptions(options =>
        {
            options.Temperature ??= 0;
            options.MaxOutputTokens = 2;
        }).Build();
        ChatResponse response = await client.GetResponseAsync(Question, cancellationToken: Token);
        Assert.Equal(("The capital", ChatFinishReason.Length), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task All_OneAfterAnother()
    {
        using var script = new ScriptedModel("""[{"name":"f","parameters":{}}]""", "Done.");
        using ILoggerFactory factory = LoggerFactory.Create(builder => builder.AddProvider(new Logs()));
        IDistributedCache cache = new MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions()));
        using IChatClient client = script.Client().AsBuilder()
            .UseLogging(factory).UseDistributedCache(cache).UseFunctionInvocation(factory).UseOpenTelemetry(factory).Build();
        var options = new ChatOptions { Temperature = 0, Tools = [AIFunctionFactory.Create(() => 1, "f")] };
        Assert.Equal("Done.", (await client.GetResponseAsync("Do it.", options, Token)).Text);
        Assert.Equal("Done.", (await client.GetResponseAsync("Do it.", options, Token)).Text);
        Assert.Same(script.Model, client.GetService<GemmaModel>());
    }

    sealed class Logs : ILoggerProvider, ILogger
    {
        public List<string> Lines { get; } = [];

        public ILogger CreateLogger(string categoryName) => this;

        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (Lines)
            {
                Lines.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }
}
