namespace GemmaSharp.Cli;

/// <summary>Ctrl-C: the first one stops what is being done, one that finds nothing to stop ends the program.</summary>
/// <remarks>Thread-safe; one scope at a time.</remarks>
public sealed class Interrupts
{
    readonly Lock _lock = new();
    CancellationTokenSource? _current;

    /// <summary>Begins something that Ctrl-C stops, until the scope is disposed.</summary>
    public Scope Begin() => new(this);

    /// <summary>Handles one Ctrl-C.</summary>
    /// <returns>False when there was nothing to stop, or it was already being stopped: the program should end.</returns>
    public bool Raise()
    {
        lock (_lock)
        {
            if (_current is null || _current.IsCancellationRequested)
            {
                return false;
            }

            // Callbacks run elsewhere: a signal handler must not wait for them.
            _ = _current.CancelAsync();
            return true;
        }
    }

    /// <summary>A stretch of work that Ctrl-C stops.</summary>
    public sealed class Scope : IDisposable
    {
        readonly Interrupts _owner;
        readonly CancellationTokenSource _source = new();

        internal Scope(Interrupts owner)
        {
            _owner = owner;
            lock (owner._lock)
            {
                owner._current = _source;
            }
        }

        /// <summary>Cancelled by Ctrl-C, or by <see cref="Stop"/>.</summary>
        public CancellationToken Token => _source.Token;

        /// <summary>Stops the work as Ctrl-C would.</summary>
        public void Stop() => _source.Cancel();

        /// <summary>Ends the scope.</summary>
        public void Dispose()
        {
            lock (_owner._lock)
            {
                if (ReferenceEquals(_owner._current, _source))
                {
                    _owner._current = null;
                }
            }

            _source.Dispose();
        }
    }
}
