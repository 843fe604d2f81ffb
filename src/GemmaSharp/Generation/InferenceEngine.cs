using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Generation;

/// <summary>
/// The one thread that computes: it runs answers, encodings and traces side by side, piece by piece, and batches the rows they want into steps of the text
/// model.
/// </summary>
/// <remarks>
/// <para>
/// A turn is: end what was told to stop; move on, for a bounded time, what computes by itself (towers, traces); then one step, which holds one token of each
/// answering conversation and, in the room that is left, chunks of prompts. While somebody waits for tokens neither half lasts much longer than
/// <see cref="StepBudget.Slice"/>.
/// </para>
/// <para>
/// A failure is that of one piece of work. When a step fails, every sequence in it is taken back to where it was, and the pieces run one by one: those that
/// fail alone are the guilty ones.
/// </para>
/// <para>Answers are let in by <see cref="Admission"/>; where they have no sequence of their own they get one out of the <see cref="PrefixPool"/>.</para>
/// <para><see cref="Submit(Work)"/>, <see cref="Wake"/>, <see cref="ScratchBytes"/> and <see cref="Dispose"/> may be called from any thread, the engine's own
/// included.</para>
/// </remarks>
sealed class InferenceEngine : IDisposable
{
    /// <summary>The most rows of a step where memory is not short.</summary>
    public const int MaxStepRows = StepBudget.MaxRows;

    readonly TextPass _pass;
    readonly TimeProvider _clock;
    readonly Action _release;
    readonly StepBudget _budget;
    readonly StepCost _cost = new();
    readonly Thread _thread;

    // Guarded by the gate, which the engine waits at when there is nothing to do.
    readonly object _gate = new();
    readonly Queue<Work> _arrivals = new();
    bool _woken;
    volatile bool _closing;

    // The engine's own.
    readonly List<Work> _active = [];
    readonly TextStep _step = new();
    readonly List<Part> _parts = [];
    TimeSpan _stepTime;
    int _answers;
    int _nextPiece;
    int _nextToken;
    bool _idle;
    long _scratchBytes;
    (int Rows, int LogitsRows) _largest;

    /// <summary>Starts the engine.</summary>
    /// <param name="model">What its steps run.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="clock">Measures steps.</param>
    /// <param name="admission">Lets answers in.</param>
    /// <param name="prefixes">What answers begin with; freed by the engine.</param>
    /// <param name="release">Called on the engine's thread when it will never compute again: frees what it computed with.</param>
    /// <param name="stepRows">The most rows of a step.</param>
    public InferenceEngine(
        TextModel model, WorkerTeam team, TimeProvider clock, Admission admission, PrefixPool prefixes, Action release, int stepRows = MaxStepRows)
    {
        _budget = new StepBudget(stepRows);
        Admission = admission;
        Prefixes = prefixes;
        _pass = model.NewPass(team);
        _clock = clock;
        _release = release;
        Forward = step => model.Forward(step, _pass);
        Telemetry.Open(this);
        _thread = new Thread(Loop) { IsBackground = true, Name = "GemmaSharp engine" };
        _thread.UnsafeStart();
    }

    /// <summary>Runs a step. Tests put themselves around it, to count, to take time or to fail.</summary>
    public Action<TextStep> Forward { get; set; }

    /// <summary>The most rows of a step, and so the most that a session's cache takes at once.</summary>
    public int StepRows => _budget.Rows;

    /// <summary>Lets answers in.</summary>
    public Admission Admission { get; }

    /// <summary>What answers begin with.</summary>
    public PrefixPool Prefixes { get; }

    /// <summary>Bytes of scratch held.</summary>
    public long ScratchBytes => Volatile.Read(ref _scratchBytes);

    /// <summary>What guesses of one of those who answered in the last step cost, as of <see cref="StepCost.OfGuesses"/>; for the engine's thread.</summary>
    public double CostOf(int guesses) => _cost.OfGuesses(Math.Max(1, _answers), guesses);

    /// <summary>Whether it has been told to end.</summary>
    public bool IsClosing => _closing;

    /// <summary>Whether the caller is a callback on the engine's own thread, which must not wait for the engine.</summary>
    public bool IsOwnThread => Thread.CurrentThread == _thread;

    /// <summary>The error of everything that a disposed model cannot do.</summary>
    public static ObjectDisposedException Closed() => new(nameof(GemmaModel), "The model has been disposed; load it again.");

    /// <summary>Hands work to the engine.</summary>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public void Submit(Work work) => Submit([work], () => _arrivals.Enqueue(work));

    /// <summary>Hands answers to the engine, which lets them in when their turn comes: all of them or none.</summary>
    /// <exception cref="OverloadedException">Too many wait.</exception>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public void Submit(IReadOnlyList<Answer> answers)
    {
        Submit(answers, () => Admission.Enter(answers));

        // Who was told to stop before could not leave the queue yet.
        foreach (Answer answer in answers)
        {
            if (answer.EndReason is Exception reason && Admission.TryRemove(answer))
            {
                answer.End(reason);
            }
        }
    }

    void Submit(IReadOnlyList<Work> works, Action enter)
    {
        try
        {
            lock (_gate)
            {
                if (_closing)
                {
                    throw Closed();
                }

                foreach (Work work in works)
                {
                    work.JoinEngine(this);
                }

                enter();
                _woken = true;
                Monitor.Pulse(_gate);
            }
        }
        catch (Exception error)
        {
            foreach (Work work in works)
            {
                work.End(error);
            }

            throw;
        }
    }

    /// <summary>Hands a request to the engine.</summary>
    /// <param name="pieces">As of <see cref="Request{T}"/>.</param>
    /// <param name="cancellationToken">Ends it between two pieces.</param>
    /// <exception cref="ObjectDisposedException">The model has been disposed.</exception>
    public Task<T> Submit<T>(Func<Request<T>, IEnumerable<T?>> pieces, CancellationToken cancellationToken)
        where T : class
    {
        var request = new Request<T>(pieces);
        request.StopOn(cancellationToken);
        Submit(request);
        return request.Result;
    }

    /// <summary>Waits for a result of the engine's.</summary>
    /// <exception cref="InvalidOperationException">The caller is the engine's own thread, which would wait for itself.</exception>
    public T Wait<T>(Func<Task<T>> result)
    {
        if (IsOwnThread)
        {
            throw new InvalidOperationException(
                "This was called from a callback of the model's, such as a trace, which the model waits for; call it from another thread.");
        }

        return result().GetAwaiter().GetResult();
    }

    /// <summary>Has the engine look again at who can go on.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            _woken = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>A row of the last step's logits, <c>[V]</c>.</summary>
    public ReadOnlySpan<float> Logits(int row) => _pass.Logits[row];

    /// <summary>
    /// Ends all work and waits until the thread has freed everything; on the engine's own thread it only asks for that, since the caller must return first.
    /// </summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.Pulse(_gate);
        }

        if (!IsOwnThread)
        {
            _thread.Join();
        }
    }

    void Loop()
    {
        bool open = true;
        while (open)
        {
            try
            {
                open = Await();
                if (open)
                {
                    Turn();
                }
            }
            catch (Exception error)
            {
                // Nobody's own: it comes from between the pieces, for want of a little memory most likely. Those in the step, or else all, must not try again
                // for ever.
                EndAfter(error);
            }
        }

        EndAll();
        Telemetry.Close(this);
        Prefixes.Dispose();
        _pass.Dispose();
        Volatile.Write(ref _scratchBytes, 0);
        _release();
    }

    /// <summary>Waits for something to do and takes in what has arrived.</summary>
    /// <returns>False when the engine ends.</returns>
    bool Await()
    {
        lock (_gate)
        {
            while (_idle && !_woken && !_closing)
            {
                Monitor.Wait(_gate);
            }

            _woken = false;
            while (!_closing && _arrivals.Count > 0)
            {
                _active.EnsureCapacity(_active.Count + 1);
                _active.Add(_arrivals.Dequeue());
            }
        }

        return !_closing;
    }

    void Turn()
    {
        foreach (Work work in _active)
        {
            if (work.EndReason is Exception reason)
            {
                work.End(reason);
            }
        }

        _active.RemoveAll(static work => work.Ended);
        Admission.Admit(_active);
        bool moved = RunPieces();
        bool stepped = RunStep();
        _active.RemoveAll(static work => work.Ended);
        _idle = !moved && !stepped;
    }

    /// <summary>
    /// Moves on what computes by itself, in turns: for a slice where steps wait, or for as long as the last step took, which shares the time fairly where
    /// nobody waits for tokens.
    /// </summary>
    bool RunPieces()
    {
        if (NextPiece() is not Work work)
        {
            return false;
        }

        bool answering = _active.Exists(static other => other.Feed.Kind == FeedKind.Tokens && !other.IsHeldUp);
        TimeSpan slice = answering || _stepTime < StepBudget.Slice ? StepBudget.Slice : _stepTime;
        long start = _clock.GetTimestamp();
        do
        {
            work.Advance();
        }
        while (!_closing && _clock.GetElapsedTime(start) < slice && (work = NextPiece()!) is not null);

        return true;
    }

    /// <summary>The next work in turn that wants no rows.</summary>
    Work? NextPiece()
    {
        for (int i = 0; i < _active.Count; i++)
        {
            Work work = _active[(_nextPiece + i) % _active.Count];
            if (!work.Ended && work.Feed.Kind == FeedKind.Pause && work.Feed.IsReady)
            {
                _nextPiece = (_nextPiece + i + 1) % _active.Count;
                return work;
            }
        }

        return null;
    }

    bool RunStep()
    {
        _step.Clear();
        _parts.Clear();

        // Answers come first, so that a long prompt delays them by one step at most; prompts share what is left in order of arrival.
        int count = _active.Count, first = count == 0 ? 0 : _nextToken % count, share = StepBudget.MaxGuesses / Math.Max(1, _answers);
        _answers = 0;
        for (int i = 0; i < count; i++)
        {
            Work work = _active[(first + i) % count];
            if (work.Feed.Kind == FeedKind.Tokens && !work.IsHeldUp)
            {
                int left = StepRows - _step.Rows - work.Feed.Certain;
                if (left < 0)
                {
                    break;
                }

                // More conversations than a step has rows take turns.
                _nextToken = first + i + 1;
                _answers++;
                Add(work, work.Feed.Certain + Math.Min(work.Feed.Guesses, Math.Min(share, left)));
            }
        }

        int tokens = _step.Rows, room = _budget.PromptRows(tokens);
        for (int i = 0; i < count && room > 0; i++)
        {
            Work work = _active[i];
            if (work.Feed.Kind == FeedKind.Prompt)
            {
                SequenceState sequence = work.Sequence!;
                int rows = Math.Min(Math.Min(room, sequence.Cache.MaxStepRows), work.Feed.Prompt!.Ids.Length - sequence.Length);
                room -= rows;
                Add(work, rows);
            }
        }

        _stepTime = default;
        if (_parts.Count == 0)
        {
            return false;
        }

        int all = _step.Rows;
        long start = _clock.GetTimestamp();
        RunParts(all > tokens);
        _parts.Clear();
        _stepTime = _clock.GetElapsedTime(start);
        Telemetry.Step(_stepTime, all);
        if (all > tokens)
        {
            _budget.Ran(all, _stepTime);
        }

        return true;
    }

    /// <summary>Puts a work's next rows into the step.</summary>
    void Add(Work work, int rows)
    {
        try
        {
            SequenceState sequence = work.Sequence!;
            Feed feed = work.Feed;
            int row = _step.LogitsRows;
            _parts.EnsureCapacity(_parts.Count + 1);
            if (feed.Kind == FeedKind.Tokens)
            {
                List<EmbeddingRows>? embedding = feed.Embedding.IsEmpty ? null : [new EmbeddingRows(0, feed.Embedding)];
                _step.Add(sequence.Cache, feed.Ids.Span[..rows], 1 + rows - feed.Certain, embedding, sequence.Adapters);
            }
            else
            {
                EncodedPrompt prompt = feed.Prompt!;
                int wanted = sequence.Length + rows == prompt.Ids.Length ? 1 : 0;
                _step.Add(sequence.Cache, prompt.Ids.Slice(sequence.Length, rows), wanted, prompt.Rows(sequence.Length, rows), sequence.Adapters);
            }

            _parts.Add(new Part(work, sequence.Length, rows, row));
        }
        catch (Exception error)
        {
            work.End(error);
        }
    }

    void RunParts(bool hasPrompts)
    {
        try
        {
            MakeRoom();
            long start = _clock.GetTimestamp();
            Forward(_step);
            Learn(hasPrompts, _clock.GetElapsedTime(start));
        }
        catch (Exception error)
        {
            RunSingly(error);
            return;
        }

        Measure();
        foreach (Part part in _parts)
        {
            Finish(part, part.LogitsRow);
        }
    }

    /// <summary>Learns what guesses cost, from steps that have nothing else beside a token of every answer.</summary>
    void Learn(bool hasPrompts, TimeSpan elapsed)
    {
        int certain = _step.Rows;
        foreach (Part part in _parts)
        {
            certain -= part.Guesses;
        }

        if (!hasPrompts && certain == _answers)
        {
            _cost.Ran(_answers, _step.Rows, elapsed);
        }
    }

    /// <summary>After a step that failed: finds out whose failure it was. Guesses are left out, lest an answer fail of what it can do without.</summary>
    void RunSingly(Exception error)
    {
        foreach (Part part in _parts)
        {
            part.Work.Sequence!.CutTo(part.Start);
        }

        if (_parts.Count == 1 && _parts[0].Guesses == 0)
        {
            _parts[0].Work.End(error);
            return;
        }

        Part[] parts = [.. _parts];
        foreach (Part part in parts)
        {
            _step.Clear();
            _parts.Clear();
            Add(part.Work, part.Rows - part.Guesses);
            if (part.Work.Ended)
            {
                continue;
            }

            try
            {
                MakeRoom();
                Forward(_step);
            }
            catch (Exception own)
            {
                part.Work.Sequence!.CutTo(part.Start);
                part.Work.End(own);
                continue;
            }

            Measure();
            Finish(_parts[0], 0);
        }
    }

    /// <summary>After the step that held it: notes what is in the cache now, and lets the work go on to what it wants next.</summary>
    static void Finish(Part part, int logitsRow)
    {
        Work work = part.Work;
        SequenceState sequence = work.Sequence!;
        try
        {
            if (work.Feed.Kind == FeedKind.Tokens)
            {
                sequence.Append(work.Feed.Ids.Span[..part.Rows]);
            }
            else
            {
                sequence.Append(work.Feed.Prompt!, part.Rows);
            }
        }
        catch (Exception error)
        {
            sequence.CutTo(part.Start);
            work.End(error);
            return;
        }

        work.LogitsRow = logitsRow;
        work.Advance(part.Guesses);
    }

    /// <summary>Has kept prefixes give way to what the step adds to the caches of answers.</summary>
    void MakeRoom()
    {
        long growth = 0;
        foreach (Part part in _parts)
        {
            growth += (part.Work as Answer)?.Place.Growth(part.Rows) ?? 0;
        }

        Prefixes.MakeRoom(growth);
    }

    void Measure()
    {
        // Scratch grows with the largest step seen, and only then is it worth counting.
        if (_step.Rows > _largest.Rows || _step.LogitsRows > _largest.LogitsRows)
        {
            _largest = (Math.Max(_step.Rows, _largest.Rows), Math.Max(_step.LogitsRows, _largest.LogitsRows));
            Volatile.Write(ref _scratchBytes, _pass.Bytes);
        }
    }

    void EndAfter(Exception error)
    {
        foreach (Part part in _parts)
        {
            EndUncertain(part.Work, error);
        }

        for (int i = 0; _parts.Count == 0 && i < _active.Count; i++)
        {
            EndUncertain(_active[i], error);
        }

        _parts.Clear();
        _active.RemoveAll(static work => work.Ended);
        _idle = false;
    }

    /// <summary>Ends work and forgets its sequence, so that the next prompt computes it again.</summary>
    static void EndUncertain(Work work, Exception error)
    {
        if (!work.Ended)
        {
            work.Sequence?.CutTo(0);
            work.End(error);
        }
    }

    void EndAll()
    {
        foreach (Work work in _active)
        {
            work.End(Closed());
        }

        while (_arrivals.TryDequeue(out Work? work))
        {
            work.End(Closed());
        }

        Admission.EndAll(Closed);
    }

    /// <summary>One sequence's rows in a step.</summary>
    /// <param name="Work">Whose they are.</param>
    /// <param name="Start">Tokens that were in the sequence before.</param>
    /// <param name="Rows">How many rows.</param>
    /// <param name="LogitsRow">Which row of the step's logits is its own, if it asked for one.</param>
    readonly record struct Part(Work Work, int Start, int Rows, int LogitsRow)
    {
        /// <summary>How many of the rows are guesses.</summary>
        public int Guesses => Work.Feed.Kind == FeedKind.Tokens ? Rows - Work.Feed.Certain : 0;
    }
}
