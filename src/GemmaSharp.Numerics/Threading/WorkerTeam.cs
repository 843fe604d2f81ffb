using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Threading;

/// <summary>A few threads that share loops: no allocation per loop, and microseconds to start one.</summary>
/// <remarks>
/// <para>
/// The caller takes part as one of the threads. Items are handed out in chunks, so a thread the system has put aside
/// holds nobody up: a loop ends when its items are done and everyone who joined it has left. Idle workers spin for
/// about a hundred microseconds, the pause between two loops of a model step, then sleep.
/// </para>
/// <para>Any thread may call <see cref="Run"/>; calls take turns. A call from inside a job runs on its own thread alone.</para>
/// <para>A team must be disposed: its threads keep it alive.</para>
/// </remarks>
public sealed unsafe class WorkerTeam : IDisposable
{
    /// <summary>The most threads a team may have.</summary>
    public const int MaxThreads = 1024;

    // One word says everything: loop number in the upper half, "open" below it, and how many workers have joined.
    const long Open = 1L << 31;
    const long JoinedMask = Open - 1;
    const int LoopShift = 32;

    static readonly TimeSpan s_spinTime = TimeSpan.FromMicroseconds(100);

    [ThreadStatic]
    static bool s_insideJob;

    readonly Lock _turn = new();
    readonly object _sleep = new();
    readonly Thread[] _workers;
    PaddedState _shared;
    int _sleepers;
    bool _disposed;

    // The running loop; written before it is opened, read by those who joined.
    void* _job;
    delegate*<void*, int, int, void> _run;
    int _count;
    int _grain;
    ExceptionDispatchInfo? _failure;

    /// <summary>Starts a team.</summary>
    /// <param name="threads">Number of threads with the caller, 1 to <see cref="MaxThreads"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is out of range.</exception>
    public WorkerTeam(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, MaxThreads);
        Threads = threads;
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { IsBackground = true, Name = $"GemmaSharp worker {i + 1}" };
            _workers[i].Start();
        }
    }

    /// <summary>Number of threads, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Does the items <c>0 … count − 1</c> of a job, in chunks, on all threads; returns when all are done.</summary>
    /// <typeparam name="TJob">A struct; ref structs too.</typeparam>
    /// <param name="job">The job; every thread sees this one instance.</param>
    /// <param name="count">Number of items, 0 or more.</param>
    /// <param name="grain">Items of a chunk, 1 or more: each call of the job gets at most this many when there are several threads.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> or <paramref name="grain"/> is out of range.</exception>
    /// <exception cref="ObjectDisposedException">The team was disposed.</exception>
    /// <remarks>The first exception of the job is thrown again here, after every thread has left the job; chunks not yet begun are left out.</remarks>
    public void Run<TJob>(scoped ref TJob job, int count, int grain = 1)
        where TJob : struct, IParallelJob, allows ref struct
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfLessThan(grain, 1);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed), this);
        if (count == 0)
        {
            return;
        }
        if (Threads == 1 || count <= grain || s_insideJob)
        {
            job.Run(0, count);
            return;
        }

        // Workers get the job's address, so it has to be on the stack, where the collector does not move it.
        TJob local = job;
        lock (_turn)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            RunOnAll(Unsafe.AsPointer(ref local), &Invoke<TJob>, count, grain);
        }
        job = local;
    }

    /// <summary>Ends the threads, after the loop that is running.</summary>
    public void Dispose()
    {
        lock (_turn)
        {
            if (_disposed)
            {
                return;
            }
            Volatile.Write(ref _disposed, true);
            lock (_sleep)
            {
                Monitor.PulseAll(_sleep);
            }
        }
        foreach (Thread worker in _workers)
        {
            worker.Join();
        }
    }

    static void Invoke<TJob>(void* job, int first, int last)
        where TJob : struct, IParallelJob, allows ref struct =>
        Unsafe.AsRef<TJob>(job).Run(first, last);

    void RunOnAll(void* job, delegate*<void*, int, int, void> run, int count, int grain)
    {
        _job = job;
        _run = run;
        _count = count;
        _grain = grain;
        _failure = null;
        Volatile.Write(ref _shared.Next, 0);

        long loop = (_shared.State >> LoopShift) + 1;
        Interlocked.Exchange(ref _shared.State, (loop << LoopShift) | Open);
        if (Volatile.Read(ref _sleepers) > 0)
        {
            lock (_sleep)
            {
                Monitor.PulseAll(_sleep);
            }
        }

        DoChunks();

        // Nobody joins from here on; those inside are awaited, for they use this stack frame.
        Interlocked.And(ref _shared.State, ~Open);
        SpinWait wait = default;
        while ((Volatile.Read(ref _shared.State) & JoinedMask) != 0)
        {
            wait.SpinOnce(sleep1Threshold: -1);
        }
        _job = null;
        _failure?.Throw();
    }

    void DoChunks()
    {
        s_insideJob = true;
        try
        {
            while (true)
            {
                long first = Interlocked.Add(ref _shared.Next, _grain) - _grain;
                if (first >= _count)
                {
                    return;
                }
                _run(_job, (int)first, (int)Math.Min(first + _grain, _count));
            }
        }
#pragma warning disable CA1031 // The caller's thread throws it again.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(exception), null);
            Interlocked.Exchange(ref _shared.Next, _count);
        }
        finally
        {
            s_insideJob = false;
        }
    }

    void Work()
    {
        long seen = 0;
        while (true)
        {
            long state = Await(seen);
            if (state < 0)
            {
                return;
            }
            seen = state >> LoopShift;
            while ((state & Open) != 0 && state >> LoopShift == seen)
            {
                long found = Interlocked.CompareExchange(ref _shared.State, state + 1, state);
                if (found == state)
                {
                    DoChunks();
                    Interlocked.Decrement(ref _shared.State);
                    break;
                }
                state = found;
            }
        }
    }

    /// <summary>Waits for a loop after number <paramref name="seen"/>; −1 when the team ends.</summary>
    long Await(long seen)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; i < 16; i++)
            {
                long state = Volatile.Read(ref _shared.State);
                if (state >> LoopShift != seen)
                {
                    return state;
                }
                Thread.SpinWait(8);
            }
        }
        while (!Volatile.Read(ref _disposed) && Stopwatch.GetElapsedTime(start) < s_spinTime);

        lock (_sleep)
        {
            // Counted before the state is read: a caller either sees a sleeper or is seen.
            Interlocked.Increment(ref _sleepers);
            try
            {
                while (true)
                {
                    long state = Volatile.Read(ref _shared.State);
                    if (state >> LoopShift != seen)
                    {
                        return state;
                    }
                    if (_disposed)
                    {
                        return -1;
                    }
                    Monitor.Wait(_sleep);
                }
            }
            finally
            {
                Interlocked.Decrement(ref _sleepers);
            }
        }
    }

    /// <summary>The two contended words, each on cache lines of its own.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 384)]
    struct PaddedState
    {
        [FieldOffset(128)]
        public long State;

        [FieldOffset(256)]
        public long Next;
    }
}
