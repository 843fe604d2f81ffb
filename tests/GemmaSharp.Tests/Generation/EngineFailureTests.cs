using GemmaSharp.Layers;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Tests.Checkpoints;

namespace GemmaSharp.Tests.Generation;

/// <summary>One failure is one failure: eight healthy conversations beside each bad neighbour draw what they draw alone.</summary>
public sealed class EngineFailureTests
{
    const int Healthy = 8;

    public static TheoryData<string> Neighbours =>
        ["id too large", "id negative", "rows of another width", "another model's", "first step", "while drawing", "penalty", "memory", "cancelled"];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Neighbours))]
    public async Task Step_BadNeighbour_OthersDrawWhatTheyDrawAlone(string kind)
    {
        using var tiny = new TinyModel(threads: 2);
        int[][] alone = new int[Healthy][];
        for (int i = 0; i < Healthy; i++)
        {
            alone[i] = await tiny.Alone(i);
        }

        int[] neighbourAlone = await tiny.Alone(100);
        using var other = new TinyModel();
        using var cancel = new CancellationTokenSource();
        (EncodedPrompt prompt, GenerationOptions options, Type? error) = Neighbour(kind, tiny, other);
        GemmaSession[] sessions = [.. Enumerable.Range(0, Healthy).Select(_ => tiny.Model.NewSession())];
        using GemmaSession bad = tiny.Model.NewSession();
        Task<int[]>[] answers;
        Task<int[]> badAnswer;
        using (tiny.Hold())
        {
            answers = [.. sessions.Select((session, i) => TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(i), TinyModel.Draw, Token)))];
            badAnswer = TinyModel.Read(bad.GenerateAsync(prompt, options, cancel.Token));
            if (kind == "cancelled")
            {
                await cancel.CancelAsync();
            }
        }

        if (error is not null)
        {
            await Assert.ThrowsAsync(error, () => badAnswer);
        }
        else
        {
            Assert.Equal(12, (await badAnswer).Length);
        }

        for (int i = 0; i < Healthy; i++)
        {
            Assert.Equal(alone[i], await answers[i]);
            sessions[i].Dispose();
        }

        // The neighbour's own session goes on, too, and its cache holds nothing that is wrong.
        Assert.Equal(neighbourAlone, await TinyModel.Read(bad.GenerateAsync(TinyModel.Prompt(100), TinyModel.Draw, Token)));
    }

    static (EncodedPrompt Prompt, GenerationOptions Options, Type? Error) Neighbour(string kind, TinyModel tiny, TinyModel other)
    {
        EncodedPrompt good = TinyModel.Prompt(100);
        switch (kind)
        {
            case "id too large":
                return (new EncodedPrompt([2, 99_999_999, 5]), TinyModel.Draw, typeof(ArgumentException));
            case "id negative":
                return (new EncodedPrompt([2, -1, 5]), TinyModel.Draw, typeof(ArgumentException));
            case "rows of another width":
                return (new EncodedPrompt([2, 5, 6], [new SoftTokens(1, 1, new float[7], 1)]), TinyModel.Draw, typeof(ArgumentException));
            case "another model's":
                EncodedPrompt foreign = other.Model.Encode([ChatMessage.User([new ImagePart(TinyModel.Picture()), new TextPart("What?")])]);
                return (foreign, TinyModel.Draw, typeof(ArgumentException));
            case "first step":
                FailAt(tiny, 1, after: true, () => throw new InvalidOperationException("guilty"));
                return (good, TinyModel.Draw, typeof(InvalidOperationException));
            case "while drawing":
                FailAt(tiny, 4, after: false, () => throw new InvalidOperationException("guilty"));
                return (good, TinyModel.Draw, typeof(InvalidOperationException));
            case "memory":
                FailAt(tiny, 5, after: true, () => throw OutOfMemory());
                return (good, TinyModel.Draw, typeof(GenerationException));
            case "penalty":
                return (good, TinyModel.Draw with { RepetitionPenalty = 1e-45f, PresencePenalty = -3.4e38f, FrequencyPenalty = -3.4e38f }, null);
            default:
                return (good, TinyModel.Draw, typeof(OperationCanceledException));
        }
    }

#pragma warning disable CA2201 // It stands for the runtime's own.
    static OutOfMemoryException OutOfMemory() => new();
#pragma warning restore CA2201

    /// <summary>
    /// Makes every step fail that holds the neighbour's sequence, once it has been in as many as said: before its caches are extended, or after all is
    /// computed.
    /// </summary>
    static void FailAt(TinyModel tiny, int nth, bool after, Action fail)
    {
        int first = TinyModel.Ids(100, 9)[1], steps = 0;
        KvCache? guilty = null;
        bool failing = true;
        tiny.Around((step, inner) =>
        {
            foreach (TextStep.Chunk chunk in step.Chunks)
            {
                guilty ??= chunk.Rows > 1 && step.Ids[chunk.FirstRow + 1] == first ? chunk.Cache : null;
            }

            bool holds = step.Chunks.Any(chunk => chunk.Cache == guilty);
            bool alone = step.Chunks.Count == 1;
            steps += holds && !alone ? 1 : 0;
            bool fails = failing && holds && steps >= nth;
            if (fails && !after)
            {
                failing = !alone;
                fail();
            }

            inner(step);
            if (fails)
            {
                failing = !alone;
                fail();
            }
        });
    }

    [Fact]
    public async Task Step_AloneAndFailing_EndsThatAnswerOnly()
    {
        using var tiny = new TinyModel();
        int[] alone = await tiny.Alone(1);
        int steps = 0;
        tiny.Around((step, inner) =>
        {
            inner(step);
            if (++steps == 3)
            {
                throw new InvalidOperationException("third");
            }
        });
        using GemmaSession session = tiny.Model.NewSession();
        var got = new List<int>();
        await Assert.ThrowsAsync<InvalidOperationException>(async () =>
        {
            await foreach (GeneratedToken token in session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token))
            {
                got.Add(token.Id);
            }
        });
        Assert.Equal(alone[..2], got);
        Assert.Equal(alone, await TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token)));
    }

    [Fact]
    public async Task Step_AnyAllocationFailing_IsAnErrorOfThatSessionAndNothingStays()
    {
        // A prompt that fills the first page, so that its first drawn token needs new keys and values in every layer.
        const int Length = 128;
        using var tiny = new TinyModel();
        GenerationOptions options = TinyModel.Draw with { MaxTokens = 4 };
        int[] alone = await tiny.Alone(1, options, Length), other = await tiny.Alone(2, options, Length);
        int fail = 0;
        bool failed = false;
        tiny.Around((step, inner) =>
        {
            if (fail > 0 && !failed && step.Chunks.Any(chunk => chunk.Cache.Length + chunk.Rows == Length + 1))
            {
                using AllocationFailure.Armed armed = AllocationFailure.At(fail);
                try
                {
                    inner(step);
                }
                finally
                {
                    failed = armed.HasFailed;
                }
            }
            else
            {
                inner(step);
            }
        });

        // The first round lets the scratch grow, so that what steps still allocate is keys and values.
        for (; fail == 0 || failed; fail++)
        {
            failed = false;
            using GemmaSession one = tiny.Model.NewSession(), two = tiny.Model.NewSession();
            Task<int[]?>[] answers;
            using (tiny.Hold())
            {
                answers = [OrError(Ask(one, 1)), OrError(Ask(two, 2))];
            }

            // One failure in a step of two passes when the two are run singly; in a step of one it is that answer's.
            int[]? first = await answers[0], second = await answers[1];
            Assert.True(first is null || alone.SequenceEqual(first));
            Assert.True(second is null || other.SequenceEqual(second));
            Assert.Equal(alone, await Ask(one, 1));
            Assert.Equal(other, await Ask(two, 2));
            failed |= fail == 0;
        }

        Assert.True(fail > 5, $"{fail} rounds");

        Task<int[]> Ask(GemmaSession session, int number) =>
            TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(number, Length), options, Token));

        static async Task<int[]?> OrError(Task<int[]> answer)
        {
            try
            {
                return await answer;
            }
            catch (GenerationException error)
            {
                Assert.IsType<OutOfMemoryException>(error.InnerException);
                return null;
            }
        }
    }

    [Fact]
    public async Task Trace_Throwing_EndsThatTraceOnly()
    {
        using var tiny = new TinyModel();
        int[] alone = await tiny.Alone(1);
        using GemmaSession session = tiny.Model.NewSession();
        Task<int[]> answer;
        Task trace;
        using (tiny.Hold())
        {
            answer = TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token));
            trace = tiny.Model.TraceAsync(TinyModel.Prompt(2), new CallbackTrace(n => throw new TimeZoneNotFoundException($"{n}")), Token);
        }

        Assert.Equal("1", (await Assert.ThrowsAsync<TimeZoneNotFoundException>(() => trace)).Message);
        Assert.Equal(alone, await answer);
        var encoded = new CallbackTrace(n => throw new TimeZoneNotFoundException());
        Assert.Throws<TimeZoneNotFoundException>(() => tiny.Model.Encode([ChatMessage.User(new ImagePart(TinyModel.Picture()))], trace: encoded));
        Assert.Throws<ArgumentException>(() => tiny.Model.Trace(new EncodedPrompt([2, -1]), encoded));
        Assert.Equal(alone, await tiny.Alone(1));
    }

    [Fact]
    public async Task Prompt_WhatItIsMadeOfChangesLater_StaysAsItWas()
    {
        using var tiny = new TinyModel();
        int[] ids = TinyModel.Ids(1, 9);
        var soft = new List<SoftTokens>();
        var prompt = new EncodedPrompt(ids, soft);
        Array.Fill(ids, -1);
        soft.Add(new SoftTokens(99, 1, new float[1], 0));
        using GemmaSession session = tiny.Model.NewSession();
        Assert.Equal(await tiny.Alone(1), await TinyModel.Read(session.GenerateAsync(prompt, TinyModel.Draw, Token)));
        Assert.Throws<NotSupportedException>(() => new EncodedPrompt([2, 3], new ThrowingList()));
        Assert.Throws<ArgumentException>(() => new EncodedPrompt([2, 3], [new SoftTokens(int.MaxValue, 2, new float[2], 0)]));
    }

    [Fact]
    public void Encode_MessagesThatThrow_FailForThatCallOnly()
    {
        using var tiny = new TinyModel();
        Assert.Throws<NotSupportedException>(() => tiny.Model.Encode(new ThrowingList()));
        Assert.Throws<ArgumentException>(() => tiny.Model.Encode([null!]));
        Assert.Throws<ArgumentNullException>(() => tiny.Model.Encode(null!));
        Assert.NotEqual(0, tiny.Model.Encode([ChatMessage.User("Hello")]).Ids.Length);
    }

    sealed class ThrowingList : IReadOnlyList<SoftTokens>, IReadOnlyList<ChatMessage>
    {
        public int Count => 1;

        SoftTokens IReadOnlyList<SoftTokens>.this[int index] => throw new NotSupportedException();

        ChatMessage IReadOnlyList<ChatMessage>.this[int index] => throw new NotSupportedException();

        IEnumerator<SoftTokens> IEnumerable<SoftTokens>.GetEnumerator() => throw new NotSupportedException();

        IEnumerator<ChatMessage> IEnumerable<ChatMessage>.GetEnumerator() => throw new NotSupportedException();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => throw new NotSupportedException();
    }
}
