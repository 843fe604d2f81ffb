using System.Text;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>Sessions of one model: batched, cancelled, continued.</summary>
public sealed class SessionTests(DemoEvaluationTests.DemoModel demo) : IClassFixture<DemoEvaluationTests.DemoModel>
{
    static readonly string[] s_questions = ["What is the capital of Peru?", "What is 8 + 9?", "Hello!", "What is the capital of Belgium?", "What is 3 + 4?", "Who are you?"];

    [Fact]
    public async Task Generate_ManySessionsAtOnce_DrawWhatEachDrawsAlone()
    {
        var expected = new List<List<int>>();
        for (int i = 0; i < s_questions.Length; i++)
        {
            expected.Add(await Ids(demo.Model, i));
        }

        List<int>[] together = await Task.WhenAll(Enumerable.Range(0, s_questions.Length).Select(i => Task.Run(() => Ids(demo.Model, i))));
        Assert.Equal(expected, together);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Generate_AnyNumberOfThreads_DrawsTheSame(int threads)
    {
        using GemmaModel other = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Threads = threads });
        for (int i = 0; i < s_questions.Length; i++)
        {
            Assert.Equal(await Ids(demo.Model, i), await Ids(other, i));
        }
    }

    [Fact]
    public async Task Generate_NextTurn_PrefillsOnlyWhatIsNew()
    {
        using GemmaSession session = demo.Model.NewSession();
        var options = new GenerationOptions { Temperature = 0 };
        Assert.Equal("The capital of Peru is Lima.", await Answer(session, s_questions[0], options));
        int first = session.Statistics.PromptTokens;
        Assert.Equal(0, session.Statistics.ReusedTokens);
        string second = await Answer(session, s_questions[1], options);
        Assert.True(session.Statistics.ReusedTokens >= first, $"{session.Statistics.ReusedTokens} of {session.Statistics.PromptTokens} reused");
        Assert.Equal(["user", "assistant", "user", "assistant"], session.Messages.Select(m => m.Role));

        using GemmaSession fresh = demo.Model.NewSession();
        fresh.SetMessages(session.Messages.Take(3));
        var text = new StringBuilder();
        await foreach (GeneratedToken token in fresh.GenerateAsync(options, TestContext.Current.CancellationToken))
        {
            text.Append(token.Text);
        }

        Assert.Equal(second, text.ToString());
        Assert.Equal(0, fresh.Statistics.ReusedTokens);
    }

    [Fact]
    public async Task Generate_ReaderLeavesOrCancels_SessionGoesOn()
    {
        using GemmaSession session = demo.Model.NewSession();
        var options = new GenerationOptions { Temperature = 0 };
        EncodedPrompt prompt = demo.Model.Encode([ChatMessage.User(s_questions[0])]);
        List<int> whole = await Ids(session, prompt, options);
        await foreach (GeneratedToken _ in session.GenerateAsync(prompt, options, TestContext.Current.CancellationToken))
        {
            break;
        }

        using var stop = new CancellationTokenSource();
        var got = new List<int>();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken token in session.GenerateAsync(prompt, options with { IgnoreEos = true, MaxTokens = 500 }, stop.Token))
            {
                got.Add(token.Id);
                if (got.Count == 3)
                {
                    await stop.CancelAsync();
                }
            }
        });
        Assert.InRange(got.Count, 3, 499);
        Assert.Equal(whole, await Ids(session, prompt, options));
    }

    [Fact]
    public async Task Generate_WhatCannotBegin_LeavesTheConversationAsItWas()
    {
        using GemmaSession session = demo.Model.NewSession();
        await Answer(session, s_questions[0], new GenerationOptions { Temperature = 0 });
        await Assert.ThrowsAsync<ArgumentException>(() => Answer(session, "x", new GenerationOptions { TopP = 2 }));
        await Assert.ThrowsAsync<ContextLengthException>(() => Answer(session, new string('x', 10_000), new GenerationOptions()));
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken _ in session.GenerateAsync("x", null, cancelled.Token))
            {
            }
        });
        Assert.Equal(2, session.Messages.Count);
        Assert.Equal("8 plus 9 is 17.", await Answer(session, s_questions[1], new GenerationOptions { Temperature = 0 }));
    }

    [Fact]
    public async Task Generate_SecondAnswerWhileOneRuns_IsRefused()
    {
        using GemmaSession session = demo.Model.NewSession();
        await foreach (GeneratedToken _ in session.GenerateAsync(s_questions[0], null, TestContext.Current.CancellationToken))
        {
            await Assert.ThrowsAsync<InvalidOperationException>(() => Answer(session, "x", new GenerationOptions()));
            break;
        }
    }

    [Fact]
    public async Task Generate_StopsForTheReasonItNames()
    {
        Assert.Equal(("The capital of", StopReason.StopText), await Ended(new() { Temperature = 0, Stop = [" Peru"] }));
        Assert.Equal(("The capital of Peru is Lima.", StopReason.EndOfTurn), await Ended(new() { Temperature = 0 }));
        Assert.Equal(StopReason.MaxTokens, (await Ended(new() { Temperature = 0, MaxTokens = 2 })).Reason);
        using GemmaModel small = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { ContextLength = 20 });
        Assert.Equal(StopReason.ContextFull, (await Ended(new() { Temperature = 0 }, small)).Reason);
    }

    [Fact]
    public async Task Generate_Logprobs_GoWithGreedyChoices()
    {
        using GemmaSession session = demo.Model.NewSession();
        await foreach (GeneratedToken token in session.GenerateAsync(s_questions[0], new GenerationOptions { Temperature = 0, Logprobs = 2 }, TestContext.Current.CancellationToken))
        {
            Assert.Equal(2, token.TopLogprobs!.Count);
            Assert.Equal((token.Id, token.Logprob!.Value), (token.TopLogprobs[0].Id, token.TopLogprobs[0].Logprob));
            Assert.InRange(token.Logprob.Value, -1f, 0f);
        }
    }

    async Task<(string Text, StopReason Reason)> Ended(GenerationOptions options, GemmaModel? model = null)
    {
        using GemmaSession session = (model ?? demo.Model).NewSession();
        var text = new StringBuilder();
        StopReason? reason = null;
        await foreach (GeneratedToken token in session.GenerateAsync(s_questions[0], options, TestContext.Current.CancellationToken))
        {
            Assert.Null(reason);
            text.Append(token.Text);
            reason = token.StopReason;
        }

        return (text.ToString(), reason!.Value);
    }

    static async Task<string> Answer(GemmaSession session, string question, GenerationOptions options)
    {
        var text = new StringBuilder();
        await foreach (GeneratedToken token in session.GenerateAsync(question, options, TestContext.Current.CancellationToken))
        {
            text.Append(token.Text);
        }

        return text.ToString();
    }

    static async Task<List<int>> Ids(GemmaModel model, int question)
    {
        using GemmaSession session = model.NewSession();
        EncodedPrompt prompt = model.Encode([ChatMessage.User(s_questions[question])]);
        return await Ids(session, prompt, new GenerationOptions { Temperature = 1.5f, TopK = 0, TopP = 1, Seed = (ulong)question, MaxTokens = 40, IgnoreEos = question % 2 == 0 });
    }

    static async Task<List<int>> Ids(GemmaSession session, EncodedPrompt prompt, GenerationOptions options)
    {
        var ids = new List<int>();
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, options, TestContext.Current.CancellationToken))
        {
            ids.Add(token.Id);
        }

        return ids;
    }
}
