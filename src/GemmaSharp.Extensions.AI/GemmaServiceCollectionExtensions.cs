using System.Diagnostics.CodeAnalysis;
using GemmaSharp;
using GemmaSharp.Extensions.AI;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>GemmaSharp in a program's services.</summary>
public static class GemmaServiceCollectionExtensions
{
    /// <summary>
    /// Adds a model: a <see cref="GemmaModelProvider"/> that loads it with the first call, and the <see cref="GemmaModel"/> itself, whose resolving waits for
    /// that.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="path">The checkpoint's folder.</param>
    /// <param name="configure">Changes what the configuration's section <c>Gemma</c> says; null for nothing.</param>
    public static IServiceCollection AddGemmaModel(this IServiceCollection services, string path, Action<GemmaOptions>? configure = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return AddModel(services, serviceKey: null, At(path, configure));
    }

    /// <inheritdoc cref="AddGemmaModel(IServiceCollection, string, Action{GemmaOptions}?)"/>
    public static IServiceCollection AddGemmaModel(this IServiceCollection services, Action<GemmaOptions>? configure = null) =>
        AddModel(services, serviceKey: null, configure);

    /// <summary>Adds a model under a key; its section of the configuration is <c>Gemma:KEY</c>.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="path">The checkpoint's folder.</param>
    /// <param name="configure">Changes what the configuration says; null for nothing.</param>
    public static IServiceCollection AddKeyedGemmaModel(
        this IServiceCollection services, object serviceKey, string path, Action<GemmaOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        ArgumentException.ThrowIfNullOrEmpty(path);
        return AddModel(services, serviceKey, At(path, configure));
    }

    /// <inheritdoc cref="AddKeyedGemmaModel(IServiceCollection, object, string, Action{GemmaOptions}?)"/>
    public static IServiceCollection AddKeyedGemmaModel(this IServiceCollection services, object serviceKey, Action<GemmaOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(serviceKey);
        return AddModel(services, serviceKey, configure);
    }

    /// <summary>
    /// Adds the model that <see cref="AddGemmaModel(IServiceCollection, string, Action{GemmaOptions}?)"/> added as the program's chat client.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes what the configuration's section <c>Gemma:Chat</c> says; null for nothing.</param>
    /// <returns>A builder for middleware, such as <c>UseFunctionInvocation</c>.</returns>
    public static ChatClientBuilder AddGemmaChatClient(this IServiceCollection services, Action<GemmaChatOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        AddOptions(services, Options.Options.DefaultName, configure);
        return services.AddChatClient(provider => Client(provider, serviceKey: null));
    }

    /// <summary>Adds a chat client under a key: of the model of the same key, or of the one without a key where there is none.</summary>
    /// <param name="services">The services.</param>
    /// <param name="serviceKey">The key.</param>
    /// <param name="configure">Changes what the configuration's section <c>Gemma:KEY:Chat</c> says; null for nothing.</param>
    /// <returns>A builder for middleware.</returns>
    public static ChatClientBuilder AddKeyedGemmaChatClient(
        this IServiceCollection services, object serviceKey, Action<GemmaChatOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(serviceKey);
        AddOptions(services, NameOf(serviceKey), configure);
        return services.AddKeyedChatClient(serviceKey, provider => Client(provider, serviceKey));
    }

    /// <summary>Adds the model as the program's speech client.</summary>
    /// <param name="services">The services.</param>
    /// <param name="configure">Changes the defaults; null for nothing.</param>
    /// <returns>A builder for middleware.</returns>
    [Experimental("MEAI001")]
    public static SpeechToTextClientBuilder AddGemmaSpeechToTextClient(this IServiceCollection services, Action<GemmaSpeechOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        return services.AddSpeechToTextClient(provider =>
        {
            var options = new GemmaSpeechOptions();
            configure?.Invoke(options);
            return new GemmaSpeechToTextClient(new ProvidedModel(Provider(provider, serviceKey: null)), options);
        });
    }

    /// <summary>Adds a health check of a model: healthy when it is loaded, degraded before, and what is asked for here when loading has failed.</summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="serviceKey">The model's key; null for the one without.</param>
    /// <param name="failureStatus">What a failed load counts as; null for unhealthy.</param>
    /// <param name="tags">The check's tags; null for none.</param>
    public static IHealthChecksBuilder AddGemmaHealthCheck(
        this IHealthChecksBuilder builder, string name = "gemma", object? serviceKey = null, HealthStatus? failureStatus = null,
        IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(new HealthCheckRegistration(name, provider => new GemmaHealthCheck(Provider(provider, serviceKey)), failureStatus, tags));
    }

    static IServiceCollection AddModel(IServiceCollection services, object? serviceKey, Action<GemmaOptions>? configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        string name = NameOf(serviceKey);
        AddOptions(services, name, configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<GemmaOptions>, GemmaOptionsValidation>());
        services.AddKeyedSingleton(serviceKey, (provider, _) => NewProvider(provider, name));
        services.AddKeyedSingleton(serviceKey, (provider, _) => Provider(provider, serviceKey).GetAsync().GetAwaiter().GetResult());
        services.AddSingleton<IHostedService>(provider => new GemmaWarmUp(
            Provider(provider, serviceKey), OptionsOf<GemmaOptions>(provider, name), provider.GetService<ILoggerFactory>()));
        return services;
    }

    static OptionsBuilder<T> AddOptions<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(
        IServiceCollection services, string name, Action<T>? configure)
        where T : class
    {
        OptionsBuilder<T> builder = services.AddOptions<T>(name);

        // The configuration comes first and what the program says after it, however often this is called.
        services.TryAddEnumerable(new ServiceDescriptor(typeof(IConfigureOptions<T>), typeof(GemmaConfiguration), ServiceLifetime.Singleton));
        return configure is null ? builder : builder.Configure(configure);
    }

    static Action<GemmaOptions> At(string path, Action<GemmaOptions>? configure) => options =>
    {
        options.ModelPath = path;
        configure?.Invoke(options);
    };

    static string NameOf(object? serviceKey) => serviceKey?.ToString() ?? Options.Options.DefaultName;

    static GemmaModelProvider NewProvider(IServiceProvider services, string name)
    {
        GemmaOptions options = OptionsOf<GemmaOptions>(services, name);
        options.Model = options.Model with { LoggerFactory = options.Model.LoggerFactory ?? services.GetService<ILoggerFactory>() };
        return new GemmaModelProvider(options);
    }

    static GemmaChatClient Client(IServiceProvider services, object? serviceKey) => new(
        new ProvidedModel(Provider(services, serviceKey)),
        OptionsOf<GemmaChatOptions>(services, NameOf(serviceKey)),
        services.GetService<ILoggerFactory>());

    static GemmaModelProvider Provider(IServiceProvider services, object? serviceKey) =>
        (serviceKey is null ? null : services.GetKeyedService<GemmaModelProvider>(serviceKey)) ?? services.GetService<GemmaModelProvider>()
            ?? throw new InvalidOperationException("No model was added to the services; call AddGemmaModel with the folder of a checkpoint.");

    static T OptionsOf<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] T>(IServiceProvider services, string name)
        where T : class => services.GetRequiredService<IOptionsMonitor<T>>().Get(name);
}
