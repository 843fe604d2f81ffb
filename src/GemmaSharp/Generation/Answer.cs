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
        var ids = new List<int>();
        int[] rows = new int[Feed.MostTokens];
        TakeForced(sampler, ids);
        while (!_ended)
        {
            if (ids.Count == 0)
            {
                int id = _form is null ? sampler.Choose(Logits) : _form.Choose(sampler, Logits);
                ids.Add(id);
                Take(sampler, id, isForced: false);
                TakeForced(sampler, ids);
            }

            if (!_ended)
            {
                _form?.Prepare(sampler);
                ReadOnlyMemory<float> embedding = _model.Encoder.HardEmbedding(ids[0], Place.Adapters);
                for (int start = 0, count; start < ids.Count; start += count, embedding = default)
                {
                    count = Math.Min(ids.Count - start, rows.Length);
                    ids.CopyTo(start, rows, 0, count);
                    yield return Feed.Tokens(rows.AsMemory(0, count), embedding);
                }

                ids.Clear();
            }
        }
    }

    /// <summary>Takes what must come next: it need not be drawn, and goes through the model in one step with the token before it.</summary>
    void TakeForced(Sampler sampler, List<int> ids)
    {
        if (_form is null || _ended)
        {
            return;
        }

        _form.Forced(_forced);
        for (int i = 0; i < _forced.Count && !_ended; i++)
        {
            ids.Add(_forced[i]);
            Take(sampler, _forced[i], isForced: true);
        }
    }

    /// <summary>Takes a token of the answer and gives it to the reader, with the text it completes.</summary>
    void Take(Sampler sampler, int id, bool isForced)
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
            (logprob, top) = Sampler.Logprobs(Logits, id, wanted);
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
            QueueTime = _times.At(_times.Begun == 0 ? now : _times.Begun),
            TimeToFirstToken = _times.At(promptDone),
            AnswerTime = Stopwatch.GetElapsedTime(promptDone, now),
        };
    }
}
