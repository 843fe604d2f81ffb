namespace GemmaSharp.Generation;

/// <summary>Lets answers in, so many at a time, in the order in which they came; and says no when too many wait.</summary>
/// <remarks>
/// An answer whose reader has fallen behind is not computed: it gives its place to one that waits, and gets the next that is free when it can go on.
/// <see cref="Admit"/> and <see cref="Left"/> belong to the engine's thread, the rest to any.
/// </remarks>
/// <param name="maxActive">Answers that are computed side by side.</param>
/// <param name="maxQueued">Answers that may wait.</param>
sealed class Admission(int maxActive, int maxQueued)
{
    static readonly TimeSpan s_leastRetry = TimeSpan.FromSeconds(0.1);
    static readonly TimeSpan s_mostRetry = TimeSpan.FromHours(1);

    readonly Lock _lock = new();

    // Guarded by the lock.
    readonly List<Answer> _waiting = [];
    int _computed;
    bool _wantsMemory;
    double _seconds = 1;
    bool _measured;

    /// <summary>Answers that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Answers that are computed.</summary>
    public int Computed
    {
        get
        {
            lock (_lock)
            {
                return _computed;
            }
        }
    }

    bool HasPlace => _computed < maxActive;

    /// <summary>Refuses more answers than could be put into the queue now.</summary>
    /// <exception cref="OverloadedException">Too many would wait.</exception>
    public void ThrowIfOverloaded(int count)
    {
        lock (_lock)
        {
            Require(count);
        }
    }

    /// <summary>Puts answers at the end of the queue: all of them or none.</summary>
    /// <exception cref="OverloadedException">Too many would wait.</exception>
    public void Enter(IReadOnlyList<Answer> answers)
    {
        lock (_lock)
        {
            Require(answers.Count);
            _waiting.AddRange(answers);
        }
    }

    /// <summary>Takes an answer out of the queue.</summary>
    /// <returns>False when it is not there: the engine has it, or it has been taken out before.</returns>
    public bool TryRemove(Answer answer)
    {
        lock (_lock)
        {
            return _waiting.Remove(answer);
        }
    }

    /// <summary>Lets in whoever can be.</summary>
    /// <param name="active">What the engine works on; those let in are added.</param>
    public void Admit(List<Work> active)
    {
        foreach (Work work in active)
        {
            if (work is Answer { IsParked: true, IsBehind: false } answer && TryPlace())
            {
                answer.IsParked = false;
            }
        }

        while (Head() is Answer head && head.IsPlanned)
        {
            bool free = HasFreePlace();
            Answer? parked = free ? null : active.OfType<Answer>().FirstOrDefault(static answer => answer is { IsParked: false, Ended: false, IsBehind: true });
            if (!free && parked is null)
            {
                return;
            }

            try
            {
                active.EnsureCapacity(active.Count + 1);
                if (!head.TryEnter(othersEnd: active.Exists(static work => work is Answer { IsHeldUp: false })))
                {
                    WantMemory(true);
                    return;
                }
            }
            catch (Exception error)
            {
                if (TryRemove(head))
                {
                    head.End(error);
                }

                continue;
            }

            WantMemory(false);
            if (!TryRemove(head))
            {
                head.Place.Leave();
                continue;
            }

            if (parked is not null)
            {
                parked.IsParked = true;
                Free();
            }

            TryPlace();
            head.Admit();
            active.Add(head);
        }
    }

    /// <summary>Notes that an answer that was let in is over.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="elapsed">Since it was let in.</param>
    public void Left(Answer answer, TimeSpan elapsed)
    {
        lock (_lock)
        {
            _computed -= answer.IsParked ? 0 : 1;
            _seconds = _measured ? (0.8 * _seconds) + (0.2 * elapsed.TotalSeconds) : elapsed.TotalSeconds;
            _measured = true;
        }
    }

    /// <summary>Ends all that wait.</summary>
    public void EndAll(Func<Exception> reason)
    {
        while (Head() is Answer head)
        {
            if (TryRemove(head))
            {
                head.End(reason());
            }
        }
    }

    void Require(int count)
    {
        // Those for whom there is a place do not wait, unless they wait for memory.
        long free = _wantsMemory ? 0 : maxActive - _computed, tooMany = (long)_waiting.Count + count - free - maxQueued;
        if (tooMany > 0)
        {
            TimeSpan retry = TimeSpan.FromSeconds(
                Math.Clamp(_seconds * tooMany / Math.Max(1, _computed), s_leastRetry.TotalSeconds, s_mostRetry.TotalSeconds));
            throw new OverloadedException(
                FormattableString.Invariant($"{_computed} answers are being computed, {_waiting.Count} wait and {count} more are asked for, where at most ")
                + FormattableString.Invariant($"{maxActive} may be computed and {maxQueued} wait; try again in {retry.TotalSeconds:0.0} s, or let ")
                + $"more in ({nameof(GemmaModelOptions.MaxActive)}, {nameof(GemmaModelOptions.MaxQueued)}; --max-active, --max-queued).",
                retry);
        }
    }

    Answer? Head()
    {
        lock (_lock)
        {
            if (_waiting.Count == 0)
            {
                _wantsMemory = false;
                return null;
            }

            return _waiting[0];
        }
    }

    bool HasFreePlace()
    {
        lock (_lock)
        {
            return HasPlace;
        }
    }

    bool TryPlace()
    {
        lock (_lock)
        {
            bool place = HasPlace;
            _computed += place ? 1 : 0;
            return place;
        }
    }

    void Free()
    {
        lock (_lock)
        {
            _computed--;
        }
    }

    void WantMemory(bool wants)
    {
        lock (_lock)
        {
            _wantsMemory = wants;
        }
    }
}
