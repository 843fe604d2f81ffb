using System.Runtime.ExceptionServices;

namespace GemmaSharp.Generation;

/// <summary>Tokens on their way from the engine to one reader.</summary>
/// <remarks>
/// Thread-safe for one writer and one reader. Unlike a channel, which keeps its last continuation, it refers to its reader only while that waits: an enumerator
/// that everybody has forgotten can be collected.
/// </remarks>
sealed class TokenQueue
{
    readonly Lock _lock = new();
    readonly Queue<GeneratedToken> _tokens = new();
    TaskCompletionSource<bool>? _waiter;
    ExceptionDispatchInfo? _error;
    bool _complete;

    /// <summary>Tokens that wait.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _tokens.Count;
            }
        }
    }

    /// <summary>Adds a token.</summary>
    public void Add(GeneratedToken token)
    {
        TaskCompletionSource<bool>? waiter;
        lock (_lock)
        {
            _tokens.Enqueue(token);
            (waiter, _waiter) = (_waiter, null);
        }

        waiter?.SetResult(true);
    }

    /// <summary>Says that no more will come, and why if it is an error; the reader gets that after the tokens. Only the first call counts.</summary>
    public void Complete(Exception? error)
    {
        TaskCompletionSource<bool>? waiter;
        lock (_lock)
        {
            if (_complete)
            {
                return;
            }

            _complete = true;
            _error = error is null ? null : ExceptionDispatchInfo.Capture(error);
            (waiter, _waiter) = (_waiter, null);
        }

        // The reader looks again and finds what there is.
        waiter?.SetResult(true);
    }

    /// <summary>Takes the next token if there is one.</summary>
    /// <param name="token">The token.</param>
    /// <param name="left">How many wait after it.</param>
    public bool TryTake(out GeneratedToken token, out int left)
    {
        lock (_lock)
        {
            bool taken = _tokens.TryDequeue(out token);
            left = _tokens.Count;
            return taken;
        }
    }

    /// <summary>Waits until there is something to take or nothing will come any more.</summary>
    /// <returns>False when all has been taken and no more will come; true when it is worth looking.</returns>
    /// <exception cref="Exception">What ended the answer early, once all has been taken.</exception>
    public ValueTask<bool> WaitAsync()
    {
        lock (_lock)
        {
            if (_tokens.Count > 0)
            {
                return ValueTask.FromResult(true);
            }

            if (!_complete)
            {
                _waiter ??= new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
                return new ValueTask<bool>(_waiter.Task);
            }

            _error?.Throw();
            return ValueTask.FromResult(false);
        }
    }
}
