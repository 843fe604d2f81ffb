using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;

namespace GemmaSharp.Server.OpenAI;

/// <summary>A streamed chat completion, written chunk by chunk. Used by one request.</summary>
sealed class ChatChunks
{
    readonly EventStream _stream;
    readonly Tokenizer _tokenizer;
    readonly bool _includesUsage;
    readonly ChatChunk _template;

    // Probabilities of tokens whose text is still held back, by answer.
    readonly List<WireLogprob>[] _logprobs;
    readonly bool[] _begun;
    readonly bool _timesTokens;
    readonly System.Diagnostics.Stopwatch _clock = new();
    int _tokens;

    public ChatChunks(EventStream stream, SelectedModel model, int count, bool includesUsage, bool timesTokens)
    {
        (_stream, _tokenizer, _includesUsage, _timesTokens) = (stream, model.Model.Tokenizer, includesUsage, timesTokens);
        _template = new ChatChunk(
            AnswerParts.NewId("chatcmpl-"), "chat.completion.chunk", AnswerParts.Now(), model.Name, AnswerParts.SystemFingerprint(model.Model), [])
        {
            Usage = includesUsage ? OptionalUsage.Later : default,
        };
        _logprobs = [.. Enumerable.Range(0, count).Select(_ => new List<WireLogprob>())];
        _begun = new bool[count];
    }

    /// <summary>Writes what a token adds.</summary>
    public void Take(int index, in GeneratedToken token)
    {
        Begin(index);
        _tokens++;
        if (AnswerParts.Logprob(_tokenizer, token) is WireLogprob logprob)
        {
            _logprobs[index].Add(logprob);
        }

        if (token.Text.Length > 0)
        {
            Send(index, new Delta { Content = token.Text });
        }

        if (token.ToolCalls is { } calls)
        {
            for (int i = 0; i < calls.Count; i++)
            {
                // Name and id come once, and together; what follows is told apart by its index.
                Send(index, new Delta { ToolCalls = [new WireToolCall(i, calls[i].Id, "function", new WireFunction(calls[i].Name, ""))] });
                Send(index, new Delta { ToolCalls = [new WireToolCall(i, null, null, new WireFunction(null, calls[i].Arguments))] });
            }
        }

        if (token.StopReason is StopReason reason)
        {
            Send(index, new Delta(), AnswerParts.FinishReason(reason));
        }
    }

    /// <summary>Writes what follows the last token.</summary>
    public void End(IReadOnlyList<GenerationStatistics> statistics)
    {
        if (_includesUsage)
        {
            Write(_template with { Usage = new OptionalUsage(true, AnswerParts.Usage(statistics)), Timings = Timings.Of(statistics[0]) });
        }

        _stream.Done();
    }

    void Begin(int index)
    {
        if (!_begun[index])
        {
            _begun[index] = true;
            _clock.Start();
            Send(index, new Delta { Role = "assistant", Content = "" }, withLogprobs: false);
        }
    }

    void Send(int index, Delta delta, string? finishReason = null, bool withLogprobs = true)
    {
        ChoiceLogprobs? logprobs = null;
        if (withLogprobs && _logprobs[index].Count > 0)
        {
            logprobs = new ChoiceLogprobs([.. _logprobs[index]], null);
            _logprobs[index].Clear();
        }

        ChatChunk chunk = _template with { Choices = [new ChunkChoice(index, delta, logprobs, finishReason)] };
        Write(_timesTokens ? chunk with { Timings = SoFar() } : chunk);
    }

    Timings SoFar()
    {
        double milliseconds = _clock.Elapsed.TotalMilliseconds;
        return new Timings(0, 0, 0, 0, _tokens, milliseconds, milliseconds > 0 ? _tokens / milliseconds * 1000 : 0);
    }

    void Write(ChatChunk chunk) => _stream.Event(chunk, OpenAIJson.Default.ChatChunk);
}
