namespace GemmaSharp.Hub.Protocol;

/// <summary>Counts failures in a row and waits after each: 1, 2, 4, 8, 8 seconds and a little by chance, or as long as the server says.</summary>
/// <param name="connection">Whose settings count.</param>
/// <param name="what">What is asked for, for the last sentence.</param>
/// <param name="waiting">Told why and how long is waited; null for nobody.</param>
sealed class Attempts(HubConnection connection, string what, Action<string, TimeSpan>? waiting)
{
    /// <summary>A server that says when to come again means it, and says so to all; this often it is believed.</summary>
    const int MostLimits = 20;

    int _failures;
    int _limits;

    /// <summary>Bytes have arrived: the next failure is the first one.</summary>
    public void Reset() => (_failures, _limits) = (0, 0);

    /// <summary>Waits before the next attempt.</summary>
    /// <exception cref="HubException">There were enough.</exception>
    public async Task NextAsync(TransientException failure, CancellationToken cancellationToken)
    {
        bool limit = failure.WaitFor is not null;
        if (limit ? ++_limits > Math.Clamp(connection.Retries * 4, 1, MostLimits) : ++_failures > connection.Retries)
        {
            int tries = limit ? _limits : _failures;
            string often = FormattableString.Invariant($"{tries} {(tries == 1 ? "try" : "tries")}");
            throw new HubException(HubFailure.Unreachable,
                $"{what} could not be had from {connection.Name} in {often}, lastly {failure.Message}{connection.ProxyHint(failure)}; "
                + "run the same command again, which goes on from there.", failure);
        }

        TimeSpan wait = failure.WaitFor ?? TimeSpan.FromSeconds(Math.Min(8, 1 << (_failures - 1)) * (1 + (Random.Shared.NextDouble() / 4)));
        waiting?.Invoke(failure.Message, wait);
        await connection.Machine.Wait(wait, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Does something until it succeeds or there were enough attempts.</summary>
    public async Task<T> RunAsync<T>(Func<Task<T>> attempt, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await attempt().ConfigureAwait(false);
            }
            catch (TransientException failure)
            {
                await NextAsync(failure, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
