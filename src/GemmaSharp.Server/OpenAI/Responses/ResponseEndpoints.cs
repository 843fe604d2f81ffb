using System.Globalization;
using System.Text.Json;
using GemmaSharp.Configuration;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI.Responses;

/// <summary><c>/v1/responses</c>.</summary>
sealed class ResponseEndpoints(ModelCatalog catalog, MediaDoor media, AnswerPump pump, FieldLog log, ResponseStore store)
{
    const int MostTopLogprobs = 20;
    const int MostMetadata = 16;

    static readonly JsonElement s_text = Json("""{"format":{"type":"text"},"verbosity":"medium"}""");
    static readonly JsonElement s_auto = Json("\"auto\"");
    static readonly JsonElement s_none = Json("[]");
    static readonly JsonElement s_empty = Json("{}");

    static readonly HashSet<string> s_known =
    [
        "model", "input", "instructions", "tools", "tool_choice", "parallel_tool_calls", "text", "max_output_tokens", "temperature", "top_p", "top_logprobs",
        "stream", "stream_options", "store", "previous_response_id", "conversation", "include", "reasoning", "truncation", "background", "metadata",
        "prompt_cache_key", "prompt_cache_retention", "user", "safety_identifier", "service_tier", "max_tool_calls", "top_k", "min_p", "seed", "stop",
        "repetition_penalty", "presence_penalty", "frequency_penalty", "cache_salt", "client_metadata", "prompt", "ignore_eos", "min_tokens",
        "logit_bias", "cache_prompt", "repeat_penalty",
    ];

    public async Task CreateAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_known);
        SelectedModel model = catalog.Select(body.Name("model"));
        RefuseWhatIsNotKept(body);
        Conversation conversation = Items(context, body);
        Response response = Described(body, model);
        IReadOnlyList<JsonElement> kept = response.Store ? [.. conversation.Items.Select(InputReader.Kept)] : [];
        GenerationRequest request = await ReadAsync(context, body, model.Model, conversation, Tenants.Of(context, body)).ConfigureAwait(false);
        response = Completed(response, model, request.Options!);
        bool tellsLogprobs = request.Options!.Logprobs is not null;
        if (body.Flag("stream") == true)
        {
            using var stream = new EventStream(context, pump.Options, Dialect.OpenAI) { NamesEvents = true };
            var events = new ResponseEvents(response, model.Model.Tokenizer, stream, tellsLogprobs);
            (stream.Opening, stream.Failing) = (events.Begin, events.Fail);
            await RunAsync(stream, events, () => ValueTask.CompletedTask).ConfigureAwait(false);
            return;
        }

        var whole = new ResponseEvents(response, model.Model.Tokenizer, null, tellsLogprobs);
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await RunAsync(reply, whole, () => reply.EndAsync(whole.Response, ResponsesJson.Default.Response)).ConfigureAwait(false);

        Task RunAsync(Reply to, ResponseEvents events, Func<ValueTask> end) => PromptField.NamedAsync("input", () => pump.RunAsync(
            context, model, request, 1, to, events.Take, statistics =>
            {
                Response ended = events.End(statistics[0]);
                if (ended.Store)
                {
                    // Before the client knows that it is done, for it may go on from it at once.
                    store.Add(new StoredResponse(Caller.Of(context).Tenant, ended, conversation.Previous, kept));
                }

                events.TellEnd();
                return end();
            }));
    }

    /// <summary><c>POST /v1/responses/input_tokens</c>.</summary>
    public async Task CountAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        SelectedModel model = catalog.Select(body.Name("model"));
        RefuseWhatIsNotKept(body);
        int count = 0;
        await PromptField.NamedAsync("input", async () =>
        {
            GenerationRequest request = await ReadAsync(context, body, model.Model, Items(context, body), null).ConfigureAwait(false);
            count = (await model.Model.TokenizeAsync(request.Messages, request.Options, context.RequestAborted).ConfigureAwait(false)).Count;
        }).ConfigureAwait(false);
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await reply.EndAsync(new TokenCount("response.input_tokens", count), OpenAIJson.Default.TokenCount).ConfigureAwait(false);
    }

    /// <summary><c>GET /v1/responses/{id}</c>.</summary>
    public async Task ShowAsync(HttpContext context)
    {
        if (context.Request.Query["stream"].ToString() is "true" or "True" or "1")
        {
            throw ApiException.Unsupported("stream", "stream is true and the response is whole already; leave it out.");
        }

        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await reply.EndAsync(Stored(context).Response, ResponsesJson.Default.Response).ConfigureAwait(false);
    }

    /// <summary><c>GET /v1/responses/{id}/input_items</c>: page by page, the last first unless <c>order</c> is <c>asc</c>.</summary>
    public async Task InputItemsAsync(HttpContext context)
    {
        const int MostOfPage = 100, UsualPage = 20;
        IEnumerable<JsonElement> items = Stored(context).Input;
        IQueryCollection query = context.Request.Query;
        items = query["order"].ToString() switch
        {
            "" or "desc" => items.Reverse(),
            "asc" => items,
            _ => throw ApiException.Invalid("order", "order must be asc or desc."),
        };
        string limit = query["limit"].ToString(), after = query["after"].ToString();
        if (after.Length > 0)
        {
            items = items.SkipWhile(item => InputReader.IdOf(item) != after).Skip(1);
        }

        int most = limit.Length == 0 ? UsualPage
            : int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out int given) && given is >= 1 and <= MostOfPage ? given
            : throw ApiException.Invalid("limit", $"limit must be a whole number from 1 to {MostOfPage}.");
        JsonElement[] page = [.. items.Take(most + 1)];
        JsonElement[] shown = page.Length > most ? page[..most] : page;
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await reply.EndAsync(
            new ItemList(
                "list", shown, shown.Length > 0 ? InputReader.IdOf(shown[0]) : null, shown.Length > 0 ? InputReader.IdOf(shown[^1]) : null, page.Length > most),
            ResponsesJson.Default.ItemList).ConfigureAwait(false);
    }

    /// <summary><c>DELETE /v1/responses/{id}</c>.</summary>
    public async Task DeleteAsync(HttpContext context)
    {
        string id = Stored(context).Response.Id;
        store.Remove(id, Caller.Of(context).Tenant);
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await reply.EndAsync(new DeletedResponse(id, "response.deleted", true), ResponsesJson.Default.DeletedResponse).ConfigureAwait(false);
    }

    /// <summary><c>POST /v1/responses/{id}/cancel</c>: only what runs in the background can be cancelled, and nothing does.</summary>
    public Task CancelAsync(HttpContext context) => throw ApiException.Invalid(
        null, $"The response {Stored(context).Response.Id} does not run in the background; close the connection to end an answer.");

    /// <summary>The items of a request, and the response that they go on from.</summary>
    Conversation Items(HttpContext context, Fields body)
    {
        string? caller = Caller.Of(context).Tenant;
        StoredResponse? previous = Previous(body, caller);
        IReadOnlyList<JsonElement> items = InputReader.Items(body, id => store.FindItem(id, caller)), before = previous?.All ?? [];
        return before.Count + items.Count <= ContentReader.MostMessages ? new Conversation(previous, before, items)
            : throw ApiException.Invalid(
                "previous_response_id",
                $"The conversation has {before.Count + items.Count} items with those of this request; at most {ContentReader.MostMessages} are taken; "
                + "begin a new one.");
    }

    async Task<GenerationRequest> ReadAsync(HttpContext context, Fields body, GemmaModel model, Conversation conversation, string? tenant)
    {
        Fields? text = body.Object("text");
        bool includesLogprobs = body.Texts("include", 32).Contains("message.output_text.logprobs");
        int? top = body.Whole("top_logprobs", 0, MostTopLogprobs);
        GenerationOptions options = SamplingFields.Read(body, pump.Options) with
        {
            MaxTokens = SamplingFields.MaxTokens(body.Whole("max_output_tokens", 1), pump.Options),
            Logprobs = includesLogprobs || top is > 0 ? top ?? 0 : null,
            Tools = ToolFields.Read(body, type => log.ToolPassedOver(context, type)),
        };
        if (text?.Object("format") is Fields format && FormatFields.OfFormat(format, format.Element) is Func<Constraint?> make)
        {
            options = options with { Constraint = await FormatFields.MakeAsync("text.format", make).ConfigureAwait(false) };
        }

        var content = new ContentReader(media, model, context.RequestAborted);
        Action<string> passedOver = type => log.ItemPassedOver(context, type);
        List<ChatMessage> messages = await InputReader.MessagesAsync(conversation.Before, "previous_response_id", content, passedOver).ConfigureAwait(false);
        messages.AddRange(await InputReader.MessagesAsync(conversation.Items, "input", content, passedOver).ConfigureAwait(false));
        if (body.Text("instructions") is { Length: > 0 } instructions)
        {
            messages.Insert(0, ChatMessage.System(instructions));
        }

        if (messages.Count == 0)
        {
            throw ApiException.Missing("input", "a text or at least one message");
        }

        var request = new GenerationRequest { Messages = messages, Options = options, Tenant = tenant };
        bool mayDrop = body.Text("truncation") == "auto";
        return await ContextLimit.FitAsync(model, request, model.ContextLength, mayDrop, context.RequestAborted).ConfigureAwait(false);
    }

    /// <summary>The response as it begins: what was asked for.</summary>
    Response Described(Fields body, SelectedModel model)
    {
        if (body.Object("metadata") is Fields metadata && metadata.Element.EnumerateObject().Count() is > MostMetadata and int count)
        {
            throw ApiException.Invalid("metadata", $"metadata has {count} keys; at most {MostMetadata} are taken.");
        }

        return new Response(AnswerParts.NewId("resp_"), "response", AnswerParts.Now(), "in_progress", model.Name)
        {
            Instructions = Echo(body, "instructions"),
            MaxToolCalls = body.Whole("max_tool_calls", 1),
            ParallelToolCalls = body.Flag("parallel_tool_calls") ?? true,
            PreviousResponseId = body.Name("previous_response_id"),
            PromptCacheKey = body.Name("prompt_cache_key"),
            SafetyIdentifier = body.Name("safety_identifier"),
            Store = store.IsOn && (body.Flag("store") ?? true),
            Text = Text(body.Object("text")),
            ToolChoice = Echo(body, "tool_choice") ?? s_auto,
            Tools = Echo(body, "tools") ?? s_none,
            Truncation = body.Text("truncation") == "auto" ? "auto" : "disabled",
            User = body.Name("user"),
            Metadata = Echo(body, "metadata") ?? s_empty,
        };
    }

    /// <summary>The response with what holds where nothing was asked for.</summary>
    static Response Completed(Response response, SelectedModel model, GenerationOptions options)
    {
        GenerationDefaults defaults = model.Model.GenerationDefaults;
        return response with
        {
            MaxOutputTokens = options.MaxTokens,
            Temperature = options.Temperature ?? (defaults.DoSample ? defaults.Temperature : 0),
            TopLogprobs = options.Logprobs ?? 0,
            TopP = options.TopP ?? defaults.TopP,
        };
    }

    /// <summary>The form of the answer as it was asked for, with what is said of it by saying nothing.</summary>
    static JsonElement Text(Fields? text) => text is not Fields asked ? s_text : InputReader.Written(json =>
    {
        json.WriteStartObject();
        foreach (JsonProperty property in asked.Element.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null))
        {
            property.WriteTo(json);
        }

        foreach (JsonProperty property in s_text.EnumerateObject().Where(property => !asked.Has(property.Name)))
        {
            property.WriteTo(json);
        }

        json.WriteEndObject();
    });

    /// <summary>A field as it was sent, for as long as the response is in memory; null for none.</summary>
    static JsonElement? Echo(Fields body, string name) =>
        body.TryGet(name, out JsonElement value) ? value.Clone() : null;

    StoredResponse? Previous(Fields body, string? tenant) => body.Name("previous_response_id") is not string id ? null
        : store.Find(id, tenant) ?? throw new ApiException(
            StatusCodes.Status400BadRequest, ApiException.InvalidRequest,
            $"previous_response_id is {id}, which is not kept here; send all items, or start the server with --store to keep answers.", "previous_response_id",
            "previous_response_not_found");

    StoredResponse Stored(HttpContext context)
    {
        string id = (string)context.Request.RouteValues["id"]!;
        return store.Find(id, Caller.Of(context).Tenant) ?? throw new ApiException(
            StatusCodes.Status404NotFound, ApiException.InvalidRequest,
            $"There is no response {Strangers.Shown(id)} here; start the server with --store to keep answers.", null, "response_not_found");
    }

    static void RefuseWhatIsNotKept(Fields body)
    {
        if (body.Has("conversation"))
        {
            throw ApiException.Unsupported(
                "conversation", "conversation is given and conversations are not kept here; send all items, or use previous_response_id.");
        }

        if (body.Has("prompt"))
        {
            throw ApiException.Unsupported("prompt", "prompt is given and no prompts are kept here; send its text as instructions or input.");
        }

        if (body.Flag("background") == true)
        {
            throw ApiException.Unsupported("background", "background is true and answers are not computed in the background; leave it out, and stream.");
        }

        if (body.Text("truncation") is string truncation and not ("auto" or "disabled"))
        {
            throw ApiException.Invalid("truncation", $"truncation is {Strangers.Shown(truncation)}; it must be auto or disabled.");
        }
    }

    /// <summary>What is answered.</summary>
    /// <param name="Previous">The response that it goes on from; null for none.</param>
    /// <param name="Before">The items up to that.</param>
    /// <param name="Items">The items of the request.</param>
    sealed record Conversation(StoredResponse? Previous, IReadOnlyList<JsonElement> Before, IReadOnlyList<JsonElement> Items);

    static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
