using System.Runtime.CompilerServices;
using GemmaSharp.Generation;

namespace GemmaSharp.Tests.Generation;

/// <summary>Sessions used wrongly, at once, or left standing: no message is lost or doubled, and the session goes on.</summary>
public sealed class SessionStateTests : IDisposable
{
    static readonly ChatMessage[] s_conversation = [ChatMessage.User("One?"), ChatMessage.Assistant("One."), ChatMessage.User("Two?")];

    readonly TinyModel _tiny = new();

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Generate_TwoCallsAtOnce_TheLoserChangesNothing()
    {
        for (int round = 0; round < 40; round++)
        {
            using GemmaSession session = _tiny.Model.NewSession();
            using var start = new Barrier(2);
            int lost = 0;
            await Task.WhenAll(Enumerable.Range(0, 2).Select(i => Task.Run(async () =>
            {
                start.SignalAndWait(Token);
                try
                {
                    await TinyModel.Read(session.GenerateAsync($"Question {i}?", TinyModel.Draw with { MaxTokens = 3 }, Token));
                }
                catch (InvalidOperationException)
                {
                    Interlocked.Increment(ref lost);
                }
            })));

            // Whoever came second after the first was done has asked a second question.
            Assert.Equal(lost == 1 ? ["user", "assistant"] : ["user", "assistant", "user", "assistant"], session.Messages.Select(m => m.Role));
        }
    }

    [Fact]
    public async Task Generate_AfterAnAnswer_GoesOnWithItAndTheNextQuestionIsAnswered()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        session.SetMessages(s_conversation[..2]);
        string before = session.Messages[1].Text;
        await TinyModel.Read(session.GenerateAsync(TinyModel.Draw, Token));
        Assert.Equal(2, session.Messages.Count);
        Assert.StartsWith(before, session.Messages[1].Text, StringComparison.Ordinal);
        Assert.True(session.Messages[1].Text.Length > before.Length);
        await TinyModel.Read(session.GenerateAsync("Two?", TinyModel.Draw, Token));
        Assert.Equal(4, session.Messages.Count);
    }

    [Fact]
    public void Message_OfNullParts_IsRefusedAndItsListIsItsOwn()
    {
        Assert.Throws<ArgumentException>(() => new ChatMessage("user", [null!]));
        Assert.Throws<ArgumentNullException>(() => new TextPart(null!));
        Assert.Throws<ArgumentNullException>(() => new LongAudioPart(null!));
        ContentPart[] parts = [new TextPart("as it was")];
        ChatMessage message = ChatMessage.User(parts);
        parts[0] = new TextPart("changed");
        Assert.Equal("as it was", message.Text);
    }

    [Fact]
    public async Task Generate_WhileOneRuns_IsRefusedAndLeavesItAlone()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        session.SetMessages(s_conversation[..2]);
        int read = 0;
        await foreach (GeneratedToken _ in session.GenerateAsync("Two?", TinyModel.Draw, Token))
        {
            Assert.Equal(3, session.Messages.Count);
            await Assert.ThrowsAsync<InvalidOperationException>(() => TinyModel.Read(session.GenerateAsync("Three?", null, Token)));
            await Assert.ThrowsAsync<InvalidOperationException>(() => TinyModel.Read(session.GenerateAsync(null, Token)));
            await Assert.ThrowsAsync<InvalidOperationException>(() => TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), null, Token)));
            Assert.Throws<InvalidOperationException>(() => session.SetMessages([]));
            read++;
        }

        Assert.Equal(12, read);
        Assert.Equal(["user", "assistant", "user", "assistant"], session.Messages.Select(m => m.Role));
    }

    [Fact]
    public async Task Generate_WhatFailsOrNeverBegins_LeavesTheConversationAsItWas()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        session.SetMessages(s_conversation);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Refused<ArgumentException>(options => session.GenerateAsync(options, Token), new GenerationOptions { TopP = 2 });
        await Refused<ArgumentException>(options => session.GenerateAsync(options, Token), new GenerationOptions { Stop = null! });
        await Refused<ArgumentException>(options => session.GenerateAsync(options, Token), new GenerationOptions { Stop = [null!] });
        await Refused<OperationCanceledException>(options => session.GenerateAsync(options, cancelled.Token));
        await Refused<ChatMessageException>(options => session.GenerateAsync(new ChatMessage("narrator", "Again?"), options, Token));
        session.SetMessages([.. s_conversation[..2], ChatMessage.User(new string('x', 200_000))]);
        await Refused<GenerationException>(options => session.GenerateAsync(options, Token));
        session.SetMessages([.. s_conversation[..2], ChatMessage.User(new ImagePart(null, "here.png"))]);
        await Refused<GenerationException>(options => session.GenerateAsync(options, Token));
        _ = session.GenerateAsync(cancellationToken: Token);
        _ = session.GenerateAsync(cancellationToken: Token).GetAsyncEnumerator(Token);
        session.SetMessages([]);
        await Refused<GenerationException>(options => session.GenerateAsync(options, Token));

        session.SetMessages(s_conversation);
        Assert.Equal(12, (await TinyModel.Read(session.GenerateAsync(TinyModel.Draw, Token))).Length);
        Assert.Equal(["user", "assistant", "user", "assistant"], session.Messages.Select(m => m.Role));

        async Task Refused<T>(Func<GenerationOptions?, IAsyncEnumerable<GeneratedToken>> ask, GenerationOptions? options = null)
            where T : Exception
        {
            IReadOnlyList<ChatMessage> before = session.Messages;
            await Assert.ThrowsAnyAsync<T>(() => TinyModel.Read(ask(options)));
            Assert.Equal(before, session.Messages);
        }
    }

    [Fact]
    public async Task Generate_Cancelled_KeepsWhatWasRead()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        using var cancel = new CancellationTokenSource();
        var text = new System.Text.StringBuilder();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedToken token in session.GenerateAsync("One?", TinyModel.Draw, cancel.Token))
            {
                text.Append(token.Text);
                await cancel.CancelAsync();
            }
        });
        Assert.Equal(["One?", text.ToString()], session.Messages.Select(m => m.Text));
        Assert.Equal(12, (await TinyModel.Read(session.GenerateAsync("Two?", TinyModel.Draw, Token))).Length);
    }

    [Fact]
    public async Task Generate_Nulls_AreNamed()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        Assert.Throws<ArgumentNullException>(() => session.GenerateAsync((ChatMessage)null!, cancellationToken: Token));
        Assert.Throws<ArgumentNullException>(() => session.GenerateAsync((string)null!, cancellationToken: Token));
        Assert.Throws<ArgumentNullException>(() => session.GenerateAsync((EncodedPrompt)null!, cancellationToken: Token));
        Assert.Throws<ArgumentNullException>(() => session.SetMessages(null!));
        Assert.Throws<ArgumentException>(() => session.SetMessages([null!]));
        Assert.Empty(session.Messages);
        Assert.Equal(3, (await TinyModel.Read(session.GenerateAsync("One?", TinyModel.Draw with { MaxTokens = 3 }, Token))).Length);
    }

    [Fact]
    public async Task Generate_ReaderStandsStill_IsHeldUpAndGoesOn()
    {
        const int Tokens = Answer.MostUnread + 40;
        GenerationOptions options = TinyModel.Draw with { MaxTokens = Tokens };
        int[] alone = await _tiny.Alone(1, options);
        int steps = 0;
        _tiny.Around((step, inner) =>
        {
            inner(step);
            Interlocked.Increment(ref steps);
        });
        using GemmaSession session = _tiny.Model.NewSession();
        var got = new List<int>();
        await foreach (GeneratedToken token in session.GenerateAsync(TinyModel.Prompt(1), options, Token))
        {
            got.Add(token.Id);
            if (got.Count == 1)
            {
                // Others go on; what is to come waits for its reader. The first token has been read, or its place in the queue would be taken by one more.
                while (Volatile.Read(ref steps) < Answer.MostUnread)
                {
                    await Pieces();
                }

                await Pieces();
                await Pieces();
                Assert.InRange(Volatile.Read(ref steps), Answer.MostUnread, Answer.MostUnread + 1);
            }
        }

        Assert.Equal(alone, got);

        Task Pieces() => _tiny.Engine.Submit<object>(_ => [null, this], Token);
    }

    [Fact]
    public async Task Generate_EnumeratorForgotten_SessionCanBeUsedAgain()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        await Forget(session, _tiny);
        var options = TinyModel.Draw with { MaxTokens = 3 };
        while (true)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            try
            {
                Assert.Equal(3, (await TinyModel.Read(session.GenerateAsync("Two?", options, Token))).Length);
                break;
            }
            catch (InvalidOperationException)
            {
                await Task.Delay(5, Token);
            }
        }

        Assert.Equal(["user", "assistant", "user", "assistant"], session.Messages.Select(m => m.Role));

        [MethodImpl(MethodImplOptions.NoInlining)]
        static async Task Forget(GemmaSession session, TinyModel tiny)
        {
            IAsyncEnumerator<GeneratedToken> tokens = session.GenerateAsync("One?", TinyModel.Draw with { MaxTokens = 1000 }, Token).GetAsyncEnumerator(Token);
            ValueTask<bool> first;
            using (tiny.Hold())
            {
                // It has to wait, and whoever wakes it must not remember it.
                first = tokens.MoveNextAsync();
            }

            Assert.True(await first);
            await Assert.ThrowsAsync<InvalidOperationException>(() => TinyModel.Read(session.GenerateAsync("Two?", null, Token)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Dispose_WhileAnswering_EndsTheAnswerAndWaits(bool asynchronously)
    {
        GemmaSession session = _tiny.Model.NewSession();
        IAsyncEnumerator<GeneratedToken> tokens = session.GenerateAsync("One?", TinyModel.Draw with { MaxTokens = 1000 }, Token).GetAsyncEnumerator(Token);
        Assert.True(await tokens.MoveNextAsync());
        if (asynchronously)
        {
            await session.DisposeAsync();
        }
        else
        {
            session.Dispose();
        }

        Assert.Equal(0, session.CacheBytes);
        Assert.Equal(["user", "assistant"], session.Messages.Select(m => m.Role));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await tokens.MoveNextAsync());
        await tokens.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => TinyModel.Read(session.GenerateAsync("Two?", null, Token)));
        Assert.Throws<ObjectDisposedException>(() => session.SetMessages([]));
        session.Dispose();
        Assert.Equal(3, (await _tiny.Alone(1, TinyModel.Draw with { MaxTokens = 3 })).Length);
    }

    [Fact]
    public async Task Dispose_WhileTheReaderWaits_ReaderIsTold()
    {
        GemmaSession session = _tiny.Model.NewSession();
        Task<int[]> answer;
        Task disposal;
        using (_tiny.Hold())
        {
            answer = TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token));
            disposal = session.DisposeAsync().AsTask();

            // The engine has not let the answer in, so nobody has to wait for it.
            await disposal;
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => answer);
    }

    [Fact]
    public async Task Generate_ConversationWithPicture_ComputesNothingOnTheCallersThread()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        ValueTask<bool> first;
        IAsyncEnumerator<GeneratedToken> tokens;
        using (_tiny.Hold())
        {
            // The engine is held, so whatever comes back has been computed by nobody.
            ChatMessage question = ChatMessage.User([new ImagePart(TinyModel.Picture()), new AudioPart(TinyModel.Clip())]);
            tokens = session.GenerateAsync(question, TinyModel.Draw, Token).GetAsyncEnumerator(Token);
            first = tokens.MoveNextAsync();
            Assert.False(first.IsCompleted);
            Assert.Equal(0, _tiny.Engine.ScratchBytes);
        }

        Assert.True(await first);
        await tokens.DisposeAsync();
        Assert.Equal(2, session.Messages.Count);
    }

    [Fact]
    public async Task Messages_ReadWhileAnswering_AreWhole()
    {
        using GemmaSession session = _tiny.Model.NewSession();
        using var done = new CancellationTokenSource();
        Task reading = Task.Run(() =>
        {
            while (!done.IsCancellationRequested)
            {
                IReadOnlyList<ChatMessage> messages = session.Messages;
                for (int i = 0; i < messages.Count; i++)
                {
                    Assert.Equal(i % 2 == 0 ? "user" : "assistant", messages[i].Role);
                }

                Assert.True(_tiny.Model.ScratchBytes >= 0 && session.CacheBytes >= 0);
            }
        }, Token);
        for (int i = 0; i < 20; i++)
        {
            await TinyModel.Read(session.GenerateAsync($"{i}?", TinyModel.Draw with { MaxTokens = 2 }, Token));
        }

        await done.CancelAsync();
        await reading;
        Assert.Equal(40, session.Messages.Count);
    }

    public void Dispose() => _tiny.Dispose();
}
