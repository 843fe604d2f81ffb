using GemmaSharp.Server.Http;

namespace GemmaSharp.Server;

/// <summary>Whether the server takes requests, and how many it has. Thread-safe.</summary>
sealed class ServerState : IDisposable
{
    readonly CancellationTokenSource _cut = new();
    int _running;
    volatile bool _stopping;

    /// <summary>When it was begun.</summary>
    public DateTimeOffset Started { get; } = DateTimeOffset.UtcNow;

    /// <summary>Whether it is being stopped: it finishes what runs and begins nothing.</summary>
    public bool IsStopping => _stopping;

    /// <summary>Cancelled when what still runs has to end now.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Requests for answers that have not ended.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>Notes that an answer begins.</summary>
    /// <exception cref="ApiException">The server is being stopped.</exception>
    public Scope Begin()
    {
        Interlocked.Increment(ref _running);
        var scope = new Scope(this);
        if (_stopping)
        {
            scope.Dispose();
            throw ApiException.Stopping();
        }

        return scope;
    }

    /// <summary>Begins nothing any more, waits until what runs has ended, and cuts it when it takes too long.</summary>
    /// <param name="patience">How long that is.</param>
    /// <param name="cancellationToken">Cuts it at once.</param>
    public async Task StopAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        _stopping = true;
        await EndAsync(patience, cancellationToken).ConfigureAwait(false);
        await _cut.CancelAsync().ConfigureAwait(false);

        // Those that were cut still say so to their clients.
        await EndAsync(TimeSpan.FromSeconds(2), CancellationToken.None).ConfigureAwait(false);
    }

    public void Dispose() => _cut.Dispose();

    async Task EndAsync(TimeSpan patience, CancellationToken cancellationToken)
    {
        using CancellationTokenSource timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(patience);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            while (Running > 0 && await timer.WaitForNextTickAsync(timeout.Token).ConfigureAwait(false))
            {
            }
        }
        catch (OperationCanceledException)
        {
            // Long enough.
        }
    }

    /// <summary>An answer from its request to its end.</summary>
    public sealed class Scope(ServerState state) : IDisposable
    {
        int _ended;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _ended, 1) == 0)
            {
                Interlocked.Decrement(ref state._running);
            }
        }
    }
}
