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
/// <para>Any thread may call <c>Run</c>; calls take turns. A call from inside a job runs on its own thread alone.</para>
/// <para>An exception of a job never ends a worker: it is thrown again where the loop was started.</para>
/// <para>A team must be disposed: its threads keep it alive.</para>
/// </remarks>
sealed unsafe class WorkerTeam : IDisposable
{
    /// <summary>The most threads a team may have.</summary>
    public const int MaxThreads = 1024;

    // One word says everything: loop number in the upper half, "open" below it, and how many workers have joined.
    // Loop numbers wrap after 2³² and are only compared for being equal; no value of the word has another meaning.
    const long Open = 1L << 31;
    const long JoinedMask = Open - 1;
    const int LoopShift = 32;

    static readonly TimeSpan s_spinTime = TimeSpan.FromMicroseconds(100);

    /// <summary>The team whose job this thread is doing.</summary>
    [ThreadStatic]
    static WorkerTeam? s_inside;

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
        : this(threads, loop: 0)
    {
    }

    WorkerTeam(int threads, bool isRehearsal) => (Threads, IsRehearsal, _workers) = (threads, isRehearsal, []);

    /// <summary>
    /// A team that does no job at all, so that a pass can be gone through to see what memory it takes: the caller's own lines run, and find undefined values.
    /// </summary>
    /// <param name="threads">The threads it says it has, 1 to <see cref="MaxThreads"/>; none is started.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is out of range.</exception>
    public static WorkerTeam Rehearsing(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, MaxThreads);
        return new WorkerTeam(threads, isRehearsal: true);
    }

    /// <summary>Starts a team as if it had done loops before: a test of what happens when their number wraps need not do 2³² of them.</summary>
    internal WorkerTeam(int threads, uint loop)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, MaxThreads);
        Threads = threads;
        _shared.State = (long)loop << LoopShift;
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(() => Work(loop)) { IsBackground = true, Name = $"GemmaSharp worker {i + 1}" };
        }
        try
        {
            foreach (Thread worker in _workers)
            {
                worker.Start();
            }
        }
        catch
        {
            // The system has no more threads; those that run would wait for ever.
            Dispose();
            throw;
        }
    }

    /// <summary>Number of threads, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Loops started on all threads so far, those that a thread does alone left out; wraps around.</summary>
    public uint Loops => Loop(Volatile.Read(ref _shared.State));

    /// <summary>Whether jobs are left out.</summary>
    public bool IsRehearsal { get; }

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
        if (count == 0 || IsRehearsal)
        {
            return;
        }
        if (Threads == 1 || count <= grain || s_inside is not null)
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

    /// <summary>Calls an action for the items <c>0 … count − 1</c>, a chunk at a time, on all threads; returns when all are done.</summary>
    /// <typeparam name="TState">What the action works on: a class, a tuple, a ref struct with spans.</typeparam>
    /// <param name="state">Handed to every call; a struct is copied for each.</param>
    /// <param name="count">Number of items, 0 or more.</param>
    /// <param name="grain">Items of a chunk, 1 or more: each call of the action gets at most this many when there are several threads.</param>
    /// <param name="action">What to do with a chunk; as a static lambda it is created once, and loops allocate nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> or <paramref name="grain"/> is out of range.</exception>
    /// <exception cref="ObjectDisposedException">The team was disposed.</exception>
    /// <remarks>The first exception of the action is thrown again here, after every thread has left the action; chunks not yet begun are left out.</remarks>
    public void Run<TState>(scoped TState state, int count, int grain, RangeAction<TState> action)
        where TState : allows ref struct
    {
        ArgumentNullException.ThrowIfNull(action);
        ActionJob<TState> job = new(state, action);
        Run(ref job, count, grain);
    }

    /// <summary>Ends the threads, after the loop that is running and those that wait for their turn before it.</summary>
    /// <exception cref="InvalidOperationException">A job of this team disposes it, which would wait for itself.</exception>
    public void Dispose()
    {
        if (s_inside == this)
        {
            throw new InvalidOperationException("A job disposes the team that runs it; dispose the team after its loop has returned.");
        }
        lock (_turn)
        {
            Volatile.Write(ref _disposed, true);
            lock (_sleep)
            {
                Monitor.PulseAll(_sleep);
            }
        }
        foreach (Thread worker in _workers)
        {
            if ((worker.ThreadState & System.Threading.ThreadState.Unstarted) == 0)
            {
                worker.Join();
            }
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

        long next = (long)(Loop(_shared.State) + 1) << LoopShift;
        Interlocked.Exchange(ref _shared.State, next | Open);
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
        s_inside = this;
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
            s_inside = null;
        }
    }

    /// <summary>The number of the loop that a state is about.</summary>
    static uint Loop(long state) => (uint)(state >> LoopShift);

    void Work(uint seen)
    {
        while (Await(seen, out long state))
        {
            seen = Loop(state);
            while ((state & Open) != 0 && Loop(state) == seen)
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

    /// <summary>Waits for another loop than number <paramref name="seen"/>; false when the team ends.</summary>
    bool Await(uint seen, out long state)
    {
        long start = Stopwatch.GetTimestamp();
        do
        {
            for (int i = 0; i < 16; i++)
            {
                state = Volatile.Read(ref _shared.State);
                if (Loop(state) != seen)
                {
                    return true;
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
                    state = Volatile.Read(ref _shared.State);
                    if (Loop(state) != seen)
                    {
                        return true;
                    }
                    if (_disposed)
                    {
                        return false;
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

    /// <summary>An action as a job.</summary>
    readonly ref struct ActionJob<TState>(TState state, RangeAction<TState> action) : IParallelJob
        where TState : allows ref struct
    {
        readonly TState _state = state;

        // Without a profile, or the action's whole body would come in here, kernels and all, and their loops run out of registers.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int first, int last) => action(_state, first, last);
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
