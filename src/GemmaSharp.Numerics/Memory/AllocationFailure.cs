namespace GemmaSharp.Numerics.Memory;

/// <summary>Lets a test make an allocation of native memory fail, to see that a failure leaves everything as it was.</summary>
/// <remarks>
/// Nothing is armed in production: an allocation then reads one static field. Tests that arm it take turns, and other threads'
/// allocations are not counted unless the test asks for them, so that tests beside it go on undisturbed.
/// </remarks>
static class AllocationFailure
{
    static readonly SemaphoreSlim s_turn = new(1);
    static volatile Armed? s_armed;

    /// <summary>Makes one allocation from now on throw <see cref="OutOfMemoryException"/>.</summary>
    /// <param name="number">Which one, counted from 1.</param>
    /// <param name="counts">Which allocations are counted, by their bytes; asked on the thread that allocates. Null: all of the calling thread.</param>
    /// <returns>Disarms when disposed; another test may wait for that.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="number"/> is less than 1.</exception>
    public static Armed At(int number, Func<long, bool>? counts = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(number, 1);
        s_turn.Wait();
        int caller = Environment.CurrentManagedThreadId;
        return s_armed = new(number, counts ?? (_ => Environment.CurrentManagedThreadId == caller));
    }

    /// <summary>Called before every allocation.</summary>
    /// <exception cref="OutOfMemoryException">A test wants it so.</exception>
    public static void Check(long bytes) => s_armed?.Count(bytes);

    /// <summary>A failure that is waited for.</summary>
    internal sealed class Armed(int number, Func<long, bool> counts) : IDisposable
    {
        int _left = number;
        int _disposed;

        /// <summary>Whether the failure has happened.</summary>
        public bool HasFailed => Volatile.Read(ref _left) <= 0;

        public void Count(long bytes)
        {
            if (counts(bytes) && Interlocked.Decrement(ref _left) == 0)
            {
#pragma warning disable CA2201 // It stands for the runtime's own.
                throw new OutOfMemoryException($"An allocation of {bytes} bytes fails because a test wants it so.");
#pragma warning restore CA2201
            }
        }

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _disposed, 1) == 0)
            {
                s_armed = null;
                s_turn.Release();
            }
        }
    }
}
