using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Models and clients in a program's services.</summary>
public sealed class ServicesTests
{
    const string Question = "What is the capital of Peru?";
    const string Answer = "The capital of Peru is Lima.";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Client_LoadsWithItsFirstCall()
    {
        var services = new ServiceCollection();
        services.AddGemmaModel(Demo.Folder);
        services.AddGemmaChatClient().ConfigureOptions(options => options.Temperature = 0);
        await using ServiceProvider provider = services.BuildServiceProvider(validateScopes: true);
        GemmaModelProvider models = provider.GetRequiredService<GemmaModelProvider>();
        IChatClient client = provider.GetRequiredService<IChatClient>();
        Assert.Equal("gemma-3n-demo", client.GetService<ChatClientMetadata>()!.DefaultModelId);
        Assert.Null(models.Loaded);
        Assert.Null(client.GetService<GemmaModel>());
        Assert.Equal(Answer, (await client.GetResponseAsync(Question, cancellationToken: Token)).Text);
        Assert.Same(models.Loaded, client.GetService<GemmaModel>());
        Assert.Same(models.Loaded, provider.GetRequiredService<GemmaModel>());
        Assert.Same(client, provider.GetRequiredService<IChatClient>());
    }

    [Fact]
    public async Task Services_Disposed_FreeTheModel()
    {
        var services = new ServiceCollection();
        services.AddGemmaModel(Demo.Folder);
        ServiceProvider provider = services.BuildServiceProvider();
        GemmaModel model = provider.GetRequiredService<GemmaModel>();
        GemmaModelProvider models = provider.GetRequiredService<GemmaModelProvider>();
        await provider.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => model.NewSession());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => models.GetAsync(Token));
    }

    [Fact]
    public async Task Provider_LoadsOnceForAll()
    {
        int loads = 0;
        await using var provider = new GemmaModelProvider("x", () =>
        {
            Interlocked.Increment(ref loads);
            return GemmaModel.Load(Demo.Folder);
        });
        GemmaModel[] models = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => provider.GetAsync(Token)));
        Assert.Single(models.Distinct());
        Assert.Equal(1, loads);
    }

    [Fact]
    public async Task Provider_ThatFails_SaysSoEachTime_AndTriesAgain()
    {
        int loads = 0;
        await using var provider = new GemmaModelProvider("x", () => ++loads < 3
            ? throw new CheckpointException($"try {loads}")
            : GemmaModel.Load(Demo.Folder));
        Assert.Equal("try 1", (await Assert.ThrowsAsync<CheckpointException>(() => provider.GetAsync(Token))).Message);
        Assert.Equal("try 1", provider.Failure?.Message);
        Assert.Equal("try 2", (await Assert.ThrowsAsync<CheckpointException>(() => provider.GetAsync(Token))).Message);
        Assert.Same(await provider.GetAsync(Token), provider.Loaded);
        Assert.Null(provider.Failure);
    }

    [Fact]
    public async Task Provider_CancelledWaiter_LeavesTheLoadToOthers()
    {
        using var gate = new ManualResetEventSlim();
        await using var provider = new GemmaModelProvider("x", () =>
        {
            gate.Wait();
            return GemmaModel.Load(Demo.Folder);
        });
        using var cancellation = new CancellationTokenSource();
        Task<GemmaModel> leaving = provider.GetAsync(cancellation.Token), staying = provider.GetAsync(Token);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        gate.Set();
        Assert.NotNull(await staying);
    }

    [Fact]
    public async Task Provider_DisposedWhileItLoads_FreesWhatComes()
    {
        using var gate = new ManualResetEventSlim();
        GemmaModel? model = null;
        var provider = new GemmaModelProvider("x", () =>
        {
            gate.Wait();
            return model = GemmaModel.Load(Demo.Folder);
        });
        _ = provider.GetAsync(Token);
        ValueTask disposal = provider.DisposeAsync();
        gate.Set();
        await disposal;
        Assert.Throws<ObjectDisposedException>(() => model!.NewSession());
    }

    [Fact]
    public async Task Keys_AreModelsAndClientsOfTheirOwn()
    {
        var services = new ServiceCollection();
        services.AddGemmaModel(Demo.Folder);
        services.AddKeyedGemmaModel("short", Demo.Folder, options => options.Model = options.Model with { ContextLength = 20 });
        services.AddGemmaChatClient();
        services.AddKeyedGemmaChatClient("short");
        services.AddKeyedGemmaChatClient("named", options => options.ModelId = "lima");
        await using ServiceProvider provider = services.BuildServiceProvider();
        IChatClient own = provider.GetRequiredService<IChatClient>(), shorter = provider.GetRequiredKeyedService<IChatClient>("short");
        IChatClient named = provider.GetRequiredKeyedService<IChatClient>("named");
        Assert.Equal("lima", (await named.GetResponseAsync(Question, Demo.Greedy, Token)).ModelId);
        await own.GetResponseAsync(Question, Demo.Greedy, Token);
        await shorter.GetResponseAsync("Hello", new ChatOptions { MaxOutputTokens = 1 }, Token);
        Assert.Same(own.GetService<GemmaModel>(), named.GetService<GemmaModel>());
        Assert.Equal(20, shorter.GetService<GemmaModel>()!.ContextLength);
        Assert.Equal(20, provider.GetRequiredKeyedService<GemmaModel>("short").ContextLength);
    }

    [Fact]
    public void Configuration_IsRead_AndTheProgramComesAfterIt()
    {
        using ServiceProvider provider = Configured(
            new()
            {
                ["Gemma:ModelPath"] = Demo.Folder,
                ["Gemma:Preload"] = "true",
                ["Gemma:Threads"] = "2",
                ["Gemma:ContextLength"] = "100",
                ["Gemma:MaxActive"] = "3",
                ["Gemma:CacheBytes"] = "12345678901",
                ["Gemma:Audio"] = "False",
                ["Gemma:Chat:ModelId"] = "ours",
                ["Gemma:Chat:ToolFormat"] = "pythonic",
                ["Gemma:Chat:AllowRemote"] = "true",
                ["Gemma:Chat:Aliases:0"] = "a",
                ["Gemma:other:ModelPath"] = "elsewhere",
            },
            services =>
            {
                services.AddGemmaModel(options => options.Model = options.Model with { ContextLength = 50 });
                services.AddGemmaChatClient(options => options.Aliases.Add("b"));
                services.AddKeyedGemmaModel("other");
            });
        GemmaOptions options = provider.GetRequiredService<IOptionsMonitor<GemmaOptions>>().CurrentValue;
        Assert.Equal((Demo.Folder, true, 2, 50), (options.ModelPath, options.Preload, options.Model.Threads, options.Model.ContextLength));
        Assert.Equal((3, 12345678901L, false, true), (options.Model.MaxActive, options.Model.CacheBytes, options.Model.Audio, options.Model.Vision));
        GemmaChatOptions chat = provider.GetRequiredService<IOptionsMonitor<GemmaChatOptions>>().CurrentValue;
        Assert.Equal(("ours", ToolFormat.Pythonic, true, "a b"), (chat.ModelId, chat.ToolFormat, chat.Media.AllowRemote, string.Join(' ', chat.Aliases)));
        Exception error = Assert.Throws<OptionsValidationException>(() => provider.GetRequiredService<IOptionsMonitor<GemmaOptions>>().Get("other"));
        Assert.Contains("elsewhere", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Gemma:Threads", "many", "Gemma:Threads is many")]
    [InlineData("Gemma:Threads", "0", "Threads is 0")]
    [InlineData("Gemma:Threads", "99999999999", "Gemma:Threads is 99999999999")]
    [InlineData("Gemma:Preload", "1", "Gemma:Preload is 1")]
    [InlineData("Gemma:VisionWeights", "none", "Gemma:VisionWeights is none")]
    [InlineData("Gemma:ModelPath", "nowhere", "Gemma:ModelPath is nowhere")]
    [InlineData("Gemma:ModelPath", "", "Gemma:ModelPath is empty")]
    public async Task Configuration_ThatIsWrong_StopsTheProgramAtItsStart(string key, string value, string message)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?> { ["Gemma:ModelPath"] = Demo.Folder, [key] = value });
        builder.Services.AddGemmaModel();
        using IHost host = builder.Build();
        OptionsValidationException error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Token));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WarmUp_LoadsAtTheStart_WhereWanted(bool preload)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddGemmaModel(Demo.Folder, options => options.Preload = preload);
        using IHost host = builder.Build();
        await host.StartAsync(Token);
        GemmaModelProvider provider = host.Services.GetRequiredService<GemmaModelProvider>();
        if (preload)
        {
            // Asking would start a load by itself; what has begun before comes by waiting alone.
            while (provider.Loaded is null)
            {
                await Task.Delay(10, Token);
            }
        }
        else
        {
            Assert.Null(provider.Loaded);
        }

        await host.StopAsync(Token);
    }

    [Fact]
    public async Task HealthCheck_TellsTheState()
    {
        string folder = Directory.CreateTempSubdirectory("gemma").FullName;
        try
        {
            var services = new ServiceCollection();
            services.AddLogging();
            services.AddGemmaModel(Demo.Folder);
            services.AddKeyedGemmaModel("broken", folder);
            services.AddHealthChecks().AddGemmaHealthCheck().AddGemmaHealthCheck("broken", "broken");
            await using ServiceProvider provider = services.BuildServiceProvider();
            HealthCheckService health = provider.GetRequiredService<HealthCheckService>();
            HealthReport before = await health.CheckHealthAsync(Token);
            Assert.Equal([HealthStatus.Degraded, HealthStatus.Degraded], before.Entries.Values.Select(entry => entry.Status));
            await provider.GetRequiredService<GemmaModelProvider>().GetAsync(Token);
            await Assert.ThrowsAnyAsync<GemmaException>(() => provider.GetRequiredKeyedService<GemmaModelProvider>("broken").GetAsync(Token));
            HealthReport after = await health.CheckHealthAsync(Token);
            Assert.Equal((HealthStatus.Healthy, HealthStatus.Unhealthy), (after.Entries["gemma"].Status, after.Entries["broken"].Status));
            Assert.IsAssignableFrom<GemmaException>(after.Entries["broken"].Exception);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task BrokenModel_FailsEveryCallWithItsReason()
    {
        string folder = Directory.CreateTempSubdirectory("gemma").FullName;
        try
        {
            var services = new ServiceCollection();
            services.AddGemmaModel(folder);
            services.AddGemmaChatClient();
            await using ServiceProvider provider = services.BuildServiceProvider();
            IChatClient client = provider.GetRequiredService<IChatClient>();
            for (int i = 0; i < 2; i++)
            {
                await Assert.ThrowsAnyAsync<GemmaException>(() => client.GetResponseAsync("Hello", cancellationToken: Token));
            }

            Assert.ThrowsAny<GemmaException>(provider.GetRequiredService<GemmaModel>);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Client_WithoutModel_SaysWhatIsMissing()
    {
        var services = new ServiceCollection();
        services.AddGemmaChatClient();
        using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Contains("AddGemmaModel", Assert.Throws<InvalidOperationException>(provider.GetRequiredService<IChatClient>).Message, StringComparison.Ordinal);
    }

    static ServiceProvider Configured(Dictionary<string, string?> values, Action<IServiceCollection> add)
    {
        var services = new ServiceCollection();
        services.AddSingleton<IConfiguration>(new ConfigurationBuilder().AddInMemoryCollection(values).Build());
        add(services);
        return services.BuildServiceProvider();
    }
}
