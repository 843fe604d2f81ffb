using System.Runtime.CompilerServices;
using GemmaSharp.Generation;

namespace GemmaSharp.Tests.Generation;

/// <summary>Who is let in, who waits and who is told to come again; and streams that are used wrongly, left standing or ended early.</summary>
public sealed class AdmissionTests
{
    static readonly GenerationOptions s_options = new() { Temperature = 1.2f, TopK = 0, TopP = 1, Seed = 5, MaxTokens = 6, IgnoreEos = true };

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answer_MoreThanMayWait_AreRefusedAtOnce()
    {
        using TinyModel tiny = Limited(active: 2, queued: 3);
        List<AnswerStream> answers = [];
        using GemmaSession session = tiny.Model.NewSession();
        using (tiny.Hold())
        {
            answers.AddRange(tiny.Model.Answer(Request(0), 4, Token));
            OverloadedException error = Assert.Throws<OverloadedException>(() => tiny.Model.Answer(Request(1), 2, Token));
            Assert.True(error.RetryAfter > TimeSpan.Zero);
            Assert.Contains("4 wait", error.Message, StringComparison.Ordinal);
            answers.Add(tiny.Model.Answer(Request(1), Token));
            Assert.Throws<OverloadedException>(() => tiny.Model.Answer(Request(2), Token));
            await Assert.ThrowsAsync<OverloadedException>(() => TinyModel.Read(session.GenerateAsync("One?", s_options, Token)));
            Assert.Empty(session.Messages);
            Assert.All(answers, answer => Assert.False(answer.Admitted.IsCompleted));
        }

        Assert.All(await Task.WhenAll(answers.Select(TinyModel.Read)), ids => Assert.Equal(6, ids.Length));
        Assert.All(answers, answer => Assert.True(answer.Admitted.IsCompletedSuccessfully));
        Assert.All(answers, answer => Assert.InRange(answer.Statistics.QueueTime, TimeSpan.FromTicks(1), answer.Statistics.TimeToFirstToken));
        Assert.Equal(6, (await TinyModel.Read(session.GenerateAsync("One?", s_options, Token))).Length);
        Assert.Equal(6, (await TinyModel.Read(tiny.Model.Answer(Request(2), Token))).Length);
    }

    [Fact]
    public async Task Answer_MoreThanMayRun_GoOnInOrder()
    {
        using TinyModel tiny = Limited(active: 2, queued: 20);
        int most = 0;
        tiny.Around((step, inner) =>
        {
            most = Math.Max(most, step.Chunks.Count);
            inner(step);
        });
        var order = new List<int>();
        Task[] readers;
        GemmaSession[] sessions = [.. Enumerable.Range(0, 4).Select(_ => tiny.Model.NewSession())];
        using (tiny.Hold())
        {
            readers =
            [
                .. Enumerable.Range(0, 8).Select(i => Read(
                    i, i % 2 == 0 ? tiny.Model.Answer(Request(i), Token) : sessions[i / 2].GenerateAsync(TinyModel.Prompt(i), s_options, Token))),
            ];
        }

        await Task.WhenAll(readers);
        Assert.Equal(2, most);

        // Two run side by side, so neighbours may change places.
        Assert.Equal(Enumerable.Range(0, 8), order.Order());
        Assert.All(order.Select((number, place) => Math.Abs(number - place)), distance => Assert.InRange(distance, 0, 2));
        Array.ForEach(sessions, session => session.Dispose());

        async Task Read(int number, IAsyncEnumerable<GeneratedToken> answer)
        {
            int read = 0;
            await foreach (GeneratedToken token in answer)
            {
                if (read++ == 0)
                {
                    lock (order)
                    {
                        order.Add(number);
                    }
                }
            }
        }
    }

    [Fact]
    public async Task Answer_CancelledWhileItWaits_LeavesTheQueueAtOnce()
    {
        using TinyModel tiny = Limited(active: 1, queued: 1);
        using var cancel = new CancellationTokenSource();
        using (tiny.Hold())
        {
            AnswerStream first = tiny.Model.Answer(Request(0), Token), second = tiny.Model.Answer(Request(1), cancel.Token);
            Assert.Throws<OverloadedException>(() => tiny.Model.Answer(Request(2), Token));
            await cancel.CancelAsync();

            // The engine is held and has done nothing about it.
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TinyModel.Read(second));
            Assert.True(second.Admitted.IsCanceled);
            await using AnswerStream third = tiny.Model.Answer(Request(2), Token);
            Assert.Throws<OverloadedException>(() => tiny.Model.Answer(Request(3), Token));
            await first.DisposeAsync();
            await Assert.ThrowsAsync<ObjectDisposedException>(() => TinyModel.Read(first));
            await using AnswerStream fourth = tiny.Model.Answer(Request(3), Token);
        }

        AnswerStream cancelled = tiny.Model.Answer(Request(1), cancel.Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => TinyModel.Read(cancelled));
        Assert.Equal(6, (await TinyModel.Read(tiny.Model.Answer(Request(2), Token))).Length);
    }

    [Fact]
    public async Task Answer_MemoryForOneOnly_TheNextWaits()
    {
        // The first computes its prompt while it knows nothing of the second.
        using var measure = new TinyModel();
        await TinyModel.Read(measure.Model.Answer(Request(0), Token));
        long one = measure.Engine.Prefixes.Bytes;
        using TinyModel tiny = Limited(active: 8, queued: 20, bytes: 4 * one);
        int most = 0;
        tiny.Around((step, inner) =>
        {
            most = Math.Max(most, step.Chunks.Count);
            inner(step);
            Assert.InRange(tiny.Model.CacheBytes, 1, 4 * one);
        });
        AnswerStream[] answers;
        using (tiny.Hold())
        {
            answers = [.. Enumerable.Range(0, 12).Select(i => tiny.Model.Answer(Request(i), Token))];
        }

        Assert.All(await Task.WhenAll(answers.Select(TinyModel.Read)), ids => Assert.Equal(6, ids.Length));
        Assert.InRange(most, 1, 4);
        GenerationRequest large = Request(1) with { Options = s_options with { MaxTokens = 3000 } };
        GenerationException error = await Assert.ThrowsAsync<GenerationException>(() => TinyModel.Read(tiny.Model.Answer(large, Token)));
        Assert.Contains("CacheBytes", error.Message, StringComparison.Ordinal);
        Assert.Contains(FormattableString.Invariant($"{4 * one:N0}"), error.Message, StringComparison.Ordinal);
        Assert.Equal(6, (await TinyModel.Read(tiny.Model.Answer(Request(3), Token))).Length);
    }

    [Fact]
    public async Task Answer_ReaderStandsStill_OthersAreComputedInItsPlace()
    {
        using TinyModel tiny = Limited(active: 1, queued: 20);
        GenerationOptions options = s_options with { MaxTokens = Answer.MostUnread + 60 };
        GenerationRequest request = Request(0) with { Options = options };
        int[] alone = await TinyModel.Read(tiny.Model.Answer(request, Token));
        int most = 0;
        tiny.Around((step, inner) =>
        {
            most = Math.Max(most, step.Chunks.Count);
            inner(step);
        });

        // Read from the last to the first, when each but the one that is read stands still.
        IReadOnlyList<AnswerStream> answers = tiny.Model.Answer(request, 4, Token);
        for (int i = 3; i >= 0; i--)
        {
            int[] ids = await TinyModel.Read(answers[i]);
            Assert.Equal(options.MaxTokens, ids.Length);
            Assert.Equal(i == 0, alone.SequenceEqual(ids));
        }

        Assert.Equal(1, most);
    }

    [Fact]
    public async Task Answer_WhatIsWrong_IsSaidEarlyOrAtTheFirstToken()
    {
        using TinyModel tiny = Limited(active: 2, queued: 2);
        GenerationRequest request = Request(0);
        Assert.Throws<ArgumentNullException>(() => tiny.Model.Answer(null!, Token));
        Assert.Throws<ArgumentOutOfRangeException>(() => tiny.Model.Answer(request, 0, Token));
        Assert.Throws<ArgumentException>(() => tiny.Model.Answer(request with { Messages = [null!] }, Token));
        Assert.Throws<ArgumentException>(() => tiny.Model.Answer(request with { Options = new() { TopP = 2 } }, Token));
        GenerationOptions bias = new() { LogitBias = new Dictionary<int, float> { [2304] = 1f } };
        Assert.Contains("2304", Assert.Throws<ArgumentException>(() => tiny.Model.Answer(request with { Options = bias }, Token)).Message, StringComparison.Ordinal);
        Assert.Throws<OverloadedException>(() => tiny.Model.Answer(request, 5, Token));
        ChatMessage[] roles = [new ChatMessage("narrator", "One.")];
        (ChatMessage[] Messages, Type Error)[] bad =
        [
            (roles, typeof(ChatMessageException)), ([], typeof(GenerationException)),
            ([ChatMessage.User(new string('x', 200_000))], typeof(ContextLengthException)),
            ([ChatMessage.User(new ImagePart(null, "here.png"))], typeof(GenerationException)),
        ];
        foreach ((ChatMessage[] messages, Type error) in bad)
        {
            AnswerStream answer = tiny.Model.Answer(request with { Messages = messages }, Token);
            await Assert.ThrowsAsync(error, () => TinyModel.Read(answer));
            await Assert.ThrowsAsync(error, () => answer.Admitted);
        }

        Assert.Equal(6, (await TinyModel.Read(tiny.Model.Answer(request, Token))).Length);
        foreach (GemmaModelOptions options in (GemmaModelOptions[])[new() { MaxActive = 0 }, new() { MaxQueued = -1 }, new() { CacheBytes = 0 }])
        {
            Assert.Throws<ArgumentException>(() => GemmaModel.Load(tiny.Folder, options));
        }

        tiny.Model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tiny.Model.Answer(request, Token));
    }

    [Fact]
    public async Task Stream_ReadTwiceOrEndedEarly_IsToldApart()
    {
        using TinyModel tiny = Limited(active: 1, queued: 5);
        AnswerStream answer = tiny.Model.Answer(Request(0), Token);
        var got = new List<int>();
        await foreach (GeneratedToken token in answer.WithCancellation(Token))
        {
            Assert.Throws<InvalidOperationException>(() => answer.GetAsyncEnumerator(Token));
            got.Add(token.Id);
            if (got.Count == 2)
            {
                break;
            }
        }

        Assert.Equal(2, answer.Statistics.AnswerTokens);
        Assert.Throws<InvalidOperationException>(() => answer.GetAsyncEnumerator(Token));
        await answer.DisposeAsync();

        using var cancel = new CancellationTokenSource();
        AnswerStream cancelled = tiny.Model.Answer(Request(0), Token);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken _ in cancelled.WithCancellation(cancel.Token))
            {
                await cancel.CancelAsync();
            }
        });
        int[] whole = await TinyModel.Read(tiny.Model.Answer(Request(0), Token));
        Assert.Equal(whole[..2], got);
    }

    [Fact]
    public async Task Stream_Forgotten_GivesItsPlaceBack()
    {
        using TinyModel tiny = Limited(active: 1, queued: 0);
        Forget(tiny.Model);
        while (true)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            try
            {
                Assert.Equal(6, (await TinyModel.Read(tiny.Model.Answer(Request(1), Token))).Length);
                break;
            }
            catch (OverloadedException)
            {
                await Task.Delay(5, Token);
            }
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        static void Forget(GemmaModel model) => model.Answer(Request(0) with { Options = s_options with { MaxTokens = null } }, Token);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(9)]
    public async Task Dispose_AnswersInEveryPhase_TellsEverybodyAndFreesAll(int step)
    {
        using var tiny = new TinyModel(options: options => options with { MaxActive = 3, MaxQueued = 20, Threads = 1 });
        int steps = 0;
        using var reached = new SemaphoreSlim(0);
        tiny.Around((s, inner) =>
        {
            inner(s);
            if (++steps == step)
            {
                reached.Release();
            }
        });
        GenerationRequest request = Request(0) with { Options = s_options with { MaxTokens = null } };
        List<Task<int[]>> readers = [.. tiny.Model.Answer(request, 8, Token).Select(TinyModel.Read)];
        readers.AddRange(Enumerable.Range(0, 4).Select(i => TinyModel.Read(tiny.Model.Answer(Request(i) with { Tenant = "x" }, Token))));
        await reached.WaitAsync(Token);
        tiny.Model.Dispose();
        foreach (Task<int[]> reader in readers)
        {
            await Assert.ThrowsAsync<ObjectDisposedException>(() => reader);
        }

        Assert.Equal(0, tiny.Model.CacheBytes);
        Assert.Equal(0, tiny.Engine.Admission.Waiting);
    }

    static TinyModel Limited(int active, int queued, long? bytes = null) =>
        new(options: options => options with { MaxActive = active, MaxQueued = queued, CacheBytes = bytes });

    static GenerationRequest Request(int number) => new()
    {
        Messages = [ChatMessage.User(string.Join(' ', Enumerable.Range(0, 60).Select(i => ((i * i) + (number * i)) % 17)))],
        Options = s_options,
    };
}
