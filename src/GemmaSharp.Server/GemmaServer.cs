using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Server;

/// <summary>A program that is nothing but the server: what <c>gemma serve</c> runs. Listens first, loads then; ends what runs before it ends.</summary>
public sealed class GemmaServer : IAsyncDisposable
{
    /// <summary>The port that is used unless another one is asked for; Ollama has the one before.</summary>
    public const int DefaultPort = 11435;

    /// <summary>Connections at once; more than that are closed.</summary>
    const int MostConnections = 1024;

    /// <summary>Kestrel looks at slow clients once a second, and takes no shorter time.</summary>
    static readonly TimeSpan s_leastPatience = TimeSpan.FromSeconds(2);

    readonly WebApplication _application;
    readonly ServerLifetime _lifetime;
    readonly ModelCatalog _catalog;

    GemmaServer(WebApplication application)
    {
        _application = application;
        _catalog = application.Services.GetRequiredService<ModelCatalog>();
        _lifetime = application.Services.GetServices<IHostedService>().OfType<ServerLifetime>().Single();
    }

    /// <summary>Where it listens, once it does.</summary>
    public IReadOnlyList<Uri> Addresses => [.. _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!
        .Addresses.Select(address => new Uri(address))];

    /// <summary>What the models that are served are called, adapters included; complete once they are loaded.</summary>
    public IReadOnlyList<string> ModelIds => [.. _catalog.Ids];

    /// <summary>What loading the models failed with; null for nothing. The server ends then.</summary>
    public Exception? Failure => _lifetime.Failure;

    /// <summary>Makes a server that does not listen yet.</summary>
    /// <param name="host">The address to listen on: an IP address, <c>localhost</c>, or <c>*</c> for all.</param>
    /// <param name="port">The port; 0 for any that is free.</param>
    /// <param name="configure">Sets the options.</param>
    /// <param name="logging">Sets where is logged; null for nowhere.</param>
    /// <exception cref="ArgumentException">The address is none, or an option is out of its range.</exception>
    public static GemmaServer Create(string host, int port, Action<GemmaServerOptions> configure, Action<ILoggingBuilder>? logging = null)
    {
        ArgumentNullException.ThrowIfNull(configure);
        ArgumentOutOfRangeException.ThrowIfNegative(port);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(port, ushort.MaxValue);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        logging?.Invoke(builder.Logging);

        // It quotes headers that it cannot read, and a key may stand in them.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel.BadRequests", LogLevel.None);

        // It logs what is thrown as well.
        builder.Logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        builder.Services.AddGemmaServer(configure);

        // Where to listen is said here; what the environment says to all programs of ASP.NET Core would only be warned of.
        foreach (string name in (string[])[WebHostDefaults.ServerUrlsKey, WebHostDefaults.HttpPortsKey, WebHostDefaults.HttpsPortsKey])
        {
            builder.WebHost.UseSetting(name, "");
        }

        var options = new GemmaServerOptions();
        configure(options);
        options.Validate();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            Limit(kestrel.Limits, options);
            kestrel.AddServerHeader = false;
            Listen(kestrel, host, port);
        });
        builder.Services.Configure<HostOptions>(hosting => hosting.ShutdownTimeout = options.Drain + TimeSpan.FromSeconds(15));
        WebApplication application = builder.Build();
        application.Use(CollapseSlashes);
        application.UseRouting();
        application.MapGemma();
        new RouteTable(application, application.Services.GetRequiredService<Entrance>()).NotFound("/{**path}", Dialect.OpenAI);
        return new GemmaServer(application);
    }

    /// <summary>Whether everybody on the network can reach an address, and not this machine alone.</summary>
    /// <param name="host">As for <see cref="Create"/>.</param>
    public static bool IsPublic(string host)
    {
        ArgumentNullException.ThrowIfNull(host);
        return !host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            && !(IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
    }

    /// <summary>Begins to listen, and then to load.</summary>
    /// <exception cref="IOException">The address is taken, or is none of this machine's.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        try
        {
            await _application.StartAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (SocketException error)
        {
            // An address that is taken is an IOException, and any other trouble with it is not.
            throw new IOException(error.Message, error);
        }
    }

    /// <summary>Completes when all models are loaded, or one could not be.</summary>
    /// <exception cref="GemmaException">A model could not be loaded.</exception>
    public async Task ReadyAsync(CancellationToken cancellationToken = default)
    {
        await _lifetime.Loaded.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (Failure is Exception failure)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    /// <summary>Completes when the server is asked to stop: by a signal, by <see cref="StopAsync"/>, or since a model could not be loaded.</summary>
    public Task WaitForShutdownAsync(CancellationToken cancellationToken = default) => _application.WaitForShutdownAsync(cancellationToken);

    /// <summary>Says that it is going, lets answers end within <see cref="GemmaServerOptions.Drain"/>, cuts the rest, and stops to listen.</summary>
    /// <param name="cancellationToken">Cuts them at once.</param>
    public Task StopAsync(CancellationToken cancellationToken = default) => _application.StopAsync(cancellationToken);

    /// <summary>Ends it, and disposes of the models that it has loaded.</summary>
    public ValueTask DisposeAsync() => _application.DisposeAsync();

    static void Limit(KestrelServerLimits limits, GemmaServerOptions options)
    {
        limits.MaxConcurrentConnections = MostConnections;
        limits.MaxRequestHeadersTotalSize = 32 << 10;
        limits.MaxRequestLineSize = 8 << 10;
        limits.MaxRequestHeaderCount = 100;
        limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        limits.MinRequestBodyDataRate = new MinDataRate(bytesPerSecond: 240, gracePeriod: TimeSpan.FromSeconds(5));

        // Only bytes that wait for the client count, so an answer may take its time, and replies cut off who does not read.
        // This is for what is no reply: refusals, of which the system's buffers hold thousands before one waits; for all of them the time adds up.
        TimeSpan patience = options.SlowReaderTimeout > s_leastPatience ? options.SlowReaderTimeout : s_leastPatience;
        limits.MinResponseDataRate = new MinDataRate(bytesPerSecond: 256 << 10, patience);
    }

    static void Listen(KestrelServerOptions kestrel, string host, int port)
    {
        if (host.Equals("localhost", StringComparison.OrdinalIgnoreCase) && port != 0)
        {
            kestrel.ListenLocalhost(port);
        }
        else if (host is "*" or "+")
        {
            kestrel.ListenAnyIP(port);
        }
        else if (IPAddress.TryParse(host.Trim('[', ']'), out IPAddress? address))
        {
            kestrel.Listen(address, port);
        }
        else
        {
            kestrel.Listen(host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
                ? IPAddress.Loopback
                : throw new ArgumentException($"The host to listen on is {host}; it must be an IP address, localhost, or * for all.", nameof(host)), port);
        }
    }

    /// <summary>Addresses put together from parts often have two slashes where one is meant.</summary>
    static Task CollapseSlashes(HttpContext context, RequestDelegate next)
    {
        string path = context.Request.Path.Value ?? "";
        if (path.Contains("//", StringComparison.Ordinal))
        {
            context.Request.Path = "/" + string.Join('/', path.Split('/', StringSplitOptions.RemoveEmptyEntries));
        }

        return next(context);
    }
}
