using System.Diagnostics;
using System.Threading.Channels;
using GemmaSharp.Model.Text;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp.Generation;

/// <summary>One answer in the making: a prompt to feed, then tokens to draw, until something ends it.</summary>
/// <remarks>Driven by the engine's thread alone; the reader sees only <see cref="Output"/> and, once it is complete, the statistics.</remarks>
sealed class GenerationJob
{
    readonly SequenceState _sequence;
    readonly EncodedPrompt _prompt;
    readonly GenerationOptions _options;
    readonly Sampler _sampler;
    readonly HashSet<int> _eos;
    readonly Func<int, AdapterSet, ReadOnlyMemory<float>> _hardEmbedding;
    readonly StreamingDetokenizer _detokenizer;
    readonly StopMatcher _stops;
    readonly int _limit;
    readonly StopReason _limitReason;
    readonly CancellationToken _cancellationToken;
    readonly Channel<GeneratedToken> _channel = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
    readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly long _start = Stopwatch.GetTimestamp();
    int _fed;
    int _pending = -1;
    int _answerTokens;
    int _chunk;
    long _promptDone;

    public GenerationJob(
        SequenceState sequence, EncodedPrompt prompt, GenerationOptions options, Sampler sampler, HashSet<int> eos, Tokenizer tokenizer,
        Func<int, AdapterSet, ReadOnlyMemory<float>> hardEmbedding, int contextLength, CancellationToken cancellationToken)
    {
        _sequence = sequence;
        _prompt = prompt;
        _options = options;
        _sampler = sampler;
        _eos = eos;
        _hardEmbedding = hardEmbedding;
        _detokenizer = new StreamingDetokenizer(tokenizer);
        _stops = new StopMatcher(options.Stop);
        _cancellationToken = cancellationToken;
        _fed = ReusedTokens = sequence.KeepCommonPrefix(prompt);
        int room = contextLength - prompt.Ids.Length;
        _limit = Math.Min(options.MaxTokens ?? room, room);
        _limitReason = options.MaxTokens is int max && max <= room ? StopReason.MaxTokens : StopReason.ContextFull;
    }

    /// <summary>Tokens as they come; completes with the answer, or with the exception that ended it.</summary>
    public ChannelReader<GeneratedToken> Output => _channel.Reader;

    /// <summary>Completes when the engine no longer touches the sequence.</summary>
    public Task Released => _released.Task;

    /// <summary>Whether the prompt is done and tokens are being drawn.</summary>
    public bool Answering => _pending >= 0;

    /// <summary>Whether the job is over.</summary>
    public bool Ended { get; private set; }

    /// <summary>Prompt tokens found in the cache.</summary>
    public int ReusedTokens { get; }

    /// <summary>What was done and how long it took; final once <see cref="Released"/> has completed.</summary>
    public GenerationStatistics Statistics { get; private set; } = new();

    /// <summary>Ends the job if its reader gave up or the engine closes.</summary>
    public bool EndIfCancelled(bool closing)
    {
        if (!Ended && (closing || _cancellationToken.IsCancellationRequested))
        {
            End(_cancellationToken.IsCancellationRequested
                ? new OperationCanceledException(_cancellationToken)
                : new ObjectDisposedException(nameof(GemmaModel), "The model was disposed while it answered."));
        }

        return Ended;
    }

    /// <summary>Adds the next rows: the pending token, or as much of the prompt as fits.</summary>
    public void AddTo(TextStep step, int room)
    {
        if (Answering)
        {
            _chunk = 1;
            ReadOnlyMemory<float> hard = _hardEmbedding(_pending, _sequence.Adapters);
            step.Add(_sequence.Cache, [_pending], 1, hard.IsEmpty ? null : [new EmbeddingRows(0, hard)], _sequence.Adapters);
            return;
        }

        _chunk = Math.Min(Math.Min(room, _sequence.Cache.MaxStepRows), _prompt.Ids.Length - _fed);
        bool last = _fed + _chunk == _prompt.Ids.Length;
        step.Add(_sequence.Cache, _prompt.Ids.AsSpan(_fed, _chunk), last ? 1 : 0, _prompt.Rows(_fed, _chunk), _sequence.Adapters);
    }

    /// <summary>Takes the outcome of a step: the rows are in the cache, and if the last row's logits were wanted, the next token is drawn.</summary>
    public void Fed(ReadOnlySpan<float> logits)
    {
        if (Answering)
        {
            _sequence.Append(_pending, 0);
        }
        else
        {
            for (int i = _fed; i < _fed + _chunk; i++)
            {
                _sequence.Append(_prompt.Ids[i], _prompt.ContentHash(i));
            }

            _fed += _chunk;
        }

        if (logits.IsEmpty)
        {
            return;
        }

        if (_promptDone == 0)
        {
            _promptDone = Stopwatch.GetTimestamp();
        }

        try
        {
            Draw(logits);
        }
        catch (GenerationException error)
        {
            End(error);
        }
    }

    /// <summary>Ends the job with an error.</summary>
    public void Fail(Exception error) => End(error);

    void Draw(ReadOnlySpan<float> logits)
    {
        int id = _sampler.Next(logits);
        _answerTokens++;
        float? logprob = null;
        TokenLogprob[]? top = null;
        if (_options.Logprobs is int wanted)
        {
            (logprob, top) = Sampler.Logprobs(logits, id, wanted);
        }

        StopReason? reason = null;
        string text = "";
        if (_eos.Contains(id))
        {
            reason = StopReason.EndOfTurn;
        }
        else
        {
            text = _stops.Push(_detokenizer.Append(id));
            reason = _stops.Stopped ? StopReason.StopText : _answerTokens >= _limit ? _limitReason : null;
        }

        if (reason is not null && !_stops.Stopped)
        {
            text += _stops.Push(_detokenizer.Flush());
            text += _stops.Flush();
        }

        _pending = id;
        if (reason is not null)
        {
            // Statistics first: the reader looks at them as soon as it has the last token.
            Measure();
        }

        _channel.Writer.TryWrite(new GeneratedToken(id, text, reason, logprob, top));
        if (reason is not null)
        {
            End(null);
        }
    }

    void End(Exception? error)
    {
        if (Ended)
        {
            return;
        }

        Ended = true;
        Measure();
        _channel.Writer.TryComplete(error);
        _released.TrySetResult();
    }

    void Measure()
    {
        long now = Stopwatch.GetTimestamp(), promptDone = _promptDone == 0 ? now : _promptDone;
        Statistics = new GenerationStatistics
        {
            PromptTokens = _prompt.Ids.Length,
            ReusedTokens = ReusedTokens,
            AnswerTokens = _answerTokens,
            TimeToFirstToken = Stopwatch.GetElapsedTime(_start, promptDone),
            AnswerTime = Stopwatch.GetElapsedTime(promptDone, now),
        };
    }
}
