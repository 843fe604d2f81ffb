using System.Text.Json;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.Requests;
using GemmaSharp.Server.Security;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI;

/// <summary><c>POST /v1/chat/completions</c>.</summary>
sealed class ChatCompletions(ModelCatalog catalog, MediaDoor media, AnswerPump pump, FieldLog log)
{
    /// <summary>The most answers to one conversation.</summary>
    public const int MostAnswers = 8;

    const int MostTopLogprobs = 20;

    /// <summary>Fields that are understood; of others, the log tells once.</summary>
    static readonly HashSet<string> s_known =
    [
        "model", "messages", "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "repeat_penalty",
        "presence_penalty", "frequency_penalty", "seed", "stop", "n", "stream", "stream_options", "logprobs", "top_logprobs", "logit_bias", "response_format",
        "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "reasoning_effort", "verbosity", "store", "metadata", "user",
        "safety_identifier", "service_tier", "prompt_cache_key", "prompt_cache_retention", "modalities", "audio", "web_search_options", "prediction",
        "ignore_eos", "min_tokens", "cache_prompt", "add_generation_prompt", "continue_final_message", "chat_template_kwargs", "timings_per_token",
        "cache_salt", "grammar", "json_schema", "guided_json", "guided_regex", "guided_grammar", "guided_choice", "structured_outputs",
    ];

    public async Task AnswerAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        log.Unknown(context, body, s_known);
        SelectedModel model = catalog.Select(body.Name("model"));
        RefuseSound(body);
        int count = body.Whole("n", 1, MostAnswers) ?? 1;
        bool streams = body.Flag("stream") ?? false;
        bool includesUsage = body.Object("stream_options")?.Flag("include_usage") ?? false;
        GenerationRequest request = await ReadAsync(context, body, model.Model).ConfigureAwait(false);
        if (streams)
        {
            await StreamAsync(context, model, request, count, includesUsage, body.Flag("timings_per_token") ?? false).ConfigureAwait(false);
        }
        else
        {
            await WholeAsync(context, model, request, count).ConfigureAwait(false);
        }
    }

    /// <summary>How many tokens a conversation has: <c>POST /v1/chat/completions/input_tokens</c>.</summary>
    public async Task CountAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        SelectedModel model = catalog.Select(body.Name("model"));
        GenerationRequest request = await ReadAsync(context, body, model.Model).ConfigureAwait(false);
        IReadOnlyList<int> ids = await model.Model.TokenizeAsync(request.Messages, request.Options, context.RequestAborted).ConfigureAwait(false);
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await reply.EndAsync(new TokenCount("chat.completion.input_tokens", ids.Count), OpenAIJson.Default.TokenCount).ConfigureAwait(false);
    }

    /// <summary>The conversation, and how it is answered.</summary>
    public async Task<GenerationRequest> ReadAsync(HttpContext context, Fields body, GemmaModel model)
    {
        GenerationOptions options = SamplingFields.Read(body, pump.Options) with
        {
            Logprobs = Logprobs(body),
            Tools = ToolFields.Read(body, type => log.ToolPassedOver(context, type)),
        };
        var content = new ContentReader(media, model, context.RequestAborted);
        IReadOnlyList<ChatMessage> messages = await ChatMessageReader.ReadAsync(body, content).ConfigureAwait(false);
        if (body.Flag("continue_final_message") == true && messages[^1].Role != ChatMessage.AssistantRole)
        {
            throw ApiException.Invalid(
                "continue_final_message", "continue_final_message is true and the last message is none of the assistant's; end with one, or leave it out.");
        }

        options = options with { Constraint = await FormatFields.ReadAsync(body).ConfigureAwait(false) };
        return new GenerationRequest { Messages = messages, Options = options, Tenant = Tenants.Of(context, body) };
    }

    async Task WholeAsync(HttpContext context, SelectedModel model, GenerationRequest request, int count)
    {
        AnswerText[] answers = [.. Enumerable.Range(0, count).Select(_ => new AnswerText())];
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await pump.RunAsync(
            context, model, request, count, reply, (int index, in GeneratedToken token) => answers[index].Add(token),
            statistics => reply.EndAsync(
                new ChatCompletion(
                    AnswerParts.NewId("chatcmpl-"), "chat.completion", AnswerParts.Now(), model.Name, AnswerParts.SystemFingerprint(model.Model),
                    [.. answers.Select((answer, index) => Choice(index, answer, model.Model.Tokenizer))], AnswerParts.Usage(statistics),
                    Timings.Of(statistics[0])),
                OpenAIJson.Default.ChatCompletion)).ConfigureAwait(false);
    }

    static ChatChoice Choice(int index, AnswerText answer, Tokenizer tokenizer)
    {
        var message = new AnswerMessage("assistant", answer.ToolCalls is not null && answer.Text.Length == 0 ? null : answer.Text, null)
        {
            ToolCalls = answer.ToolCalls is null ? null : [.. answer.ToolCalls.Select(AnswerParts.ToolCall)],
        };
        WireLogprob[] logprobs = [.. answer.Tokens.Select(token => AnswerParts.Logprob(tokenizer, token)).OfType<WireLogprob>()];
        return new ChatChoice(
            index, message, logprobs.Length > 0 ? new ChoiceLogprobs(logprobs, null) : null,
            AnswerParts.FinishReason(answer.StopReason ?? StopReason.EndOfTurn));
    }

    async Task StreamAsync(HttpContext context, SelectedModel model, GenerationRequest request, int count, bool includesUsage, bool timesTokens)
    {
        using var reply = new EventStream(context, pump.Options, Dialect.OpenAI);
        var chunks = new ChatChunks(reply, model, count, includesUsage, timesTokens);
        await pump.RunAsync(context, model, request, count, reply, chunks.Take, statistics =>
        {
            chunks.End(statistics);
            return ValueTask.CompletedTask;
        }).ConfigureAwait(false);
    }

    static int? Logprobs(Fields body)
    {
        bool wanted = body.Flag("logprobs") ?? false;
        int? top = body.Whole("top_logprobs", 0, MostTopLogprobs);
        return wanted ? top ?? 0
            : top is > 0 ? throw ApiException.Invalid("top_logprobs", $"top_logprobs is {top} and logprobs is not true; set that too.")
            : null;
    }

    static void RefuseSound(Fields body)
    {
        if (body.Has("audio") || body.Texts("modalities", 8).Any(modality => modality != "text"))
        {
            throw ApiException.Unsupported(
                body.Has("audio") ? "audio" : "modalities", "The model answers in text alone; leave out audio, and say text in modalities.");
        }
    }
}
