using System.Diagnostics;
using GemmaSharp.Prompting.Tokenization;

namespace GemmaSharp.Generation;

/// <summary>One answer: a token's journey from the conversation to the reader, as one iterator that the engine pumps.</summary>
/// <remarks>
/// <see cref="Run"/> belongs to the engine's thread. Of the rest, the reader, one at a time, uses <see cref="TryRead"/>, <see cref="WaitToReadAsync"/>,
/// <see cref="Released"/> and, once the last token has been read or it is released, <see cref="Statistics"/>.
/// </remarks>
sealed class Answer : Work
{
    /// <summary>How many tokens it may be ahead of its reader: seconds, but not the whole context for a reader that never comes back.</summary>
    public const int MostUnread = 256;

    readonly GemmaModel _model;
    readonly PromptSource _source;
    readonly GenerationOptions _options;
    readonly HashSet<int> _eos;
    readonly StreamingDetokenizer _detokenizer;
    readonly StopMatcher _stops;
    readonly TokenQueue _tokens = new();
    readonly TaskCompletionSource _admitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly long _start = Stopwatch.GetTimestamp();
    int _promptTokens;
    int _imageTokens;
    int _audioTokens;
    int _reusedTokens;
    int _answerTokens;
    long _begun;
    long _promptDone;
    bool _heldUp;

    /// <summary>Prepares an answer.</summary>
    /// <param name="model">Who answers.</param>
    /// <param name="place">Where its sequence comes from; the engine's from <see cref="InferenceEngine.Submit(IReadOnlyList{Answer})"/> until
    /// <see cref="Released"/>.</param>
    /// <param name="prompt">What is answered.</param>
    /// <param name="options">How to draw.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public Answer(GemmaModel model, SequencePlace place, PromptSource prompt, GenerationOptions options)
    {
        _model = model;
        Place = place;
        _source = prompt;
        _options = options.Resolved(model.GenerationDefaults);
        _options.Validate();
        _options.RequireVocabulary(model.Config.TextConfig.VocabSize);
        Seed = _options.Seed ?? (ulong)Random.Shared.NextInt64();
        _eos = [.. model.GenerationDefaults.EosTokenId];
        if (model.ChatTemplate.HasTemplate && model.Tokenizer.EndOfTurnTokenId is int endOfTurn)
        {
            _eos.Add(endOfTurn);
        }

        _detokenizer = new StreamingDetokenizer(model.Tokenizer);
        _stops = new StopMatcher(_options.Stop);
    }

    /// <summary>Where its sequence comes from.</summary>
    public SequencePlace Place { get; }

    public override SequenceState? Sequence => Place.Sequence;

    public override bool IsHeldUp => IsParked || IsBehind;

    /// <summary>Whether the reader is too far behind. It may go on when half of what waits has been read.</summary>
    public bool IsBehind => _heldUp = _tokens.Count > (_heldUp ? MostUnread / 2 : MostUnread - 1);

    /// <summary>Whether another answer is computed in its place while its reader was behind.</summary>
    public bool IsParked { get; set; }

    /// <summary>Whether its ids are there, without which nobody knows what it needs.</summary>
    public bool IsPlanned => _source.Planned.IsCompletedSuccessfully;

    /// <summary>Completes when it has been let in; faults with what ended it before.</summary>
    public Task Admitted => _admitted.Task;

    /// <summary>The seed it is drawn with.</summary>
    public ulong Seed { get; }

    /// <summary>Completes when the engine no longer touches the sequence.</summary>
    public Task Released => _released.Task;

    /// <summary>What was done and how long it took.</summary>
    public GenerationStatistics Statistics { get; private set; } = new();

    /// <inheritdoc cref="TokenQueue.WaitAsync"/>
    public ValueTask<bool> WaitToReadAsync() => _tokens.WaitAsync();

    /// <summary>Reads the next token if there is one.</summary>
    public bool TryRead(out GeneratedToken token)
    {
        bool read = _tokens.TryTake(out token, out int left);
        if (read && left == MostUnread / 2)
        {
            Wake();
        }

        return read;
    }

    /// <summary>Asks for a place in memory.</summary>
    /// <param name="othersEnd">Whether answers run whose readers keep up, so that they will end.</param>
    /// <returns>False when it has to wait.</returns>
    /// <exception cref="GenerationException">It needs more than there ever will be.</exception>
    public bool TryEnter(bool othersEnd)
    {
        _promptTokens = _source.Ids.Length;
        int end = (int)Math.Min(_model.ContextLength, (long)_promptTokens + (_options.MaxTokens ?? _model.ContextLength));
        return Place.TryEnter(_source, end, othersEnd);
    }

    /// <summary>Notes that it has been let in.</summary>
    public void Admit()
    {
        _begun = Stopwatch.GetTimestamp();
        _admitted.TrySetResult();
    }

    protected override IEnumerable<Feed> Run()
    {
        foreach (Feed feed in _source.Encode(_model.Encoder, Place.Adapters))
        {
            yield return feed;
        }

        EncodedPrompt prompt = _source.Prompt;
        _imageTokens = prompt.Ids.Count(_model.Config.ImageTokenId);
        _audioTokens = prompt.Ids.Count(_model.Config.AudioTokenId);
        foreach (Feed feed in Place.Begin(prompt))
        {
            yield return feed;
        }

        SequenceState sequence = Sequence!;
        _reusedTokens = sequence.Length;
        while (sequence.Length < prompt.Ids.Length)
        {
            yield return Feed.RestOf(prompt);
            Place.Advanced();
        }

        _promptDone = Stopwatch.GetTimestamp();
        var sampler = new Sampler(_options, Seed, prompt.Ids, Ends());
        while (true)
        {
            int id = sampler.Next(Logits);
            if (Emit(id))
            {
                yield break;
            }

            yield return Feed.Token(id, _model.Encoder.HardEmbedding(id, Place.Adapters));
        }
    }

    /// <summary>Gives the reader a token with the text it completes.</summary>
    /// <returns>Whether it was the last.</returns>
    bool Emit(int id)
    {
        _answerTokens++;
        float? logprob = null;
        TokenLogprob[]? top = null;
        if (_options.Logprobs is int wanted)
        {
            (logprob, top) = Sampler.Logprobs(Logits, id, wanted);
        }

        bool ends = _eos.Contains(id);
        string text = ends ? "" : _stops.Push(_detokenizer.Append(id));
        StopReason? reason = ends ? StopReason.EndOfTurn : _stops.Stopped ? StopReason.StopText : AtLimit();
        if (reason is not null)
        {
            if (!_stops.Stopped)
            {
                text += _stops.Push(_detokenizer.Flush());
                text += _stops.Flush();
            }

            // Statistics first: the reader looks at them as soon as it has the last token.
            Measure();
        }

        _tokens.Add(new GeneratedToken(id, text, reason, logprob, top));
        return reason is not null;
    }

    StopReason? AtLimit() =>
        _answerTokens >= _options.MaxTokens ? StopReason.MaxTokens
        : _answerTokens >= _model.ContextLength - _promptTokens ? StopReason.ContextFull
        : null;

    protected override void Stopped()
    {
        // While it waits nobody else has it, and it need not wait for the engine to see that.
        if (_model.Engine.Admission.TryRemove(this))
        {
            End(EndReason);
        }
        else
        {
            Wake();
        }
    }

    protected override void Complete(Exception? error)
    {
        try
        {
            if (_begun != 0)
            {
                Place.Leave();
                _model.Engine.Admission.Left(this, Stopwatch.GetElapsedTime(_begun));
            }

            Measure();
        }
        finally
        {
            CompleteAdmission(error);
            _tokens.Complete(error);
            _released.TrySetResult();
        }
    }

    void CompleteAdmission(Exception? error)
    {
        if (error is OperationCanceledException cancelled)
        {
            _admitted.TrySetCanceled(cancelled.CancellationToken);
        }
        else if (error is not null && _admitted.TrySetException(error))
        {
            // The reader gets it as well; nobody has to look here.
            _ = _admitted.Task.Exception;
        }
    }

    int[] Ends() => [.. _eos.Where(id => id < _model.Config.TextConfig.VocabSize)];

    void Measure()
    {
        long now = Stopwatch.GetTimestamp(), promptDone = _promptDone == 0 ? now : _promptDone;
        Statistics = new GenerationStatistics
        {
            PromptTokens = _promptTokens,
            ReusedTokens = _reusedTokens,
            ImageTokens = _imageTokens,
            AudioTokens = _audioTokens,
            AnswerTokens = _answerTokens,
            QueueTime = Stopwatch.GetElapsedTime(_start, _begun == 0 ? now : _begun),
            TimeToFirstToken = Stopwatch.GetElapsedTime(_start, promptDone),
            AnswerTime = Stopwatch.GetElapsedTime(promptDone, now),
        };
    }
}
