using GemmaSharp.Tests.Checkpoints;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Generation;

/// <summary>A model disposed while it works: everybody who waits is told, and nothing is unmapped under anybody.</summary>
public sealed class ModelDisposalTests
{
    static readonly ChatMessage[] s_messages = [ChatMessage.User([new ImagePart(TinyModel.Picture()), new AudioPart(TinyModel.Clip()), new TextPart("What?")])];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1, 3, false)]
    [InlineData(2, 3, false)]
    [InlineData(1, 30, false)]
    [InlineData(1, 3, true)]
    [InlineData(2, 30, true)]
    public async Task Dispose_DuringTrace_EndsIt(int threads, int record, bool inCallback)
    {
        using var tiny = new TinyModel(threads);
        Task? disposal = null;
        var trace = new CallbackTrace(n =>
        {
            if (n == record)
            {
                disposal = DisposeFrom(tiny, inCallback);
            }
        });
        await Assert.ThrowsAsync<ObjectDisposedException>(() => tiny.Model.TraceAsync(TinyModel.Prompt(1), trace, Token));
        Assert.Equal(record, trace.Count);
        await disposal!;
        tiny.Model.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tiny.Model.Trace(TinyModel.Prompt(1), trace));
        Assert.Throws<ObjectDisposedException>(() => tiny.Model.NewSession());
        Assert.Throws<ObjectDisposedException>(() => tiny.Model.LoadAdapter("x"));
    }

    [Theory]
    [InlineData(1, 2, false)]
    [InlineData(2, 9, false)]
    [InlineData(1, 9, true)]
    public async Task Dispose_DuringEncode_EndsIt(int threads, int record, bool inCallback)
    {
        using var tiny = new TinyModel(threads);
        Task? disposal = null;
        var trace = new CallbackTrace(n => disposal = n == record ? DisposeFrom(tiny, inCallback) : disposal);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => tiny.Model.EncodeAsync(s_messages, trace: trace, cancellationToken: Token));
        await disposal!;
        await Assert.ThrowsAsync<ObjectDisposedException>(() => tiny.Model.EncodeAsync(s_messages, cancellationToken: Token));
        Assert.Throws<ObjectDisposedException>(() => tiny.Model.Encode(s_messages));
        Assert.Throws<ObjectDisposedException>(() => tiny.Model.EncodeText("x"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Dispose_DuringAnswersAndWhatWaits_TellsEverybody(int threads)
    {
        using var tiny = new TinyModel(threads);
        GemmaSession[] sessions = [.. Enumerable.Range(0, 5).Select(_ => tiny.Model.NewSession())];
        int steps = 0;
        using var reached = new SemaphoreSlim(0);
        tiny.Around((step, inner) =>
        {
            inner(step);
            if (++steps == 3)
            {
                reached.Release();
            }
        });
        var options = TinyModel.Draw with { MaxTokens = 100_000 };
        Task[] all =
        [
            .. sessions.Select((session, i) => TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(i), options with { MaxTokens = null }, Token))),
            Repeatedly(() => tiny.Model.EncodeAsync(s_messages, trace: new CallbackTrace(_ => { }), cancellationToken: Token)),
            Repeatedly(() => tiny.Model.TraceAsync(TinyModel.Prompt(9), new CallbackTrace(_ => { }), Token)),
            Repeatedly(() => Task.Run(() => tiny.Model.LoadAdapter(Path.GetDirectoryName(GoldenFiles.Find("lora/peft/adapter_config.json"))!))),
        ];
        await reached.WaitAsync(Token);
        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Task.Run(tiny.Model.Dispose, Token)));
        foreach (Task task in all)
        {
            Exception? error = await Record.ExceptionAsync(() => task);
            Assert.True(error is ObjectDisposedException, $"{error}");
        }

        foreach (GemmaSession session in sessions)
        {
            session.Dispose();
            Assert.Equal(0, session.CacheBytes);
        }

        static async Task Repeatedly(Func<Task> ask)
        {
            while (true)
            {
                try
                {
                    await ask();
                }
                catch (AdapterException)
                {
                    // The adapter is another checkpoint's; reading the headers is what matters here.
                }
            }
        }
    }

    [Fact]
    public async Task Callback_ThatWaitsForTheModel_IsRefused()
    {
        using var tiny = new TinyModel();
        var errors = new List<Exception?>();
        GemmaSession session = tiny.Model.NewSession();
        Task<int[]> answer = Task.FromResult<int[]>([]);
        var trace = new CallbackTrace(n =>
        {
            if (n == 1)
            {
                errors.Add(Record.Exception(() => tiny.Model.Encode(s_messages)));
                errors.Add(Record.Exception(() => tiny.Model.Trace(TinyModel.Prompt(1), new CallbackTrace(_ => { }))));
                answer = TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token));
                session.Dispose();
            }
        });
        await tiny.Model.TraceAsync(TinyModel.Prompt(1), trace, Token);
        Assert.All(errors, error => Assert.IsType<InvalidOperationException>(error));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => answer);
        await session.DisposeAsync();
        Assert.Equal(0, session.CacheBytes);
    }

    [Fact]
    public async Task EncodeAndTrace_Cancelled_EndAtTheNextIntermediate()
    {
        using var tiny = new TinyModel();
        int[] alone = await tiny.Alone(1);
        using GemmaSession session = tiny.Model.NewSession();
        foreach (bool encode in (bool[])[true, false])
        {
            using var cancel = new CancellationTokenSource();
            var trace = new CallbackTrace(n =>
            {
                if (n == 4)
                {
                    cancel.Cancel();
                }
            });
            Task<int[]> answer = TinyModel.Read(session.GenerateAsync(TinyModel.Prompt(1), TinyModel.Draw, Token));
            Task work = encode
                ? tiny.Model.EncodeAsync(s_messages, trace: trace, cancellationToken: cancel.Token)
                : tiny.Model.TraceAsync(TinyModel.Prompt(2), trace, cancel.Token);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => work);
            Assert.Equal(4, trace.Count);
            Assert.Equal(alone, await answer);
        }

        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tiny.Model.EncodeAsync(s_messages, cancellationToken: cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tiny.Model.EncodeTextAsync("x", cancellationToken: cancelled.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => tiny.Model.TraceAsync(TinyModel.Prompt(1), new CallbackTrace(_ => { }), cancelled.Token));
    }

    [Fact]
    public void Load_TokenizerOfAnotherModel_IsRefused()
    {
        using var files = TinyCheckpoint.Create("tiny-a");
        string path = Path.Combine(files.Folder, "tokenizer.json");
        string text = File.ReadAllText(path);
        var json = System.Text.Json.Nodes.JsonNode.Parse(text)!;
        json["added_tokens"]!.AsArray().Add(System.Text.Json.Nodes.JsonNode.Parse(
            """{"id": 2304, "content": "<one too many>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}"""));
        File.WriteAllText(path, json.ToJsonString());
        Assert.Contains("2304", Assert.Throws<TokenizerException>(() => GemmaModel.Load(files.Folder)).Message, StringComparison.Ordinal);
    }

    static Task DisposeFrom(TinyModel tiny, bool thisThread)
    {
        if (thisThread)
        {
            tiny.Model.Dispose();
            return Task.CompletedTask;
        }

        Task disposal = Task.Run(tiny.Model.Dispose);
        SpinWait.SpinUntil(() => tiny.Engine.IsClosing);
        return disposal;
    }
}
