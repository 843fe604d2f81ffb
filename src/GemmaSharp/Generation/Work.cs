namespace GemmaSharp.Generation;

/// <summary>Something the engine's thread does piece by piece beside other things: an answer, an encoding, a trace.</summary>
/// <remarks>
/// It is one iterator. The engine moves it on, gives it what it yields, and moves it on again, until it ends by itself, by an exception, or because it was told
/// to stop. Members are for the engine's thread, <see cref="Stop"/> and <see cref="StopOn"/> for any.
/// </remarks>
abstract class Work
{
    const string NoMemory = "There is not enough memory to go on with this prompt; shorten it, dispose of sessions that are done, "
        + "load the model with a smaller ContextLength, or close other programs.";

    IEnumerator<Feed>? _pieces;
    Exception? _stop;
    CancellationTokenRegistration _cancellation;
    volatile InferenceEngine? _engine;

    /// <summary>The sequence that its rows go into; null for work that has none.</summary>
    public virtual SequenceState? Sequence => null;

    /// <summary>What it wants next.</summary>
    public Feed Feed { get; private set; }

    /// <summary>Which row of the step's logits is the first one it asked for.</summary>
    public int LogitsRow { get; set; }

    /// <summary>How many guesses of its last feed are at the end of its sequence, without anybody knowing yet whether they are right.</summary>
    public int Guessed { get; protected set; }

    /// <summary>Whether it is over.</summary>
    public bool Ended { get; private set; }

    /// <summary>Whether it has to wait for its reader.</summary>
    public virtual bool IsHeldUp => false;

    /// <summary>Why it must not go on; null while it may.</summary>
    public Exception? EndReason => Volatile.Read(ref _stop) ?? (_engine?.IsClosing == true ? InferenceEngine.Closed() : null);

    /// <summary>The first row of the logits it asked for, <c>[V]</c>; valid until it yields again.</summary>
    protected ReadOnlySpan<float> Logits => LogitsAfter(0);

    /// <summary>The logits after so many of its guesses, at most <see cref="Guessed"/>, <c>[V]</c>; valid until it yields again.</summary>
    protected ReadOnlySpan<float> LogitsAfter(int guesses) => _engine!.Logits(LogitsRow + guesses);

    /// <summary>What so many guesses cost in the next step, as a share of it: <see cref="StepCost.OfGuesses"/>.</summary>
    protected double CostOf(int guesses) => _engine!.CostOf(guesses);

    /// <summary>Ends it at the next opportunity; the first reason counts. Thread-safe, returns at once.</summary>
    public void Stop(Exception reason)
    {
        Interlocked.CompareExchange(ref _stop, reason, null);
        Stopped();
    }

    /// <summary>Ends it when the token asks for it. Called once, before the work is handed to the engine.</summary>
    public void StopOn(CancellationToken cancellationToken) =>
        _cancellation = cancellationToken.UnsafeRegister(static (work, token) => ((Work)work!).Stop(new OperationCanceledException(token)), this);

    /// <summary>Takes note of the engine whose thread will do it.</summary>
    public void JoinEngine(InferenceEngine engine) => _engine = engine;

    /// <summary>Goes on to what it wants next, or to its end. Never throws.</summary>
    /// <param name="guessed">As of <see cref="Guessed"/>.</param>
    public void Advance(int guessed = 0)
    {
        Guessed = guessed;
        try
        {
            if (EndReason is Exception reason)
            {
                End(reason);
            }
            else if ((_pieces ??= Run().GetEnumerator()).MoveNext())
            {
                Feed = _pieces.Current;
            }
            else
            {
                End(null);
            }
        }
        catch (Exception error)
        {
            // It is this work's own failure, whatever it is: the engine and all other work go on.
            End(error);
        }
    }

    /// <summary>Ends it, with an error or without. Never throws; only the first call counts.</summary>
    public void End(Exception? error)
    {
        if (Ended)
        {
            return;
        }

        Ended = true;
        Feed = default;
        _cancellation.Unregister();
        try
        {
            _pieces?.Dispose();
        }
        catch (Exception late)
        {
            error ??= late;
        }

        Complete(error is OutOfMemoryException ? new GenerationException(NoMemory, error) : error);
    }

    /// <summary>What is to be done, from the first piece to the last.</summary>
    protected abstract IEnumerable<Feed> Run();

    /// <summary>Tells those who wait. Must not throw.</summary>
    /// <param name="error">What ended it early; null for nothing.</param>
    protected abstract void Complete(Exception? error);

    /// <summary>Called when it has been told to stop, on the thread that told it. Must not throw.</summary>
    protected virtual void Stopped() => Wake();

    /// <summary>Has the engine look again whether there is something to do.</summary>
    protected void Wake() => _engine?.Wake();
}
