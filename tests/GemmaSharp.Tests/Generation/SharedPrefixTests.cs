using CsCheck;
using GemmaSharp.Generation;
using GemmaSharp.Model.Text;

namespace GemmaSharp.Tests.Generation;

/// <summary>What requests share they compute once, and no request's tokens depend on it.</summary>
public sealed class SharedPrefixTests : IDisposable
{
    // Its sessions know nothing of each other, nor of any request.
    readonly TinyModel _reference = new();

    static readonly GenerationOptions s_options = new() { Temperature = 1.2f, TopK = 0, TopP = 1, Seed = 5, MaxTokens = 6, IgnoreEos = true };

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Answer_SamePromptAgain_ComputesItsLastTokenOnly()
    {
        using var tiny = new TinyModel();
        int rows = 0;
        tiny.Around((step, inner) =>
        {
            rows += step.Rows;
            inner(step);
        });
        GenerationRequest request = Request(Chat("You are terse.", Words(200)));
        (int[] first, GenerationStatistics cold) = await Ask(tiny.Model, request);
        int before = rows;
        (int[] second, GenerationStatistics warm) = await Ask(tiny.Model, request);
        Assert.Equal(first, second);
        Assert.Equal((0, cold.PromptTokens - 1), (cold.ReusedTokens, warm.ReusedTokens));
        Assert.Equal(cold.PromptTokens + 5, before);
        Assert.Equal(6, rows - before);
        Assert.Equal(await Alone(request), second);
    }

    [Fact]
    public async Task Answer_SystemMessageShared_IsFoundTheSecondTime()
    {
        using var tiny = new TinyModel();
        string system = Words(150);
        (_, GenerationStatistics cold) = await Ask(tiny.Model, Request(Chat(system, Words(120, 7))));
        GenerationRequest other = Request(Chat(system, Words(60, 8)));
        (int[] got, GenerationStatistics warm) = await Ask(tiny.Model, other);
        Assert.Equal(0, cold.ReusedTokens);
        Assert.True(warm.ReusedTokens > 150, $"{warm.ReusedTokens} of {warm.PromptTokens} tokens");
        Assert.Equal(await Alone(other), got);
    }

    [Fact]
    public async Task Answer_BeginningSharedWithoutASystemMessage_IsFoundTheThirdTime()
    {
        using var tiny = new TinyModel();
        string document = Words(150);
        await Ask(tiny.Model, Request(Chat(null, document + " " + Words(120, 7))));
        await Ask(tiny.Model, Request(Chat(null, document + " " + Words(120, 8))));
        GenerationRequest third = Request(Chat(null, document + " " + Words(120, 9)));
        (int[] got, GenerationStatistics warm) = await Ask(tiny.Model, third);
        Assert.True(warm.ReusedTokens > 145, $"{warm.ReusedTokens} of {warm.PromptTokens} tokens");
        Assert.Equal(await Alone(third), got);
    }

    [Fact]
    public async Task Answer_NextTurns_BeginWhereTheLastOneEnded()
    {
        using var tiny = new TinyModel();
        List<ChatMessage> chat = [.. Chat("You are terse.", Words(130))];
        int computed = 0;
        for (int turn = 0; turn < 4; turn++)
        {
            GenerationRequest request = Request(chat);
            (int[] ids, GenerationStatistics statistics) = await Ask(tiny.Model, request);
            Assert.Equal(await Alone(request), ids);

            // What was drawn need not be the tokens that its text becomes, but all before it is.
            Assert.True(statistics.ReusedTokens >= computed, $"turn {turn}: {statistics.ReusedTokens} of {computed}");
            computed = statistics.PromptTokens - 1;
            chat.Add(ChatMessage.Assistant(tiny.Model.Tokenizer.Decode(ids)));
            chat.Add(ChatMessage.User(Words(20, turn)));
        }

        // Who edits the second question goes back to the end of the first turn, past which the rings have long gone.
        GenerationRequest edited = Request([.. chat[..3], ChatMessage.User(Words(25, 99))]);
        (int[] again, GenerationStatistics back) = await Ask(tiny.Model, edited);
        Assert.True(back.ReusedTokens > 130, $"{back.ReusedTokens} of {back.PromptTokens}");
        Assert.Equal(await Alone(edited), again);
    }

    [Fact]
    public async Task Answer_OtherTenantOrPicture_SharesNothing()
    {
        using var tiny = new TinyModel();
        GenerationRequest request = Request(Chat("You are terse.", Words(100)));
        foreach (string? tenant in (string?[])[null, "a", "b", ""])
        {
            (_, GenerationStatistics cold) = await Ask(tiny.Model, request with { Tenant = tenant });
            Assert.Equal(0, cold.ReusedTokens);
        }

        (_, GenerationStatistics warm) = await Ask(tiny.Model, request with { Tenant = "a" });
        Assert.Equal(warm.PromptTokens - 1, warm.ReusedTokens);

        GenerationRequest one = Request([ChatMessage.User([new ImagePart(TinyModel.Picture(1)), new TextPart(Words(30))])]);
        GenerationRequest two = Request([ChatMessage.User([new ImagePart(TinyModel.Picture(2)), new TextPart(Words(30))])]);
        (_, GenerationStatistics first) = await Ask(tiny.Model, one);
        (int[] ids, GenerationStatistics second) = await Ask(tiny.Model, two);
        (_, GenerationStatistics same) = await Ask(tiny.Model, two);
        Assert.Equal((256, 0), (first.ImageTokens, first.AudioTokens));
        Assert.Equal(0, second.ReusedTokens);
        Assert.Equal(same.PromptTokens - 1, same.ReusedTokens);
        Assert.Equal(await Alone(two), ids);
        (_, GenerationStatistics sound) = await Ask(tiny.Model, Request([ChatMessage.User([new AudioPart(TinyModel.Clip())])]));
        Assert.Equal((0, 188), (sound.ImageTokens, sound.AudioTokens));
    }

    [Fact]
    public async Task Answer_SeveralOfOnePrompt_ComputeItOnceAndDrawAsAlone()
    {
        using var tiny = new TinyModel();
        const int Count = 5;
        GenerationRequest request = Request([ChatMessage.User([new ImagePart(TinyModel.Picture()), new TextPart(Words(100))])]);
        int[][] alone = new int[Count][];
        for (int i = 0; i < Count; i++)
        {
            alone[i] = await Alone(request with { Options = s_options with { Seed = 5 + (ulong)i } });
        }

        tiny.Model.ClearMediaCache();
        int rows = 0;
        tiny.Around((step, inner) =>
        {
            rows += step.Rows;
            inner(step);
        });
        IReadOnlyList<AnswerStream> answers = tiny.Model.Answer(request, Count, Token);
        int[][] got = await Task.WhenAll(answers.Select(TinyModel.Read));
        Assert.Equal(alone, got);
        Assert.Equal([5UL, 6, 7, 8, 9], answers.Select(answer => answer.Seed));
        int prompt = answers[0].Statistics.PromptTokens;
        Assert.Equal([0, .. Enumerable.Repeat(prompt - 1, Count - 1)], answers.Select(answer => answer.Statistics.ReusedTokens));
        Assert.Equal(prompt + (Count - 1) + (Count * 5), rows);
        Assert.NotEqual(got[0], got[1]);
    }

    [Fact]
    public async Task Answer_WhileAnotherComputesTheSameBeginning_WaitsForIt()
    {
        using var tiny = new TinyModel();
        string system = Words(300);
        GenerationRequest[] requests = [.. Enumerable.Range(0, 4).Select(i => Request(Chat(system, Words(20, i))))];
        int[][] alone = new int[4][];
        for (int i = 0; i < 4; i++)
        {
            alone[i] = await Alone(requests[i]);
        }

        int rows = 0;
        tiny.Around((step, inner) =>
        {
            rows += step.Rows;
            inner(step);
        });
        AnswerStream[] answers;
        using (tiny.Hold())
        {
            answers = [.. requests.Select(request => tiny.Model.Answer(request, Token))];
        }

        Assert.Equal(alone, await Task.WhenAll(answers.Select(TinyModel.Read)));
        Assert.All(answers[1..], answer => Assert.True(answer.Statistics.ReusedTokens > 300));
        Assert.Equal(answers.Sum(answer => answer.Statistics.PromptTokens - answer.Statistics.ReusedTokens) + (4 * 5), rows);
    }

    [Fact]
    public async Task Answer_TheOneWaitedForEnds_TheOthersGoOnByThemselves()
    {
        using var tiny = new TinyModel();
        GenerationRequest request = Request(Chat("You are terse.", Words(400)));
        int[] alone = await Alone(request);
        AnswerStream? first = null;
        int steps = 0;
        tiny.Around((step, inner) =>
        {
            if (++steps == 2)
            {
                throw new InvalidOperationException("second");
            }

            inner(step);
        });
        AnswerStream[] others;
        using (tiny.Hold())
        {
            first = tiny.Model.Answer(request, Token);
            others = [.. Enumerable.Range(0, 3).Select(_ => tiny.Model.Answer(request, Token))];
        }

        await Assert.ThrowsAsync<InvalidOperationException>(() => TinyModel.Read(first));
        Assert.All(await Task.WhenAll(others.Select(TinyModel.Read)), ids => Assert.Equal(alone, ids));
    }

    [Fact]
    public async Task Session_BeginsWithWhatRequestsHaveComputed()
    {
        using var tiny = new TinyModel();
        ChatMessage[] chat = Chat("You are terse.", Words(200));
        (int[] ids, GenerationStatistics cold) = await Ask(tiny.Model, Request(chat));
        using GemmaSession session = tiny.Model.NewSession();
        session.SetMessages(chat);
        Assert.Equal(ids, await TinyModel.Read(session.GenerateAsync(s_options, Token)));
        Assert.Equal(cold.PromptTokens - 1, session.Statistics.ReusedTokens);
        long bytes = tiny.Model.CacheBytes;
        session.Dispose();
        Assert.Equal(bytes, tiny.Model.CacheBytes);
        await Ask(tiny.Model, Request(chat) with { Tenant = "mine" });
        using GemmaSession other = tiny.Model.NewSession();
        other.SetMessages(Chat("You are not.", Words(200, 5)));
        await Ask(tiny.Model, Request(other.Messages) with { Tenant = "mine" });
        await TinyModel.Read(other.GenerateAsync(s_options, Token));
        Assert.InRange(other.Statistics.ReusedTokens, 0, 30);
    }

    [Fact]
    public async Task Answer_TitlesBesideAChat_LeaveTheChatsPrefix()
    {
        // Room for the chat and two more of its size.
        using var measure = new TinyModel();
        List<ChatMessage> chat = [.. Chat("You are terse.", Words(300))];
        await Ask(measure.Model, Request(chat));
        long one = measure.Model.CacheBytes;
        using var tiny = new TinyModel(options: options => options with { CacheBytes = 4 * one });
        (int[] ids, GenerationStatistics first) = await Ask(tiny.Model, Request(chat));
        string answer = tiny.Model.Tokenizer.Decode(ids);
        for (int turn = 0; turn < 3; turn++)
        {
            chat.Add(ChatMessage.Assistant(answer));
            string all = string.Join('\n', chat.Select(message => message.Text));
            GenerationRequest[] beside = [.. ((string[])["Find a title", "Find tags", "What may follow"]).Select(text => Request(Chat(null, text + all)))];
            await Task.WhenAll(beside.Select(request => Ask(tiny.Model, request)));
            chat.Add(ChatMessage.User(Words(10, turn)));
            GenerationRequest next = Request(chat);
            (ids, GenerationStatistics statistics) = await Ask(tiny.Model, next);
            Assert.True(statistics.ReusedTokens >= first.PromptTokens - 1, $"turn {turn}: {statistics.ReusedTokens} of {first.PromptTokens}");
            Assert.Equal(await Alone(next), ids);
            Assert.InRange(tiny.Model.CacheBytes, 1, 4 * one);
            (first, answer) = (statistics, tiny.Model.Tokenizer.Decode(ids));
        }
    }

    [Fact]
    public async Task Answer_WhileItRuns_WhatItBeganWithStays()
    {
        using var measure = new TinyModel();
        GenerationRequest request = Request(Chat("You are terse.", Words(200)));
        await Ask(measure.Model, request);
        using var tiny = new TinyModel(options: options => options with { CacheBytes = 5 * measure.Model.CacheBytes });
        await Ask(tiny.Model, request);

        // Its reader stands still, so it runs for as long as it likes.
        GenerationRequest longer = request with { Options = s_options with { MaxTokens = Answer.MostUnread + 40 } };
        await using IAsyncEnumerator<GeneratedToken> running = tiny.Model.Answer(longer, Token).GetAsyncEnumerator(Token);
        Assert.True(await running.MoveNextAsync());

        // More than there is room for, and more requests than are recent.
        for (int i = 0; i < 20; i++)
        {
            GenerationRequest other = Request(Chat(null, Words(150, i + 1))) with { Options = s_options with { MaxTokens = 1 } };
            await Ask(tiny.Model, other);
        }

        (_, GenerationStatistics again) = await Ask(tiny.Model, request);
        Assert.Equal(again.PromptTokens - 1, again.ReusedTokens);
        Assert.InRange(tiny.Engine.Prefixes.Count, 1, 12);
    }

    [Fact]
    public void CommonPrefix_OfAnyTwo_IsThatOfTheirPositions() =>
        Gen.Select(s_prompts, s_prompts, Gen.Int[0, 12], Gen.Int[0, 12]).Sample((a, b, cut, fed) =>
        {
            CachedTokens one = CachedTokens.Of(a), two = new();
            one.Cut(Math.Min(cut, one.Length));
            two.Append(b, Math.Min(fed, b.Ids.Length));
            two.Append(b, b.Ids.Length - two.Length);
            two.Append([1]);
            int common = 0;
            while (common < Math.Min(one.Length, two.Length) && At(a, common) == At(b, common))
            {
                common++;
            }

            Assert.Equal(common, one.CommonPrefix(two));
            Assert.Equal(common, two.CommonPrefix(one));
            var copy = new CachedTokens();
            copy.TakeOver(two, common);
            Assert.Equal(common, copy.CommonPrefix(one));
            Assert.Equal(common, copy.Length);
        });

    /// <summary>Prompts of few ids and contents, so that they are often alike.</summary>
    static readonly Gen<EncodedPrompt> s_prompts = Gen.Select(
        Gen.Int[1, 2].Array[4, 12], Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[1, 4], Gen.Int[0, 2], (ids, skip, start, count, hash) =>
        {
            var soft = new List<SoftTokens>();
            for (int at = start; at < ids.Length; at += count + skip)
            {
                soft.Add(new SoftTokens(at, Math.Min(count, ids.Length - at), new float[Math.Min(count, ids.Length - at)], (UInt128)hash));
            }

            return new EncodedPrompt(ids, soft);
        });

    /// <summary>All that decides which row a position gets.</summary>
    static (int Id, UInt128 Hash, int Start) At(EncodedPrompt prompt, int position)
    {
        if (position >= prompt.Ids.Length)
        {
            return (1, 0, 0);
        }

        SoftTokens soft = prompt.Soft.FirstOrDefault(soft => position >= soft.Start && position < soft.Start + soft.Count);
        return soft.ContentHash == 0 ? (prompt.Ids[position], 0, 0) : (prompt.Ids[position], soft.ContentHash, soft.Start);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task Answer_AnySchedule_DrawsWhatItDrawsAlone(int seed)
    {
        var random = new Random(seed);
        long? bytes = seed % 2 == 0 ? null : 1_300_000;
        using var tiny = new TinyModel(options: options => options with { CacheBytes = bytes, MaxActive = 1 + random.Next(6) });
        string[] systems = [Words(40, 1), Words(90, 2)];
        GenerationRequest[] requests =
        [
            .. Enumerable.Range(0, 10).Select(i => Request(
                [.. Chat(systems[i % 2], Words(10 + (i * 13), i / 3)), .. i % 4 == 0 ? (ChatMessage[])[ChatMessage.Assistant("Yes."), ChatMessage.User(Words(30, i))] : []]) with
            {
                Tenant = i % 5 == 0 ? "other" : null,
                Options = s_options with { Seed = (ulong)i, MaxTokens = 1 + random.Next(40) },
            }),
        ];
        int[][] alone = new int[requests.Length][];
        for (int i = 0; i < requests.Length; i++)
        {
            alone[i] = await Alone(requests[i]);
        }

        int fail = 0;
        var chance = new Random(seed);
        tiny.Around((step, inner) =>
        {
            bool fails = chance.Next(25) == 0, late = chance.Next(2) == 0;
            if (fails && !late)
            {
                fail++;
                throw new InvalidOperationException("early");
            }

            inner(step);
            Assert.True(bytes is null || tiny.Model.CacheBytes <= bytes);
            if (fails)
            {
                fail++;
                throw new InvalidOperationException("late");
            }
        });
        int whole = 0;
        for (int round = 0; round < 6; round++)
        {
            Task[] tasks = [.. Enumerable.Range(0, 12).Select(_ => One(random.Next(requests.Length), random.Next(6), random.Next(1, 30)))];
            await Task.WhenAll(tasks);
        }

        Assert.Equal(0, tiny.Engine.Admission.Waiting);
        Assert.True(fail > 3 && whole > 15, $"{fail} failures, {whole} whole answers");

        async Task One(int number, int kind, int after)
        {
            await Task.Yield();
            using var cancel = new CancellationTokenSource();
            var got = new List<int>();
            Task cancelling = kind == 2 ? Task.Run(cancel.Cancel, Token) : Task.CompletedTask;
            try
            {
                await foreach (GeneratedToken token in tiny.Model.Answer(requests[number], cancel.Token).WithCancellation(Token))
                {
                    got.Add(token.Id);
                    if (kind == 0 && got.Count == after)
                    {
                        await cancel.CancelAsync();
                    }
                    else if (kind == 1 && got.Count == after)
                    {
                        break;
                    }
                }
            }
            catch (Exception error) when (error is InvalidOperationException or OperationCanceledException)
            {
                // It was told so.
            }

            await cancelling;
            Assert.Equal(alone[number][..got.Count], got);
            if (got.Count == alone[number].Length)
            {
                Interlocked.Increment(ref whole);
            }
        }
    }

    [Fact]
    public async Task Answer_AllGone_BytesAreThoseOfWhatIsKeptAndThenNone()
    {
        var tiny = new TinyModel();
        await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Ask(tiny.Model, Request(Chat(Words(50), Words(20 + (i * 30), i))))));
        PrefixPool pool = tiny.Engine.Prefixes;
        Assert.InRange(pool.Count, 6, 30);
        Assert.True(pool.Bytes > 0);
        tiny.Model.Dispose();
        Assert.Equal((0, 0), (pool.Count, tiny.Model.CacheBytes));
        tiny.Dispose();
    }

    [Fact]
    public void TakeOver_SharingAndNot_LeavesTheSourceAsItWasAndCountsOnce()
    {
        using var tiny = new TinyModel();
        var ledger = new KvLedger();
        KvCache source = tiny.Model.Text.NewCache(64, ledger);
        Fill(source, 300);
        long alone = ledger.Bytes;
        Assert.Equal(source.Bytes, alone);
        Assert.True(source.CanRewind(290));
        KvCache shared = tiny.Model.Text.NewCache(64, ledger), copied = tiny.Model.Text.NewCache(512);
        Assert.Equal(shared.Growth(290) - shared.SharedBytes(290), Grown(() => shared.TakeOver(source, 290, share: true)));
        Assert.Equal(0, Grown(() => copied.TakeOver(source, 290, share: false)));
        Assert.Equal((290, 290, 300), (shared.Length, copied.Length, source.Length));
        Assert.False(shared.CanRewind(289));

        // The page that both are in is copied by who writes first.
        long page = shared.SharedBytes(1);
        Assert.Equal(page, shared.Growth(1));
        Assert.Equal(page, source.Growth(1));
        Assert.Equal(page, Grown(() => shared.Reserve(1)));
        Assert.Equal(0, source.Growth(1));
        source.Dispose();
        Assert.Equal(ledger.Bytes, shared.Bytes);
        shared.Dispose();
        Assert.Equal(0, ledger.Bytes);
        copied.Dispose();

        long Grown(Action action)
        {
            long before = ledger.Bytes;
            action();
            return ledger.Bytes - before;
        }

        static void Fill(KvCache cache, int length)
        {
            while (cache.Length < length)
            {
                cache.Extend(Math.Min(60, length - cache.Length));
            }
        }
    }

    public void Dispose() => _reference.Dispose();

    /// <summary>What a session of another model, which shares nothing with anybody, draws.</summary>
    async Task<int[]> Alone(GenerationRequest request)
    {
        using GemmaSession session = _reference.Model.NewSession();
        session.SetMessages(request.Messages);
        return await TinyModel.Read(session.GenerateAsync(request.Options, Token));
    }

    static async Task<(int[] Ids, GenerationStatistics Statistics)> Ask(GemmaModel model, GenerationRequest request)
    {
        AnswerStream answer = model.Answer(request, Token);
        return (await TinyModel.Read(answer), answer.Statistics);
    }

    static GenerationRequest Request(IReadOnlyList<ChatMessage> messages) => new() { Messages = messages, Options = s_options };

    static ChatMessage[] Chat(string? system, string user) =>
        system is null ? [ChatMessage.User(user)] : [new ChatMessage(ChatMessage.SystemRole, system), ChatMessage.User(user)];

    /// <summary>A text of about so many tokens, another for each number.</summary>
    static string Words(int count, int number = 0) =>
        string.Join(' ', Enumerable.Range(0, count).Select(i => ((string[])["a", "is", "the", "of", "on", "in", "to"])[((i * i) + (i * 3) + (number * ((i % 5) + 1))) % 7]));
}
