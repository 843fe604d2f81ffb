using GemmaSharp.Server;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Anthropic;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Ollama;
using GemmaSharp.Server.OpenAI;
using GemmaSharp.Server.OpenAI.Audio;
using GemmaSharp.Server.OpenAI.Completions;
using GemmaSharp.Server.OpenAI.Responses;
using GemmaSharp.Server.Operations;
using GemmaSharp.Server.Page;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

#pragma warning disable IDE0130 // Where programs look for such methods.
namespace Microsoft.Extensions.DependencyInjection;
#pragma warning restore IDE0130

/// <summary>Puts the server into an ASP.NET program.</summary>
public static class GemmaServerExtensions
{
    /// <summary>Adds what the endpoints need. The models are the options', or those that <c>AddGemmaModel</c> has added.</summary>
    /// <param name="services">The program's services.</param>
    /// <param name="configure">Sets the options; may be null.</param>
    public static IServiceCollection AddGemmaServer(this IServiceCollection services, Action<GemmaServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (configure is not null)
        {
            services.Configure(configure);
        }

        services.AddOptions<GemmaServerOptions>().PostConfigure(options => options.Validate());
        services.AddRouting();
        services.TryAddSingleton(provider => provider.GetRequiredService<IOptions<GemmaServerOptions>>().Value);
        services.TryAddSingleton<ModelCatalog>();
        services.TryAddSingleton<ServerState>();
        services.TryAddSingleton<ServerMetrics>();
        services.TryAddSingleton<Guard>();
        services.TryAddSingleton<Entrance>();
        services.TryAddSingleton<MediaDoor>();
        services.TryAddSingleton<FieldLog>();
        services.TryAddSingleton<AnswerPump>();
        services.TryAddSingleton<ChatCompletions>();
        services.TryAddSingleton<ModelListing>();
        services.TryAddSingleton<OperationEndpoints>();
        services.TryAddSingleton<OllamaAnswers>();
        services.TryAddSingleton<OllamaModels>();
        services.TryAddSingleton<Messages>();
        services.TryAddSingleton(provider => new ResponseStore(provider.GetRequiredService<GemmaServerOptions>().StoredResponses));
        services.TryAddSingleton<ResponseEndpoints>();
        services.TryAddSingleton<TextCompletions>();
        services.TryAddSingleton<PageFiles>();
        services.TryAddSingleton<PreviewEndpoint>();
        services.TryAddSingleton<Transcriptions>();
        services.AddHostedService<ServerLifetime>();
        return services;
    }

    /// <summary>Maps all endpoints: OpenAI's, Ollama's, Anthropic's, those for whoever runs the server, and the page unless the options say no.</summary>
    /// <param name="endpoints">The program, or a group of its routes.</param>
    /// <exception cref="InvalidOperationException"><see cref="AddGemmaServer"/> was not called, or there is no model.</exception>
    /// <remarks>Requests are checked by the options' keys, hosts and origins whatever the program's own middleware does.</remarks>
    public static IEndpointRouteBuilder MapGemma(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        IServiceProvider services = endpoints.ServiceProvider;
        Entrance entrance = services.GetService<Entrance>()
            ?? throw new InvalidOperationException("The server's services are missing; call AddGemmaServer on the program's services.");
        _ = services.GetRequiredService<ModelCatalog>();
        var routes = new RouteTable(endpoints, entrance);
        MapOpenAI(routes, services);
        MapOllama(routes, services);
        MapAnthropic(routes, services);
        MapOperations(routes, services);
        MapPage(routes, services);
        routes.NotFound("/v1/{**rest}", Dialect.OpenAI);
        routes.NotFound("/api/{**rest}", Dialect.Ollama);
        return endpoints;
    }

    static void MapOpenAI(RouteTable routes, IServiceProvider services)
    {
        ChatCompletions chat = services.GetRequiredService<ChatCompletions>();
        ModelListing models = services.GetRequiredService<ModelListing>();
        TextCompletions completions = services.GetRequiredService<TextCompletions>();
        Transcriptions transcriptions = services.GetRequiredService<Transcriptions>();
        ResponseEndpoints responses = services.GetRequiredService<ResponseEndpoints>();
        foreach (string root in (string[])["/v1", ""])
        {
            // Without the version, too: people enter addresses without it.
            routes.Post(root + "/chat/completions", Dialect.OpenAI, chat.AnswerAsync);
            routes.Post(root + "/chat/completions/input_tokens", Dialect.OpenAI, chat.CountAsync);
            routes.Get(root + "/models", Dialect.OpenAI, models.ListAsync);
            routes.Get(root + "/models/{**id}", Dialect.OpenAI, models.ShowAsync);
            routes.Post(root + "/completions", Dialect.OpenAI, completions.AnswerAsync);
            routes.Post(root + "/audio/transcriptions", Dialect.OpenAI, transcriptions.TranscribeAsync);
            routes.Post(root + "/audio/translations", Dialect.OpenAI, transcriptions.TranslateAsync);
            routes.Post(root + "/responses", Dialect.OpenAI, responses.CreateAsync);
            routes.Post(root + "/responses/input_tokens", Dialect.OpenAI, responses.CountAsync);
            routes.Get(root + "/responses/{id}/input_items", Dialect.OpenAI, responses.InputItemsAsync);
            routes.Post(root + "/responses/{id}/cancel", Dialect.OpenAI, responses.CancelAsync);
            routes.Several(root + "/responses/{id}", Dialect.OpenAI, ("GET", responses.ShowAsync), ("DELETE", responses.DeleteAsync));
            routes.Post(root + "/embeddings", Dialect.OpenAI, NoEmbeddings);
        }
    }

    static void MapOllama(RouteTable routes, IServiceProvider services)
    {
        OllamaAnswers answers = services.GetRequiredService<OllamaAnswers>();
        OllamaModels models = services.GetRequiredService<OllamaModels>();
        routes.Post("/api/chat", Dialect.Ollama, answers.ChatAsync);
        routes.Post("/api/generate", Dialect.Ollama, answers.GenerateAsync);
        routes.Get("/api/tags", Dialect.Ollama, models.TagsAsync);
        routes.Get("/api/ps", Dialect.Ollama, models.ProcessesAsync);
        routes.Get("/api/version", Dialect.Ollama, models.VersionAsync);
        routes.Post("/api/show", Dialect.Ollama, models.ShowAsync);
        routes.Post("/api/embed", Dialect.Ollama, NoEmbeddings);
        routes.Post("/api/embeddings", Dialect.Ollama, NoEmbeddings);
        foreach (string change in (string[])["pull", "push", "create", "copy"])
        {
            routes.Post("/api/" + change, Dialect.Ollama, OllamaModels.RefuseAsync);
        }

        routes.Map("/api/delete", ["DELETE"], Dialect.Ollama, OllamaModels.RefuseAsync, isOpen: false);
        routes.Map("/api/blobs/{digest}", ["HEAD", "POST"], Dialect.Ollama, OllamaModels.RefuseAsync, isOpen: false);
    }

    static void MapAnthropic(RouteTable routes, IServiceProvider services)
    {
        Messages messages = services.GetRequiredService<Messages>();
        routes.Post("/v1/messages", Dialect.Anthropic, messages.AnswerAsync);
        routes.Post("/v1/messages/count_tokens", Dialect.Anthropic, messages.CountAsync);
        routes.NotFound("/v1/messages/{**rest}", Dialect.Anthropic);
    }

    static void MapOperations(RouteTable routes, IServiceProvider services)
    {
        OperationEndpoints operations = services.GetRequiredService<OperationEndpoints>();
        routes.Get("/health", Dialect.OpenAI, operations.HealthAsync, isOpen: true);
        routes.Get("/v1/health", Dialect.OpenAI, operations.HealthAsync, isOpen: true);
        routes.Get("/metrics", Dialect.OpenAI, operations.MetricsAsync);
        routes.Get("/props", Dialect.OpenAI, operations.PropsAsync);
        routes.Get("/slots", Dialect.OpenAI, operations.SlotsAsync);
        routes.Post("/tokenize", Dialect.OpenAI, operations.TokenizeAsync);
        routes.Post("/detokenize", Dialect.OpenAI, operations.DetokenizeAsync);
        routes.Post("/apply-template", Dialect.OpenAI, operations.ApplyTemplateAsync);
    }

    static void MapPage(RouteTable routes, IServiceProvider services)
    {
        if (!services.GetRequiredService<GemmaServerOptions>().Page)
        {
            routes.Get("/", Dialect.Ollama, OllamaModels.RootAsync, isOpen: true);
            return;
        }

        // Programs of Ollama's look here whether anybody is there; browsers want to see something.
        PageFiles page = services.GetRequiredService<PageFiles>();
        routes.Get(
            "/", Dialect.Ollama,
            context => PageFiles.IsWanted(context.Request) ? page.SendAsync(context, "index.html") : OllamaModels.RootAsync(context), isOpen: true);
        routes.Post("/preview", Dialect.OpenAI, services.GetRequiredService<PreviewEndpoint>().AnswerAsync);
        page.Map(routes);
    }

    static Task NoEmbeddings(HttpContext context) => throw ApiException.Unsupported(
        null, "Gemma 3n answers and makes no embeddings; use a model that is made for them.");
}
