using System.Text;
using System.Text.Json;
using GemmaSharp.Server;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>The server without a network: requests are given to its pipeline as they would come from a socket.</summary>
sealed class CapturedServer : IServer, ILoggerProvider, ILogger
{
    readonly GemmaModel _model;
    readonly WebApplication _application;
    Func<IFeatureCollection, Task> _process = _ => throw new InvalidOperationException("The server has not started.");
    Exception? _logged;

    public CapturedServer()
    {
        _model = GemmaModel.Load(SeedFiles.Demo, new GemmaModelOptions { Threads = 1, CacheBytes = 32 << 20 });
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(this);
        builder.Services.AddGemmaServer(options =>
        {
            options.Models.Add(new GemmaServerModel(_model) { Id = "demo" });
            options.MaxAnswerTokens = 1;
            options.StoredResponses = 16;
            options.Media = PictureTargets.Limits;
            options.Drain = TimeSpan.Zero;
        });
        builder.Services.AddSingleton<IServer>(this);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(5));
        _application = builder.Build();
        _application.UseRouting();
        _application.MapGemma();
        _application.StartAsync().GetAwaiter().GetResult();
        _application.Services.GetServices<IHostedService>().OfType<ServerLifetime>().Single().Loaded.GetAwaiter().GetResult();
    }

    public IFeatureCollection Features { get; } = new FeatureCollection();

    /// <summary>Posts a body and reads the answer.</summary>
    /// <exception cref="RefusedException">It was refused as bad.</exception>
    /// <exception cref="BrokenPromiseException">The server failed, or said what is no answer.</exception>
    public void Post(string path, string contentType, byte[] body)
    {
        _logged = null;
        var response = new HttpResponseFeature();
        using var answer = new MemoryStream();
        var features = new FeatureCollection();
        features.Set<IHttpRequestFeature>(new HttpRequestFeature
        {
            Method = "POST",
            Scheme = "http",
            Path = path,
            Protocol = "HTTP/1.1",
            Headers = { ["Host"] = "127.0.0.1", ["Content-Type"] = contentType, ["Content-Length"] = body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture) },
            Body = new MemoryStream(body, writable: false),
        });
        features.Set<IHttpResponseFeature>(response);
        features.Set<IHttpResponseBodyFeature>(new StreamResponseBodyFeature(answer));
        using var lifetime = new RequestLifetime();
        features.Set<IHttpRequestLifetimeFeature>(lifetime);
        _process(features).GetAwaiter().GetResult();
        if (response.StatusCode >= 500)
        {
            throw new BrokenPromiseException($"the status is {response.StatusCode}: {Encoding.UTF8.GetString(answer.ToArray())}", _logged);
        }

        bool isRefused = response.StatusCode >= 400;
        string type = response.Headers.ContentType.ToString();
        if (type.StartsWith("application/json", StringComparison.Ordinal))
        {
            using JsonDocument document = Parse(answer.ToArray());
            if (isRefused)
            {
                throw new RefusedException(Message(document.RootElement));
            }
        }

        if (isRefused)
        {
            throw new BrokenPromiseException($"a refusal is {type} and no JSON");
        }
    }

    static JsonDocument Parse(byte[] answer)
    {
        try
        {
            return JsonDocument.Parse(answer);
        }
        catch (JsonException e)
        {
            throw new BrokenPromiseException($"the answer is no JSON: {Encoding.UTF8.GetString(answer)}", e);
        }
    }

    // {"error":{"message":…}}, or Ollama's {"error":…}.
    static string Message(JsonElement answer) =>
        answer.ValueKind == JsonValueKind.Object && answer.TryGetProperty("error", out JsonElement error)
            ? error.ValueKind == JsonValueKind.String ? error.GetString()! : error.TryGetProperty("message", out JsonElement message) ? message.GetString() ?? "" : ""
            : "";

    Task IServer.StartAsync<TContext>(IHttpApplication<TContext> application, CancellationToken cancellationToken)
    {
        _process = async features =>
        {
            TContext context = application.CreateContext(features);
            try
            {
                await application.ProcessRequestAsync(context);
                await features.GetRequiredFeature<IHttpResponseBodyFeature>().CompleteAsync();
                application.DisposeContext(context, null);
            }
            catch (Exception e)
            {
                application.DisposeContext(context, e);
                throw;
            }
        };
        return Task.CompletedTask;
    }

    Task IServer.StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    ILogger ILoggerProvider.CreateLogger(string categoryName) => this;

    IDisposable? ILogger.BeginScope<TState>(TState state) => null;

    bool ILogger.IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

    void ILogger.Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => _logged = exception ?? _logged;

    /// <summary>Stops the server. Its own services dispose of it a second time, which does nothing.</summary>
    public void Dispose()
    {
    }

    /// <summary>Stops it and unloads the model.</summary>
    public void End()
    {
        _application.StopAsync().GetAwaiter().GetResult();
        ((IDisposable)_application).Dispose();
        _model.Dispose();
    }

    sealed class RequestLifetime : IHttpRequestLifetimeFeature, IDisposable
    {
        readonly CancellationTokenSource _source = new();

        public RequestLifetime() => RequestAborted = _source.Token;

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => _source.Cancel();

        public void Dispose() => _source.Dispose();
    }
}
