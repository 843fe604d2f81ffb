using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Threading;

public class WorkerTeamTests
{
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
        using CountdownEvent both = new(2);
        MeetJob job = new(both);
        team.Run(ref job, 2);
        Assert.True(both.IsSet);
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
    public void Run_HotLoop_AllocatesNothing()
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
            w.Multiply(x, 4, y, with);
            w.Multiply(x, 1, y, with);
            w.ReadRow(3, row);
            RmsNorm.Rows(x, weight, 1e-6f, x, with);
            Gelu.Tanh(row, row);
            Softmax.Apply(row);
        }
        Step(team);
        Step(alone);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            Step(team);
            Step(alone);
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
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

    readonly struct MeetJob(CountdownEvent both) : IParallelJob
    {
        public void Run(int first, int last)
        {
            for (int i = first; i < last; i++)
            {
                both.Signal();
                both.Wait(TimeSpan.FromSeconds(10));
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
}
