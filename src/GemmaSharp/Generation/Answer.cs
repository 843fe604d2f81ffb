using System.Diagnostics;
using GemmaSharp.Generation.Drafts;
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

    /// <summary>How often one token may come in a row where a form keeps the model from ending: then it goes round in circles.</summary>
    public const int MostRepeated = 64;

    readonly GemmaModel _model;
    readonly PromptSource _source;
    readonly GenerationOptions _options;
    readonly HashSet<int> _eos;
    readonly StreamingDetokenizer _detokenizer;
    readonly StopMatcher _stops;
    readonly AnswerForm? _form;
    readonly List<int> _forced = [];
    readonly Func<int, double> _cost;
    Drafter? _drafter;
    readonly TokenQueue _tokens = new();
    readonly TaskCompletionSource _admitted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    AnswerTimes _times;
    int _promptTokens;
    int _imageTokens;
    int _audioTokens;
    int _reusedTokens;
    int _answerTokens;
    int _forcedTokens;
    int _draftedTokens;
    int _acceptedTokens;
    int _lastId = -1;
    int _repeated;
    bool _ended;
    StopReason? _reason;
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
        _times = new AnswerTimes(model.Name);
        _model = model;
        Place = place;
        _source = prompt;
        _options = options.Resolved(model.GenerationDefaults);
        _options = _options with { Speculation = _options.Speculation ?? model.Speculation };
        _options.Validate();
        _options.RequireVocabulary(model.Config.TextConfig.VocabSize);
        Seed = _options.Seed ?? (ulong)Random.Shared.NextInt64();
        _eos = [.. model.GenerationDefaults.EosTokenId];

        // Fine-tunes often name their end in tokenizer_config.json alone.
        if (model.Tokenizer.EosTokenId is int endOfSequence)
        {
            _eos.Add(endOfSequence);
        }

        if (model.ChatTemplate.HasTemplate && model.Tokenizer.EndOfTurnTokenId is int endOfTurn)
        {
            _eos.Add(endOfTurn);
        }

        _detokenizer = new StreamingDetokenizer(model.Tokenizer);
        _stops = new StopMatcher(_options.Stop);
        _cost = CostOf;
        _form = AnswerForm.IsWanted(_options) ? new AnswerForm(_options, model.Tokenizer, model.Config.TextConfig.VocabSize, _eos) : null;
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
        _times.Begun = Stopwatch.GetTimestamp();
        _admitted.TrySetResult();
    }

    protected override IEnumerable<Feed> Run()
    {
        foreach (Feed feed in _source.Encode(_model.Encoder, Place.Adapters))
        {
            yield return feed;
        }

        EncodedPrompt prompt = _source.Prompt;
        _times.Encoded = Stopwatch.GetTimestamp();
        _times.HasMedia = prompt.Soft.Count > 0;
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

        _times.Prefilled = Stopwatch.GetTimestamp();
        var sampler = new Sampler(_options, Seed, prompt.Ids, Ends());
        _drafter = _options.Speculation == 0 ? null : new Drafter(prompt.Ids, _options.Speculation);
        try
        {
            foreach (Feed feed in Draw(sampler, sequence))
            {
                yield return feed;
            }
        }
        finally
        {
            // Told to stop after a step: what it guessed is nobody's.
            Reject(sequence, Guessed);
        }
    }

    /// <summary>Draws tokens and feeds them, those that must follow and a draft of those that may come then in one step with them.</summary>
    IEnumerable<Feed> Draw(Sampler sampler, SequenceState sequence)
    {
        // Taken and not yet in the cache; and what a step is fed, its guesses last.
        var ids = new List<int>();
        int[] rows = new int[Feed.MostTokens];
        Verify(sampler, sequence, default, ids);
        while (!_ended)
        {
            _form?.Prepare(sampler);
            ReadOnlyMemory<float> embedding = _model.Encoder.HardEmbedding(ids[0], Place.Adapters);
            int count = 0;
            for (int start = 0; start < ids.Count; start += count, embedding = default)
            {
                count = Math.Min(ids.Count - start, rows.Length);
                ids.CopyTo(start, rows, 0, count);
                int guesses = start + count == ids.Count ? Draft(rows.AsSpan(count)) : 0;
                yield return Feed.Tokens(rows.AsMemory(0, count + guesses), embedding, guesses);
            }

            ids.Clear();
            Verify(sampler, sequence, rows.AsSpan(count, Guessed), ids);
        }
    }

    /// <summary>Guesses the next tokens: none that would have to be the last, or whose row is not the table's.</summary>
    int Draft(Span<int> destination)
    {
        int left = Math.Min(_options.MaxTokens ?? int.MaxValue, _model.ContextLength - _promptTokens) - _answerTokens;
        int count = _drafter?.Draft(destination[..Math.Clamp(left - 1, 0, destination.Length)], _cost) ?? 0;
        for (int i = 0; i < count; i++)
        {
            if (_eos.Contains(destination[i]) || _model.Encoder.IsHard(destination[i]))
            {
                return i;
            }
        }

        return count;
    }

    /// <summary>
    /// Draws a token, and as long as tokens are those that were guessed, the next one from the logits behind the guess: each from the logits that it would
    /// have been drawn from without guesses, with the random number that it would have had.
    /// </summary>
    /// <param name="sampler">Who draws.</param>
    /// <param name="sequence">Its last tokens are the guesses; those that are not the answer's are taken out.</param>
    /// <param name="guesses">What was guessed.</param>
    /// <param name="ids">Receives the tokens that are not in the sequence.</param>
    void Verify(Sampler sampler, SequenceState sequence, ReadOnlySpan<int> guesses, List<int> ids)
    {
        _draftedTokens += guesses.Length;
        int right = 0, kept = 0;
        while (!_ended && ids.Count == 0)
        {
            // What an answer ends with is not fed, and so does not stay.
            kept = right;
            ReadOnlySpan<float> logits = LogitsAfter(right);
            int id = _form is null ? sampler.Choose(logits) : _form.Choose(sampler, logits);
            Put(id, isForced: false, logits, guesses);
            _forced.Clear();
            if (!_ended)
            {
                _form?.Forced(_forced);
            }

            // They go through the model in one step with the token before them.
            for (int i = 0; i < _forced.Count && !_ended; i++)
            {
                Put(_forced[i], isForced: true, default, guesses);
            }
        }

        Reject(sequence, guesses.Length - (_ended ? kept : right));

        void Put(int taken, bool isForced, ReadOnlySpan<float> logits, ReadOnlySpan<int> guesses)
        {
            if (ids.Count == 0 && right < guesses.Length && guesses[right] == taken)
            {
                right++;
                _acceptedTokens++;
            }
            else
            {
                ids.Add(taken);
            }

            _drafter?.Add(taken);
            Take(sampler, taken, isForced, logits);
        }
    }

    /// <summary>Takes guesses out of the sequence.</summary>
    void Reject(SequenceState sequence, int wrong)
    {
        Guessed = 0;
        if (wrong > 0)
        {
            sequence.CutTo(sequence.Length - wrong);
        }
    }

    /// <summary>Takes a token of the answer and gives it to the reader, with the text it completes.</summary>
    void Take(Sampler sampler, int id, bool isForced, ReadOnlySpan<float> logits)
    {
        sampler.Count(id);
        _answerTokens++;
        _forcedTokens += isForced ? 1 : 0;
        _repeated = id == _lastId ? _repeated + 1 : 1;
        _lastId = id;
        float? logprob = null;
        TokenLogprob[]? top = null;
        if (_options.Logprobs is int wanted && !isForced)
        {
            (logprob, top) = Sampler.Logprobs(logits, id, wanted);
        }

        // A stop text that the form demands is no end.
        string text = _eos.Contains(id) ? "" : _detokenizer.Append(id);
        text = _eos.Contains(id) ? text : _form?.Push(id, text) ?? text;
        text = isForced ? _stops.Flush() + text : _stops.Push(text);
        IReadOnlyList<ToolCall>? calls = null;
        StopReason? reason = Reason(id);
        if (reason is not null)
        {
            _ended = true;
            _reason = reason;
            if (!_stops.Stopped)
            {
                string rest = _detokenizer.Flush();
                text += _stops.Push(_form?.Finish(rest, out calls) ?? rest);
                text += _stops.Flush();
                reason = _reason = calls is null ? reason : StopReason.ToolCalls;
            }

            // Statistics first: the reader looks at them as soon as it has the last token.
            Measure();
        }

        _tokens.Add(new GeneratedToken(id, text, reason, logprob, top)
        {
            IsForced = isForced,
            ToolCalls = calls,
            StopText = reason is StopReason.StopText ? _stops.Found : null,
        });
    }

    StopReason? Reason(int id) =>
        _eos.Contains(id) || _form?.MustEnd == true ? StopReason.EndOfTurn
        : _stops.Stopped ? StopReason.StopText
        : _form?.IsKept == true && _repeated >= MostRepeated ? StopReason.Repetition
        : AtLimit();

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
            if (_times.Begun != 0)
            {
                Place.Leave();
                _model.Engine.Admission.Left(this, Stopwatch.GetElapsedTime(_times.Begun));
            }

            Measure();
            _times.Ended = Stopwatch.GetTimestamp();
            Telemetry.Answered(_times, Statistics, _reason, error);
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
        long now = Stopwatch.GetTimestamp(), promptDone = _times.Prefilled == 0 ? now : _times.Prefilled;
        Statistics = new GenerationStatistics
        {
            PromptTokens = _promptTokens,
            ReusedTokens = _reusedTokens,
            ImageTokens = _imageTokens,
            AudioTokens = _audioTokens,
            AnswerTokens = _answerTokens,
            ForcedTokens = _forcedTokens,
            DraftedTokens = _draftedTokens,
            AcceptedTokens = _acceptedTokens,
            QueueTime = _times.At(_times.Begun == 0 ? now : _times.Begun),
            TimeToFirstToken = _times.At(promptDone),
            AnswerTime = Stopwatch.GetElapsedTime(promptDone, now),
        };
    }
}
