using System.Diagnostics;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Threading;

public class WorkerTeamTests
{
    // Only a failing test waits so long.
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static TheoryData<int> ThreadCounts { get; } = [1, 2, 3, 8];

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void Run_AnyCountAndGrain_DoesEveryItemOnce(int threads)
    {
        using WorkerTeam team = new(threads);
        Assert.Equal(threads, team.Threads);
        foreach (int count in new[] { 0, 1, 2, 7, 64, 1000 })
        {
            foreach (int grain in new[] { 1, 3, 64, 5000, int.MaxValue })
            {
                int[] done = new int[count];
                MarkJob job = new(done);
                team.Run(ref job, count, grain);
                Assert.All(done, times => Assert.Equal(1, times));
            }
        }
    }

    [Fact]
    public void Run_ManyTimesWithPauses_NeverLosesALoop()
    {
        using WorkerTeam team = new(3);
        int[] done = new int[8];
        for (int loop = 0; loop < 20_000; loop++)
        {
            MarkJob job = new(done);
            team.Run(ref job, done.Length);
            if (loop % 4000 == 0)
            {
                // Longer than workers spin: the next loop has to wake them.
                Thread.Sleep(2);
            }
        }
        Assert.All(done, times => Assert.Equal(20_000, times));
    }

    [Fact]
    public void Run_SeveralThreads_ShareTheWork()
    {
        using WorkerTeam team = new(2);
        AssertShares(team);
    }

    [Theory]
    [InlineData(int.MaxValue - 3u)]
    [InlineData(uint.MaxValue - 3u)]
    public void Run_LoopNumberWraps_GoesOnSharing(uint loop)
    {
        using WorkerTeam team = new(2, loop);
        for (int i = 0; i < 8; i++)
        {
            AssertShares(team);
        }
    }

    [Fact]
    public void Run_MutableJob_IsSeenByTheCaller()
    {
        using WorkerTeam team = new(2);
        CountJob job = default;
        team.Run(ref job, 100);
        Assert.Equal(100, job.Count);
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void Run_JobThrows_RethrowsAndGoesOn(int threads)
    {
        using WorkerTeam team = new(threads);
        for (int i = 0; i < 100; i++)
        {
            FailJob job = default;
            InvalidOperationException exception = Assert.Throws<InvalidOperationException>(() =>
            {
                FailJob inner = job;
                team.Run(ref inner, 50);
            });
            Assert.Equal("item 7", exception.Message);
            int[] done = new int[20];
            MarkJob mark = new(done);
            team.Run(ref mark, done.Length);
            Assert.All(done, times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void Run_FromInsideAJob_RunsThere()
    {
        using WorkerTeam team = new(3);
        int[] done = new int[30];
        NestedJob job = new(team, done);
        team.Run(ref job, 3);
        Assert.All(done, times => Assert.Equal(1, times));
    }

    [Fact]
    public void Run_FromManyThreads_TakesTurns()
    {
        using WorkerTeam team = new(3);
        Thread[] callers = new Thread[6];
        int[][] done = new int[callers.Length][];
        for (int i = 0; i < callers.Length; i++)
        {
            int[] mine = done[i] = new int[40];
            callers[i] = new Thread(() =>
            {
                for (int loop = 0; loop < 500; loop++)
                {
                    MarkJob job = new(mine);
                    team.Run(ref job, mine.Length);
                }
            });
            callers[i].Start();
        }
        foreach (Thread caller in callers)
        {
            caller.Join();
        }
        Assert.All(done, mine => Assert.All(mine, times => Assert.Equal(500, times)));
    }

    [Fact]
    public void Run_HotLoop_AllocatesNothingOnAnyThread()
    {
        using WorkerTeam team = new(2);
        using WorkerTeam alone = new(1);
        float[] x = new float[4 * 600], y = new float[4 * 50], row = new float[600], weight = new float[600];
        DenseMatrix w = DenseMatrix.FromSingles(new float[50 * 600], 50, 600);
        int[] done = new int[64];
        void Step(WorkerTeam with)
        {
            MarkJob job = new(done);
            with.Run(ref job, done.Length);
            with.Run((done, one: 1), done.Length, 5, static (s, first, last) => Add(s.done, s.one, first, last));
            w.Multiply(x, 4, y, with);
            w.Multiply(x, 1, y, with);
            w.ReadRow(3, row);
            RmsNormKernel.Apply(row, weight, 1e-6f, row);
            Gelu.Tanh(row, row);
            Softmax.Apply(row);
        }
        long[] before = new long[2], after = new long[2];

        // Scratch memory of a thread is allocated the first time the thread does part of a loop: until both have done each.
        for (int i = 0; i < 200; i++)
        {
            Step(team);
            Step(alone);
        }
        AllocatedByThread(team, before);
        AllocatedByThread(team, before);
        for (int i = 0; i < 100; i++)
        {
            Step(team);
            Step(alone);
        }
        AllocatedByThread(team, after);
        Assert.Equal(before, after);
    }

    [Theory]
    [MemberData(nameof(ThreadCounts))]
    public void Run_Action_DoesEveryItemOnceInChunksOfGrain(int threads)
    {
        using WorkerTeam team = new(threads);
        foreach (int count in new[] { 0, 1, 2, 7, 64, 1000 })
        {
            foreach (int grain in new[] { 1, 3, 64, 5000, int.MaxValue })
            {
                int[] done = new int[count];
                int most = threads == 1 ? count : grain;
                team.Run((done, most), count, grain, static (s, first, last) =>
                {
                    Assert.InRange(last - first, 1, s.most);
                    Add(s.done, 1, first, last);
                });
                Assert.All(done, times => Assert.Equal(1, times));
            }
        }
    }

    [Fact]
    public void Run_ActionOnRefStruct_SeesTheCallersSpans()
    {
        using WorkerTeam team = new(3);
        Span<int> onStack = stackalloc int[100];
        team.Run(new SpanJob(onStack), onStack.Length, 7, static (job, first, last) => job.Run(first, last));
        for (int i = 0; i < onStack.Length; i++)
        {
            Assert.Equal(i + 1, onStack[i]);
        }
    }

    [Fact]
    public void Run_ActionThrows_RethrowsAndBadArgumentsThrow()
    {
        using WorkerTeam team = new(2);
        InvalidOperationException exception = Assert.Throws<InvalidOperationException>(
            () => team.Run(7, 50, 1, static (at, first, last) => new FailJob().Run(first, last)));
        Assert.Equal("item 7", exception.Message);
        Assert.Throws<ArgumentNullException>(() => team.Run(0, 1, 1, null!));
        Assert.Throws<ArgumentOutOfRangeException>(() => team.Run(0, -1, 1, static (_, _, _) => { }));
        Assert.Throws<ArgumentOutOfRangeException>(() => team.Run(0, 1, 0, static (_, _, _) => { }));
        AssertShares(team);
    }

    [Fact]
    public void Run_WorkerThrows_CallerGetsItAndTheWorkerLives()
    {
        using WorkerTeam team = new(2);
        for (int i = 0; i < 20; i++)
        {
            int arrived = 0;
            int caller = Environment.CurrentManagedThreadId;
            InvalidOperationException exception = Assert.Throws<InvalidOperationException>(() =>
            {
                WorkerFailsJob job = new(caller, ref arrived);
                team.Run(ref job, 2);
            });
            Assert.Equal("worker", exception.Message);
        }
        AssertShares(team);
    }

    [Fact]
    public void Dispose_WhileALoopRuns_Waits()
    {
        WorkerTeam team = new(2);
        using ManualResetEventSlim inside = new(), leave = new();
        int done = 0;
        Thread caller = new(() => team.Run((inside, leave), 2, 1, (s, first, last) =>
        {
            s.inside.Set();
            s.leave.Wait(s_patience);
            Interlocked.Add(ref done, last - first);
        }));
        caller.Start();
        Assert.True(inside.Wait(s_patience, TestContext.Current.CancellationToken));
        int doneAtDispose = -1;
        Thread disposer = new(() =>
        {
            team.Dispose();
            doneAtDispose = Volatile.Read(ref done);
        });
        disposer.Start();
        Assert.False(disposer.Join(50));
        leave.Set();
        Assert.True(disposer.Join(s_patience));
        Assert.True(caller.Join(s_patience));
        Assert.Equal(2, doneAtDispose);
    }

    [Fact]
    public void Dispose_FromInsideAJob_IsRefused()
    {
        using WorkerTeam team = new(2);
        Assert.Throws<InvalidOperationException>(() => team.Run(team, 4, 1, static (own, _, _) => own.Dispose()));
        AssertShares(team);
    }

    [Fact]
    public void Dispose_Twice_IsFineAndRunThrows()
    {
        WorkerTeam team = new(3);
        team.Dispose();
        team.Dispose();
        MarkJob job = new(new int[3]);
        Assert.Throws<ObjectDisposedException>(() =>
        {
            MarkJob inner = job;
            team.Run(ref inner, 3);
        });
    }

    [Fact]
    public void Run_BadArguments_Throws()
    {
        using WorkerTeam team = new(1);
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerTeam(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new WorkerTeam(WorkerTeam.MaxThreads + 1));
        CountJob job = default;
        Assert.Throws<ArgumentOutOfRangeException>(() => team.Run(ref job, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => team.Run(ref job, 1, 0));
    }

    [Fact]
    public void Run_RefStructJob_SeesTheCallersSpans()
    {
        using WorkerTeam team = new(3);
        Span<int> onStack = stackalloc int[100];
        SpanJob job = new(onStack);
        team.Run(ref job, onStack.Length, 7);
        for (int i = 0; i < onStack.Length; i++)
        {
            Assert.Equal(i + 1, onStack[i]);
        }
    }

    readonly struct MarkJob(int[] done) : IParallelJob
    {
        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                Interlocked.Increment(ref done[i]);
            }
        }
    }

    /// <summary>Two items that wait for one another: only two threads can do them.</summary>
    static void AssertShares(WorkerTeam team)
    {
        using CountdownEvent both = new(2);
        bool[] met = new bool[2];
        team.Run((both, met), 2, 1, static (s, first, _) =>
        {
            s.both.Signal();
            s.met[first] = s.both.Wait(s_patience);
        });
        Assert.Equal([true, true], met);
    }

    /// <summary>What both threads of a team have allocated so far, the caller's first.</summary>
    static void AllocatedByThread(WorkerTeam team, long[] bytes)
    {
        int arrived = 0;
        MeasureJob job = new(Environment.CurrentManagedThreadId, bytes, ref arrived);
        team.Run(ref job, 2);
        if (arrived != 2)
        {
            // Not an assertion of the test framework, which allocates even when it holds.
            throw new InvalidOperationException("The worker did not come.");
        }
    }

    static void Add(int[] done, int amount, int first, int last)
    {
        for (int i = first; i < last; i++)
        {
            Interlocked.Add(ref done[i], amount);
        }
    }

    /// <summary>Waits, without allocating, until both threads are inside.</summary>
    static void Meet(ref int arrived)
    {
        Interlocked.Increment(ref arrived);
        long start = Stopwatch.GetTimestamp();
        while (Volatile.Read(ref arrived) < 2 && Stopwatch.GetElapsedTime(start) < s_patience)
        {
            Thread.Yield();
        }
    }

    readonly ref struct MeasureJob(int caller, long[] bytes, ref int arrived) : IParallelJob
    {
        readonly ref int _arrived = ref arrived;

        public void Run(int first, int last)
        {
            Meet(ref _arrived);
            bytes[Environment.CurrentManagedThreadId == caller ? 0 : 1] = GC.GetAllocatedBytesForCurrentThread();
        }
    }

    readonly ref struct WorkerFailsJob(int caller, ref int arrived) : IParallelJob
    {
        readonly ref int _arrived = ref arrived;

        public void Run(int first, int last)
        {
            Meet(ref _arrived);
            if (Environment.CurrentManagedThreadId != caller)
            {
                throw new InvalidOperationException("worker");
            }
        }
    }

    struct CountJob : IParallelJob
    {
        public int Count;

        public void Run(int first, int last) => Interlocked.Add(ref Count, last - first);
    }

    readonly struct FailJob : IParallelJob
    {
        public void Run(int first, int last)
        {
            if (first <= 7 && 7 < last)
            {
                throw new InvalidOperationException("item 7");
            }
        }
    }

    readonly struct NestedJob(WorkerTeam team, int[] done) : IParallelJob
    {
        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                OffsetJob inner = new(done, i * 10);
                team.Run(ref inner, 10);
            }
        }
    }

    readonly struct OffsetJob(int[] done, int offset) : IParallelJob
    {
        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                Interlocked.Increment(ref done[offset + i]);
            }
        }
    }

    readonly ref struct SpanJob(Span<int> values) : IParallelJob
    {
        readonly Span<int> _values = values;

        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                _values[i] += i + 1;
            }
        }
    }

    [Fact]
    public void Rehearsing_RunsNoJob_AndSaysItsThreads()
    {
        using WorkerTeam team = WorkerTeam.Rehearsing(5);
        int runs = 0;
        team.Run(0, 100, 1, (_, _, _) => runs++);
        Assert.Equal((0, 5, true), (runs, team.Threads, team.IsRehearsal));
        Assert.Throws<ArgumentOutOfRangeException>(() => WorkerTeam.Rehearsing(0));
    }
}
