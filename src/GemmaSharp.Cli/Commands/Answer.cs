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

    /// <summary>Writes the result as one object; of an answer that did not come to its end, what had come.</summary>
    public void Write(Utf8JsonWriter json)
    {
        GenerationStatistics statistics = session.Statistics;
        json.WriteStartObject();
        json.WriteString("text", Text);
        json.WriteNumbers("token_ids", _tokens.Select(token => (long)token.Id));
        json.WriteNumber("prompt_tokens", statistics.PromptTokens);
        json.WriteNumber("answer_tokens", statistics.AnswerTokens);
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
        json.WriteString("token", model.Tokenizer.Decode([id], skipSpecial: false));
        json.WriteNumber("logprob", logprob);
    }
}
