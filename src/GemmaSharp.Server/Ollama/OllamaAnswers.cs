using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Ollama;

/// <summary><c>POST /api/chat</c> and <c>POST /api/generate</c>.</summary>
sealed class OllamaAnswers(ModelCatalog catalog, MediaDoor media, AnswerPump pump, FieldLog log)
{
    /// <summary>Tokens that an answer has at least where turns are left out anyway; a context that its prompt fills is of no use.</summary>
    const int Room = 512;

    /// <summary>Fields that have an effect; of others, the log tells once. The model thinks nothing it does not say, so <c>think</c> is none.</summary>
    static readonly HashSet<string> s_chatFields =
    [
        "model", "messages", "stream", "format", "tools", "options", "keep_alive", "truncate", "shift", "logprobs", "top_logprobs", "cache_salt",
        "cache_prompt",
    ];

    static readonly HashSet<string> s_generateFields =
    [
        "model", "prompt", "suffix", "system", "raw", "images", "stream", "format", "options", "keep_alive", "truncate", "shift", "logprobs", "top_logprobs",
        "cache_salt", "cache_prompt",
    ];

    public async Task ChatAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_chatFields);
        SelectedModel model = catalog.Select(RequiredModel(body), hasTags: true);
        bool unloads = KeepAliveField.IsUnload(body);
        var content = new ContentReader(media, model.Model, context.RequestAborted);
        List<ChatMessage> messages = await OllamaMessages.ReadAsync(body, content).ConfigureAwait(false);
        var lines = new ChatLines(model);
        if (messages.Count == 0)
        {
            await OnceAsync(context, lines.Nothing(unloads ? "unload" : "load"), OllamaJson.Default.ChatLine).ConfigureAwait(false);
            return;
        }

        ToolOptions? tools = ToolFields.Read(body, type => log.ToolPassedOver(context, type));
        await AnswerAsync(context, model, body, new GenerationRequest { Messages = messages }, tools, lines, OllamaJson.Default.ChatLine).ConfigureAwait(false);
    }

    public async Task GenerateAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_generateFields);
        SelectedModel model = catalog.Select(RequiredModel(body), hasTags: true);
        bool unloads = KeepAliveField.IsUnload(body);
        string prompt = body.Text("prompt") ?? "";
        if (body.Text("suffix") is { Length: > 0 })
        {
            throw ApiException.Unsupported("suffix", "suffix is given, and the model does not fill in what is missing in the middle; leave it out.");
        }

        var lines = new GenerateLines(model);
        var content = new ContentReader(media, model.Model, context.RequestAborted);
        IReadOnlyList<ContentPart> images = await OllamaMessages.ImagesAsync(body, content).ConfigureAwait(false);
        if (prompt.Length == 0 && images.Count == 0)
        {
            await OnceAsync(context, lines.Nothing(unloads ? "unload" : "load"), OllamaJson.Default.GenerateLine).ConfigureAwait(false);
            return;
        }

        GenerationRequest request = body.Flag("raw") == true ? Raw(body, model.Model, prompt, images) : Asked(body, prompt, images);
        await AnswerAsync(context, model, body, request, tools: null, lines, OllamaJson.Default.GenerateLine).ConfigureAwait(false);
    }

    static GenerationRequest Asked(Fields body, string prompt, IReadOnlyList<ContentPart> images)
    {
        ChatMessage user = images.Count == 0 ? ChatMessage.User(prompt) : ChatMessage.User([.. images, new TextPart(prompt)]);
        return new GenerationRequest { Messages = body.Text("system") is { Length: > 0 } system ? [ChatMessage.System(system), user] : [user] };
    }

    /// <summary>A prompt that is written out by the client, template and all.</summary>
    static GenerationRequest Raw(Fields body, GemmaModel model, string prompt, IReadOnlyList<ContentPart> images)
    {
        foreach (string field in (string[])["system", "template"])
        {
            if (body.Text(field) is { Length: > 0 })
            {
                throw ApiException.Invalid(field, $"{field} is given with raw, where the prompt is all there is; write it into the prompt, or leave out raw.");
            }
        }

        return images.Count == 0
            ? new GenerationRequest { PromptIds = RawPrompt.Ids(model, prompt, parsesControls: true) }
            : throw ApiException.Invalid("images", "images are given with raw, where nothing says what stands for them; leave out raw.");
    }

    async Task AnswerAsync<T>(
        HttpContext context, SelectedModel model, Fields body, GenerationRequest request, ToolOptions? tools, AnswerLines<T> lines, JsonTypeInfo<T> type)
        where T : AnswerLine
    {
        bool streams = body.Flag("stream") ?? true;
        (GenerationOptions options, int length) = await OllamaOptions.ReadAsync(context, body, model.Model, pump.Options, log).ConfigureAwait(false);
        request = request with { Options = options with { Tools = tools }, Tenant = Tenants.Of(context, body) };
        request = await FitAsync(context, model.Model, body, request, length).ConfigureAwait(false);
        if (streams)
        {
            using var stream = new LineStream(context, pump.Options, Dialect.Ollama);
            await pump.RunAsync(
                context, model, request, 1, stream,
                (int _, in GeneratedToken token) =>
                {
                    if (lines.Next(token) is T line)
                    {
                        stream.Line(line, type);
                    }
                },
                statistics =>
                {
                    stream.Line(lines.Last(statistics[0], withText: false), type);
                    return ValueTask.CompletedTask;
                }).ConfigureAwait(false);
            return;
        }

        using var reply = new JsonReply(context, pump.Options, Dialect.Ollama);
        await pump.RunAsync(
            context, model, request, 1, reply, (int _, in GeneratedToken token) => lines.Next(token),
            statistics => reply.EndAsync(lines.Last(statistics[0], withText: true), type)).ConfigureAwait(false);
    }

    /// <summary>
    /// Brings a request into its context. Ollama leaves out the oldest messages, and goes on in a full context by dropping the oldest tokens; here room is made
    /// for the answer beforehand instead.
    /// </summary>
    static Task<GenerationRequest> FitAsync(HttpContext context, GemmaModel model, Fields body, GenerationRequest request, int length)
    {
        bool truncates = body.Flag("truncate") ?? true, shifts = body.Flag("shift") ?? true;
        int room = shifts ? Math.Max(1, Math.Min(request.Options?.MaxTokens ?? Room, Math.Min(Room, length / 4))) : 1;
        return ContextLimit.FitAsync(model, request, length, truncates, room, context.RequestAborted);
    }

    async Task OnceAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        using var reply = new JsonReply(context, pump.Options, Dialect.Ollama);
        await reply.EndAsync(value, type).ConfigureAwait(false);
    }

    static string RequiredModel(Fields body) => body.Name("model") is { Length: > 0 } name ? name : throw ApiException.Missing("model", "the name of a model");
}
