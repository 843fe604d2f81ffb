using System.Globalization;
using System.Text;
using System.Text.Json;
using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Commands;

/// <summary>One answer: shown while it comes, and everything about it afterwards.</summary>
/// <param name="model">Who answers.</param>
/// <param name="session">The conversation.</param>
/// <param name="busy">Shows that the prompt is being read.</param>
sealed class Answer(GemmaModel model, GemmaSession session, BusySign busy)
{
    readonly List<GeneratedToken> _tokens = [];
    readonly StringBuilder _text = new();
    bool _seeded;

    /// <summary>The text so far.</summary>
    public string Text => _text.ToString();

    /// <summary>Whether the reader of the output went away, which ended the answer.</summary>
    public bool ClosedOutput { get; private set; }

    /// <summary>Whether anything of it has come.</summary>
    public bool HasBegun => _tokens.Count > 0;

    /// <summary>Reads and shows the answer.</summary>
    /// <param name="answer">The session's tokens, which Ctrl-C ends.</param>
    /// <param name="options">How they are drawn.</param>
    /// <param name="writer">Where it is shown; null for nowhere.</param>
    /// <exception cref="OperationCanceledException">It was interrupted; what had come is in <see cref="Text"/>.</exception>
    public async Task ReadAsync(IAsyncEnumerable<GeneratedToken> answer, GenerationOptions options, AnswerWriter? writer)
    {
        _seeded = options.Temperature != 0;
        IAsyncEnumerator<GeneratedToken> tokens = answer.GetAsyncEnumerator();
        await using (tokens.ConfigureAwait(false))
        {
            try
            {
                // The session encodes the prompt before the first token, and somebody may want to see that it is going on.
                bool more = await busy.WhileAsync("Reading", Task.Run(() => tokens.MoveNextAsync().AsTask())).ConfigureAwait(false);
                while (more)
                {
                    _tokens.Add(tokens.Current);
                    _text.Append(tokens.Current.Text);
                    writer?.Write(tokens.Current.Text);
                    more = await tokens.MoveNextAsync().ConfigureAwait(false);
                }
            }
            catch (IOException error) when (Cli.ClosedOutput.Is(error))
            {
                ClosedOutput = true;
            }
        }
    }

    static string Count(int tokens) => string.Create(CultureInfo.InvariantCulture, $"{tokens} {(tokens == 1 ? "token" : "tokens")}");

    /// <summary>What a person should know of an answer that may look finished and is not; null for one that is.</summary>
    /// <param name="options">How it was drawn.</param>
    public string? Cut(GenerationOptions options) => _tokens is [.., { StopReason: StopReason reason }] ? reason switch
    {
        StopReason.MaxTokens => string.Create(
            CultureInfo.InvariantCulture, $"the answer was cut after {Count(options.MaxTokens ?? _tokens.Count)}; --max-tokens allows more."),
        StopReason.ContextFull => string.Create(
            CultureInfo.InvariantCulture,
            $"the answer was cut, since the context of {model.ContextLength} tokens is full; shorten the prompt or what was said before."),
        StopReason.Repetition => "the answer was ended, since the same token came again and again.",
        _ => null,
    } : null;

    /// <summary>Writes the result as one object; of an answer that did not come to its end, what had come.</summary>
    public void Write(Utf8JsonWriter json)
    {
        GenerationStatistics statistics = session.Statistics;
        json.WriteStartObject();
        json.WriteString("text", Text);
        json.WriteNumbers("token_ids", _tokens.Select(token => (long)token.Id));
        json.WriteNumber("prompt_tokens", statistics.PromptTokens);
        json.WriteNumber("answer_tokens", statistics.AnswerTokens);
        json.WriteNumber("drafted_tokens", statistics.DraftedTokens);
        json.WriteNumber("accepted_tokens", statistics.AcceptedTokens);
        json.WriteString("stop_reason",
            _tokens is [.., { StopReason: StopReason reason }] ? JsonNamingPolicy.SnakeCaseLower.ConvertName(reason.ToString()) : "interrupted");
        json.WriteStartObject("timings");
        json.WriteMeasured("load_seconds", model.LoadTime.TotalSeconds);
        json.WriteMeasured("time_to_first_token_seconds", statistics.TimeToFirstToken.TotalSeconds);
        json.WriteMeasured("prompt_tokens_per_second", statistics.PromptTokensPerSecond);
        json.WriteMeasured("answer_seconds", statistics.AnswerTime.TotalSeconds);
        json.WriteMeasured("answer_tokens_per_second", statistics.AnswerTokensPerSecond);
        json.WriteEndObject();
        if (_seeded)
        {
            json.WriteNumber("seed", session.Seed);
        }

        if (_tokens.Exists(token => token.Logprob is not null))
        {
            WriteLogprobs(json);
        }

        json.WriteEndObject();
    }

    void WriteLogprobs(Utf8JsonWriter json)
    {
        json.WriteStartArray("logprobs");
        foreach (GeneratedToken token in _tokens)
        {
            json.WriteStartObject();
            WriteToken(json, token.Id, token.Logprob ?? 0);
            json.WriteStartArray("top");
            foreach (TokenLogprob other in token.TopLogprobs ?? [])
            {
                json.WriteStartObject();
                WriteToken(json, other.Id, other.Logprob);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    void WriteToken(Utf8JsonWriter json, int id, float logprob)
    {
        json.WriteNumber("id", id);
        (string text, byte[] bytes) = model.Tokenizer.Spell(id);

        // A token of a single byte may be a part of a character, and looks like another token where it is a whole one.
        json.WriteString("token", model.Tokenizer.IsByte(id) ? model.Tokenizer.IdToPiece(id) : text);
        json.WriteStartArray("bytes");
        foreach (byte value in bytes)
        {
            json.WriteNumberValue(value);
        }

        json.WriteEndArray();
        json.WriteNumber("logprob", logprob);
    }
}
