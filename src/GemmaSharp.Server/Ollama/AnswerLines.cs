using System.Text.Json;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.OpenAI;

namespace GemmaSharp.Server.Ollama;

/// <summary>An answer as lines. Used by one request.</summary>
abstract class AnswerLines<T>(SelectedModel model)
    where T : AnswerLine
{
    // Probabilities of tokens whose text is still held back, and those of all.
    readonly List<OllamaLogprob> _held = [];
    readonly List<OllamaLogprob> _all = [];
    readonly AnswerText _text = new();

    protected string Name => model.Name;

    /// <summary>The line that a token becomes; null for none yet.</summary>
    public T? Next(in GeneratedToken token)
    {
        _text.Add(token);
        if (AnswerParts.Logprob(model.Model.Tokenizer, token) is WireLogprob logprob)
        {
            _held.Add(Of(logprob));
            _all.Add(_held[^1]);
        }

        if (token.Text.Length == 0 && token.ToolCalls is null)
        {
            return null;
        }

        T line = Line(token.Text, token.ToolCalls, done: false) with { Logprobs = _held.Count > 0 ? [.. _held] : null };
        _held.Clear();
        return line;
    }

    /// <summary>The line that ends the answer.</summary>
    /// <param name="statistics">What it cost.</param>
    /// <param name="withText">Whether it has the whole answer, as where it is the only line.</param>
    public T Last(GenerationStatistics statistics, bool withText)
    {
        List<OllamaLogprob> logprobs = withText ? _all : _held;
        TimeSpan prompt = statistics.TimeToFirstToken - statistics.QueueTime;
        return Line(withText ? _text.Text : "", withText ? _text.ToolCalls : null, done: true) with
        {
            // An answer that calls tools has stopped like any other.
            DoneReason = AnswerParts.FinishReason(_text.StopReason ?? StopReason.EndOfTurn) == "length" ? "length" : "stop",
            Logprobs = logprobs.Count > 0 ? [.. logprobs] : null,
            TotalDuration = Nanoseconds(statistics.TimeToFirstToken + statistics.AnswerTime),
            LoadDuration = Nanoseconds(statistics.QueueTime),
            PromptEvalCount = statistics.PromptTokens,
            PromptEvalCachedCount = statistics.ReusedTokens,
            PromptEvalDuration = Nanoseconds(prompt),
            EvalCount = statistics.AnswerTokens,
            EvalDuration = Nanoseconds(statistics.AnswerTime),
        };
    }

    /// <summary>The line of a request that asks nothing.</summary>
    /// <param name="reason">What was done instead.</param>
    public T Nothing(string reason) => Line("", null, done: true) with { DoneReason = reason };

    protected abstract T Line(string text, IReadOnlyList<ToolCall>? calls, bool done);

    static long Nanoseconds(TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;

    static OllamaLogprob Of(WireLogprob logprob) => new(logprob.Token, logprob.Logprob, logprob.Bytes)
    {
        TopLogprobs = logprob.TopLogprobs is { Count: > 0 } others ? [.. others.Select(Of)] : null,
    };
}

/// <summary>Lines of <c>/api/chat</c>.</summary>
sealed class ChatLines(SelectedModel model) : AnswerLines<ChatLine>(model)
{
    protected override ChatLine Line(string text, IReadOnlyList<ToolCall>? calls, bool done) => new(
        Name, DateTime.UtcNow, done, new OllamaMessage("assistant", text)
        {
            ToolCalls = calls is null ? null
                : [.. calls.Select((call, index) => new OllamaCall(call.Id, new OllamaFunction(index, call.Name, Arguments(call))))],
        });

    static JsonElement Arguments(ToolCall call)
    {
        using JsonDocument arguments = JsonDocument.Parse(call.Arguments);
        return arguments.RootElement.Clone();
    }
}

/// <summary>Lines of <c>/api/generate</c>.</summary>
sealed class GenerateLines(SelectedModel model) : AnswerLines<GenerateLine>(model)
{
    protected override GenerateLine Line(string text, IReadOnlyList<ToolCall>? calls, bool done) =>
        new(Name, DateTime.UtcNow, done, text) { Context = done ? [] : null };
}
