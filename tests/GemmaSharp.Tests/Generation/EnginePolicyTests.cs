using GemmaSharp.Generation;

namespace GemmaSharp.Tests.Generation;

/// <summary>Who gets the engine and for how long, by a clock that only its steps and pieces move.</summary>
public sealed class EnginePolicyTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Step_PromptBesideAnAnswer_IsCutByTime()
    {
        var clock = new ManualClock();
        using var tiny = new TinyModel(clock: clock);
        GenerationOptions options = TinyModel.Draw with { MaxTokens = 16 };
        var steps = new List<(int Rows, int Answering, TimeSpan Time)>();
        Action? afterTwo = null;
        tiny.Around((step, inner) =>
        {
            // A machine that takes 160 ms to read its weights and 10 ms for each row.
            TimeSpan time = TimeSpan.FromMilliseconds(160 + (10 * step.Rows));
            steps.Add((step.Rows, step.Chunks.Count(chunk => chunk.Rows == 1 && chunk.Cache.Length >= 9), time));
            inner(step);
            clock.Advance(time);
            if (steps.Count == 2)
            {
                afterTwo?.Invoke();
            }
        });
        int[] alone = await tiny.Alone(1, options), longAlone = await tiny.Alone(2, TinyModel.Draw, length: 300);
        using GemmaSession answering = tiny.Model.NewSession(), reading = tiny.Model.NewSession();
        Task<int[]>? prompt = null;
        steps.Clear();
        afterTwo = () => prompt = TinyModel.Read(reading.GenerateAsync(TinyModel.Prompt(2, 300), TinyModel.Draw, Token));
        int[] got = await TinyModel.Read(answering.GenerateAsync(TinyModel.Prompt(1), options, Token));
        Assert.Equal(alone, got);
        Assert.Equal(longAlone, await prompt!);
        (int Rows, int Answering, TimeSpan Time)[] mixed = [.. steps.Where(step => step.Answering > 0 && step.Rows > 2)];
        Assert.True(mixed.Length > 10, $"{mixed.Length} steps of both");
        Assert.All(mixed, step => Assert.True(step.Time <= TimeSpan.FromMilliseconds(300), $"a step of {step.Rows} rows beside an answer"));
        Assert.Contains(steps, step => step.Answering == 0 && step.Rows > 100);

        using GemmaSession third = tiny.Model.NewSession();
        afterTwo = null;
        steps.Clear();
        Assert.Equal(longAlone, await TinyModel.Read(third.GenerateAsync(TinyModel.Prompt(2, 300), TinyModel.Draw, Token)));
        Assert.Equal(300, steps[0].Rows);
    }

    [Fact]
    public async Task Pieces_BesideAnAnswer_LetItGoOnAfterASlice()
    {
        var clock = new ManualClock();
        using var tiny = new TinyModel(clock: clock);
        int[] alone = await tiny.Alone(1);
        var sinceStep = new List<double>();
        double last = 0;
        tiny.Around((step, inner) =>
        {
            sinceStep.Add(clock.Seconds - last);
            inner(step);
            clock.Advance(TimeSpan.FromMilliseconds(100));
            last = clock.Seconds;
        });
        using GemmaSession session = tiny.Model.NewSession();
        Task<int[]> answer;
        Task<object> first, second;
        var order = new List<int>();
        using (tiny.Hold())
        {
            answer = TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token));
            first = tiny.Engine.Submit<object>(_ => Pieces(1), Token);
            second = tiny.Engine.Submit<object>(_ => Pieces(2), Token);
        }

        Assert.Equal(alone, await answer);
        await first;
        await second;

        // Pieces of 60 ms: five of them reach the slice of 250 ms.
        Assert.Equal(12, sinceStep.Count);
        Assert.All(sinceStep, seconds => Assert.InRange(seconds, 0.24, 0.31));
        Assert.All(Enumerable.Range(0, 25), i => Assert.NotEqual(order[2 * i], order[(2 * i) + 1]));

        IEnumerable<object?> Pieces(int number)
        {
            for (int i = 0; i < 50; i++)
            {
                order.Add(number);
                clock.Advance(TimeSpan.FromMilliseconds(60));
                yield return null;
            }

            yield return this;
        }
    }

    [Fact]
    public async Task Step_InSteadyState_AllocatesNothing()
    {
        using var tiny = new TinyModel();
        const int Steps = 100;
        long[] allocated = new long[Steps];
        long before = 0;
        int steps = 0;
        tiny.Around((step, inner) =>
        {
            if (steps > 0 && steps <= Steps)
            {
                allocated[steps - 1] = GC.GetAllocatedBytesForCurrentThread() - before;
            }

            inner(step);
            steps++;
            before = GC.GetAllocatedBytesForCurrentThread();
        });
        using var sequence = new SequenceState(tiny.Model.Text.NewCache(8), AdapterSet.None);
        using var other = new SequenceState(tiny.Model.Text.NewCache(8), AdapterSet.None);
        Silent[] works = [new(sequence, Steps + 2), new(other, Steps + 2)];
        foreach (Silent work in works)
        {
            tiny.Engine.Submit(work);
        }

        await works[0].Done;
        await works[1].Done;

        // Lists that double and collections caused by other tests are not what a token costs.
        Assert.True(allocated.Count(bytes => bytes == 0) > Steps * 3 / 4, string.Join(' ', allocated));
    }

    [Fact]
    public async Task Step_MoreAnswersThanRows_TakeTurns()
    {
        using var tiny = new TinyModel();
        SequenceState[] sequences =
            [.. Enumerable.Range(0, InferenceEngine.MaxStepRows + 3).Select(_ => new SequenceState(tiny.Model.Text.NewCache(1), AdapterSet.None))];
        var steps = new List<int>();
        tiny.Engine.Forward = step => steps.Add(step.Rows);
        Silent[] works = [.. sequences.Select(sequence => new Silent(sequence, 4))];
        using (tiny.Hold())
        {
            foreach (Silent work in works)
            {
                tiny.Engine.Submit(work);
            }
        }

        await Task.WhenAll(works.Select(work => work.Done));

        // Those left out of one step are in the next, so nobody is more than one behind.
        Assert.Equal(sequences.Length * 4, steps.Sum());
        Assert.True(steps.Count <= 6, $"{steps.Count} steps");
        Array.ForEach(sequences, sequence => sequence.Dispose());
    }

    /// <summary>Feeds one token over and over, and does nothing with what comes of it.</summary>
    sealed class Silent(SequenceState sequence, int tokens) : Work
    {
        readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        static readonly int[] s_seven = [7];

        public Task Done => _done.Task;

        public override SequenceState Sequence => sequence;

        protected override IEnumerable<Feed> Run()
        {
            for (int i = 0; i < tokens; i++)
            {
                yield return Feed.Tokens(s_seven);
            }
        }

        protected override void Complete(Exception? error)
        {
            if (error is null)
            {
                _done.SetResult();
            }
            else
            {
                _done.SetException(error);
            }
        }
    }
}
