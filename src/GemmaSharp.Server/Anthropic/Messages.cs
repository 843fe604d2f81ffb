using System.Text.Json;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.OpenAI;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Anthropic;

/// <summary><c>POST /v1/messages</c> and <c>POST /v1/messages/count_tokens</c>.</summary>
sealed class Messages(ModelCatalog catalog, MediaDoor media, AnswerPump pump, FieldLog log)
{
    static readonly HashSet<string> s_known =
    [
        "model", "messages", "max_tokens", "system", "stop_sequences", "temperature", "top_p", "top_k", "stream", "tools", "tool_choice", "metadata",
        "thinking", "service_tier", "inference_geo", "output_format", "output_config", "cache_control", "thread",
    ];

    public async Task AnswerAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_known);
        SelectedModel model = Selected(body);
        RefuseThread(body);
        int most = body.Whole("max_tokens", 1) ?? throw ApiException.Missing("max_tokens", "the most tokens of the answer");
        GenerationRequest request = await ReadAsync(context, body, model.Model, most).ConfigureAwait(false);
        if (body.Flag("stream") == true)
        {
            using var stream = new EventStream(context, pump.Options, Dialect.Anthropic) { NamesEvents = true };
            int inputTokens = await CountAsync(context, model, request).ConfigureAwait(false);
            var events = new MessageEvents(stream, model, inputTokens);
            stream.Opening = events.Begin;
            await pump.RunAsync(context, model, request, 1, stream, events.Take, statistics =>
            {
                events.End(statistics[0]);
                return ValueTask.CompletedTask;
            }).ConfigureAwait(false);
            return;
        }

        var answer = new AnswerText();
        using var reply = new JsonReply(context, pump.Options, Dialect.Anthropic);
        await pump.RunAsync(
            context, model, request, 1, reply, (int _, in GeneratedToken token) => answer.Add(token),
            statistics => reply.EndAsync(
                new Message(
                    NewId("msg_"), "message", "assistant", model.Name,
                    [.. answer.Text.Length > 0 || answer.ToolCalls is null ? [new Block("text") { Text = answer.Text }] : (Block[])[],
                        .. (answer.ToolCalls ?? []).Select(Call)],
                    Reason(answer.StopReason ?? StopReason.EndOfTurn), answer.Tokens[^1].StopText, Usage(statistics[0])),
                AnthropicJson.Default.Message)).ConfigureAwait(false);
    }

    public async Task CountAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_known);
        SelectedModel model = Selected(body);
        GenerationRequest request = await ReadAsync(context, body, model.Model, most: 1).ConfigureAwait(false);
        int count;
        try
        {
            count = await CountAsync(context, model, request).ConfigureAwait(false);
        }
        catch (ContextLengthException error)
        {
            // Who counts wants to know just that.
            count = error.PromptTokens;
        }

        using var reply = new JsonReply(context, pump.Options, Dialect.Anthropic);
        await reply.EndAsync(new InputTokens(count), AnthropicJson.Default.InputTokens).ConfigureAwait(false);
    }

    /// <summary>Refuses to keep a conversation: with the next request only its new messages would come.</summary>
    static void RefuseThread(Fields body)
    {
        if (body.Has("thread"))
        {
            throw new ApiException(
                StatusCodes.Status400BadRequest, ApiException.InvalidRequest,
                "thread asks the server to keep the conversation, which it does not; leave it out and send all messages each time.", "thread",
                ApiException.NoThreads);
        }
    }

    /// <summary>A new id.</summary>
    public static string NewId(string prefix) => AnswerParts.NewId(prefix, 24);

    /// <summary>Why an answer ended.</summary>
    public static string Reason(StopReason reason) => reason switch
    {
        StopReason.MaxTokens or StopReason.ContextFull or StopReason.Repetition => "max_tokens",
        StopReason.ToolCalls => "tool_use",
        StopReason.StopText => "stop_sequence",
        _ => "end_turn",
    };

    /// <summary>A finished call.</summary>
    public static Block Call(ToolCall call)
    {
        using JsonDocument arguments = JsonDocument.Parse(call.Arguments);
        return new Block("tool_use") { Id = call.Id, Name = call.Name, Input = arguments.RootElement.Clone() };
    }

    /// <summary>What an answer cost. Tokens found again are not among the input's.</summary>
    public static MessageUsage Usage(GenerationStatistics statistics) =>
        new(statistics.PromptTokens - statistics.ReusedTokens, 0, statistics.ReusedTokens, statistics.AnswerTokens);

    static async Task<int> CountAsync(HttpContext context, SelectedModel model, GenerationRequest request) =>
        (await model.Model.TokenizeAsync(request.Messages, request.Options, context.RequestAborted).ConfigureAwait(false)).Count;

    SelectedModel Selected(Fields body) =>
        catalog.Select(body.Name("model") is { Length: > 0 } name ? name : throw ApiException.Missing("model", "the name of a model"));

    async Task<GenerationRequest> ReadAsync(HttpContext context, Fields body, GemmaModel model, int most)
    {
        var options = new GenerationOptions
        {
            MaxTokens = SamplingFields.MaxTokens(most, pump.Options),
            Temperature = (float?)body.Number("temperature", 0, 1),
            TopP = SamplingFields.TopP(body.Number("top_p", 0, 1)),
            TopK = body.Whole("top_k", 0),
            Stop = SamplingFields.Stops(body, "stop_sequences"),
            Tools = Tools(context, body),
        };
        var content = new ContentReader(media, model, context.RequestAborted);
        IReadOnlyList<ChatMessage> messages = await new MessageReader(content).ReadAsync(body).ConfigureAwait(false);
        Fields? format = body.Object("output_format") ?? body.Object("output_config")?.Object("format");
        if (format is Fields wanted && FormatFields.OfFormat(wanted, wanted.Element) is Func<Constraint?> make)
        {
            options = options with { Constraint = await FormatFields.MakeAsync(wanted.Path, make).ConfigureAwait(false) };
        }

        return new GenerationRequest { Messages = messages, Options = options, Tenant = Tenants.Of(context, body) };
    }

    ToolOptions? Tools(HttpContext context, Fields body)
    {
        var tools = new List<ToolDefinition>();
        foreach ((JsonElement element, string path) in body.List("tools", ToolOptions.MostTools))
        {
            Fields tool = Fields.Of(element, path);
            if (tool.Text("type") is null or "custom")
            {
                tools.Add(ToolFields.Definition(tool, "input_schema"));
            }
            else
            {
                log.ToolPassedOver(context, tool.Text("type")!);
            }
        }

        Fields? choice = body.Object("tool_choice");
        ToolChoice how = choice?.RequiredText("type") switch
        {
            null or "auto" => ToolChoice.Auto,
            "none" => ToolChoice.None,
            "any" => ToolChoice.Required,
            "tool" => ToolChoice.Named(choice.Value.RequiredText("name")),
            _ => throw ApiException.Invalid(
                "tool_choice.type", $"tool_choice.type is {Fields.Shown(choice!.Value.Element.GetProperty("type"))}; it must be auto, any, tool or none."),
        };
        if (how.IsRequired && tools.Count == 0)
        {
            throw ApiException.Invalid(
                "tool_choice", "tool_choice requires a call and the request has no tool with an input_schema; add one, or leave tool_choice out.");
        }

        if (how.Name is string named && !tools.Exists(tool => tool.Name == named))
        {
            throw ApiException.Invalid(
                "tool_choice.name",
                $"tool_choice names {named}, which is none of the tools; name one of {string.Join(", ", tools.Select(tool => tool.Name))}.");
        }

        if (tools.Count == 0)
        {
            return null;
        }

        return new ToolOptions { Tools = tools, Choice = how, Parallel = !(choice?.Flag("disable_parallel_tool_use") ?? false) };
    }
}
