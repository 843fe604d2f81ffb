using System.Globalization;
using System.Text.Json;
using GemmaSharp.Generation;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Generation;

/// <summary>Guesses change in which step a token is computed, and nothing of what the reader gets.</summary>
public sealed class SpeculationTests
{
    /// <summary>Few tokens that are drawn again and again, so that guesses are right as well as wrong.</summary>
    static readonly int[] s_few = [1005, 1010, 1020, 1040, 1080];

    static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>A thousand answers together with those of the demo.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    public async Task Answers_OfAnyOptions_AreThoseWithoutGuesses(int part)
    {
        using var tiny = new TinyModel(options: options => options with { Speculation = null });
        GenerationStatistics all = await Compare(tiny.Model, 100, 8, i => TinyRequest((100 * part) + i));
        Assert.True(all.DraftedTokens > 300 && all.AcceptedTokens > 100 && all.DraftedTokens > all.AcceptedTokens, $"{all}");
    }

    /// <summary>Constraints, calls of functions, pictures, stop texts, ends that the model draws itself.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task DemoAnswers_OfAnyForm_AreThoseWithoutGuesses(int part)
    {
        using GemmaModel model = LoadDemo();
        GenerationStatistics all = await Compare(model, 100, 6, i => DemoRequest((100 * part) + i));
        Assert.True(all.DraftedTokens > 300 && all.AcceptedTokens > 100 && all.ForcedTokens > 100, $"{all}");
    }

    [Fact]
    public async Task Answer_WithAdapters_IsThatWithoutGuesses()
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder, new GemmaModelOptions { Threads = 2 });
        AdapterSet[] sets = [.. ((string[])["peft", "rslora"]).Select(name => new AdapterSet(model.LoadAdapter(Path.GetDirectoryName(GoldenFiles.Find($"lora/{name}/adapter_config.json"))!)))];
        GenerationStatistics all = await Compare(model, 24, 6, i => TinyRequest(5000 + i) with { Adapters = i % 3 < 2 ? sets[i % 3] : null });
        Assert.True(all.AcceptedTokens > 20, $"{all}");
    }

    [Fact]
    public async Task Answers_OfOnePrompt_AreThoseWithoutGuesses()
    {
        using var tiny = new TinyModel();
        GenerationRequest request = TinyRequest(77) with { Options = Few(new Random(1), 1f) with { Seed = 9, MaxTokens = 40 } };
        string[][] plain = await Task.WhenAll(tiny.Model.Answer(With(request, 0), 4, Token).Select(Read));
        AnswerStream[] answers = [.. tiny.Model.Answer(With(request, 7), 4, Token)];
        Assert.Equal(plain, await Task.WhenAll(answers.Select(Read)));
        Assert.NotEqual(plain[0], plain[1]);
        Assert.True(answers.Sum(answer => answer.Statistics.AcceptedTokens) > 20);
    }

    [Fact]
    public async Task Answer_ThatCopies_TakesFewSteps()
    {
        using var tiny = new TinyModel();
        int steps = 0, longest = 0;
        tiny.Around((step, inner) =>
        {
            inner(step);
            steps++;
            longest = Math.Max(longest, step.Chunks[0].Cache.Length);
        });

        // One token after the other, each the only one that can be.
        int[] words = [.. Enumerable.Range(0, 50).Select(i => 1000 + ((i * 37) % 990))];
        var options = new GenerationOptions { Temperature = 0, MaxTokens = 60, LogitBias = new Dictionary<int, float> { [1234] = 200 }, IgnoreEos = true };
        AnswerStream answer = tiny.Model.Answer(new GenerationRequest { PromptIds = [2, .. words, 1234, 1234], Options = options with { Speculation = 15 } }, Token);
        string[] ids = await Read(answer);
        Assert.Equal(60, ids.Length);
        Assert.Equal((60, 55), (answer.Statistics.AnswerTokens, answer.Statistics.AcceptedTokens));

        // The prompt, and sixteen tokens a step; what is not needed is not guessed, so that the last token is never fed.
        Assert.Equal(5, steps);
        Assert.Equal(53 + 59, longest);
        steps = 0;
        await Read(tiny.Model.Answer(new GenerationRequest { PromptIds = [2, .. words, 1234, 1234], Options = options with { Speculation = 0 } }, Token));
        Assert.Equal(60, steps);
    }

    [Fact]
    public async Task Auto_LearnsWhatPays()
    {
        // Rows cost nothing: guesses that are right pay. Each row costs two steps: none does.
        foreach ((double row, bool pays) in ((double, bool)[])[(0, true), (2, false)])
        {
            var clock = new ManualClock();
            using var tiny = new TinyModel(clock: clock, options: options => options with { Speculation = null });
            tiny.Around((step, inner) =>
            {
                inner(step);
                clock.Advance(TimeSpan.FromMilliseconds(50 * (1 + (row * (step.Rows - 1)))));
            });
            var options = new GenerationOptions { Temperature = 0, MaxTokens = 400, LogitBias = new Dictionary<int, float> { [1234] = 200 }, IgnoreEos = true };
            AnswerStream answer = tiny.Model.Answer(new GenerationRequest { PromptIds = TinyModel.Ids(1, 9), Options = options }, Token);
            await Read(answer);
            GenerationStatistics statistics = answer.Statistics;

            // What does not pay is given up, after tries of which some are of many rows, and tried again with few now and then.
            Assert.True(pays ? statistics.AcceptedTokens > 300 : statistics.DraftedTokens < statistics.AnswerTokens / 2, $"{statistics}");
        }
    }

    [Fact]
    public async Task Auto_OfTextThatNeverComesAgain_GuessesHardlyEver()
    {
        var clock = new ManualClock();
        using var tiny = new TinyModel(clock: clock, options: options => options with { Speculation = null });
        tiny.Around((step, inner) =>
        {
            inner(step);
            clock.Advance(TimeSpan.FromMilliseconds(50 + (6 * step.Rows)));
        });
        var options = new GenerationOptions { Temperature = 1, TopK = 0, TopP = 1, Seed = 3, MaxTokens = 400, IgnoreEos = true, LogitBias = s_even };
        AnswerStream answer = tiny.Model.Answer(new GenerationRequest { PromptIds = TinyModel.Ids(1, 200), Options = options }, Token);
        await Read(answer);
        Assert.True(answer.Statistics.DraftedTokens < 40, $"{answer.Statistics}");
    }

    /// <summary>A hundred tokens that are all as likely as the model's logits leave them.</summary>
    static readonly Dictionary<int, float> s_even = Enumerable.Range(0, 100).ToDictionary(i => 1000 + (i * 9), _ => 60f);

    [Fact]
    public async Task Session_ReadInPart_GoesOnAsWithoutGuesses()
    {
        using var tiny = new TinyModel();
        for (int seed = 0; seed < 30; seed++)
        {
            var random = new Random(seed);
            int read = 1 + random.Next(30), length = 1 + random.Next(15);
            GenerationOptions options = Few(random, 0.8f) with { Seed = (ulong)seed, MaxTokens = 40 };
            (string[] Turns, int Reused)[] both = [await Talk(0), await Talk(length)];
            Assert.Equal(both[0].Turns, both[1].Turns);
            Assert.Equal(both[0].Reused, both[1].Reused);

            async Task<(string[] Turns, int Reused)> Talk(int speculation)
            {
                using GemmaSession session = tiny.Model.NewSession();
                session.SetMessages([ChatMessage.User("One two three one two three one two three?")]);
                var tokens = new List<string>();
                await foreach (GeneratedToken token in session.GenerateAsync(options with { Speculation = speculation, MaxTokens = read }, Token))
                {
                    tokens.Add(Spelled(token));
                }

                // The second one is left standing in the middle.
                await foreach (GeneratedToken token in session.GenerateAsync("And one two three?", options with { Speculation = speculation }, Token))
                {
                    tokens.Add(Spelled(token));
                    if (tokens.Count == 2 * read)
                    {
                        break;
                    }
                }

                await foreach (GeneratedToken token in session.GenerateAsync("Again one two three?", options with { Speculation = speculation }, Token))
                {
                    tokens.Add(Spelled(token));
                }

                return ([.. tokens], session.Statistics.ReusedTokens > 0 ? 1 : 0);
            }
        }
    }

    [Fact]
    public async Task Answer_CancelledAnywhere_LeavesASequenceThatOthersCanBeginWith()
    {
        using var tiny = new TinyModel();
        for (int seed = 0; seed < 40; seed++)
        {
            var random = new Random(seed);
            GenerationRequest request = TinyRequest(seed) with { Options = Few(random, 0.6f) with { Seed = (ulong)seed, MaxTokens = 60 } };
            string[] whole = await Read(tiny.Model.Answer(With(request, 0) with { Tenant = $"{seed}" }, Token));
            int after = random.Next(1, 50);
            using var cancel = new CancellationTokenSource();
            var got = new List<string>();
            try
            {
                await foreach (GeneratedToken token in tiny.Model.Answer(With(request, 1 + (seed % 15)), cancel.Token).WithCancellation(Token))
                {
                    got.Add(Spelled(token));
                    if (got.Count == after)
                    {
                        await cancel.CancelAsync();
                    }
                }
            }
            catch (OperationCanceledException)
            {
                // It was told so.
            }

            Assert.Equal(whole[..got.Count], got);

            // What it left begins the next prompt, which says what it had said.
            int[] said = [.. request.PromptIds!, .. got.Select(text => int.Parse(text[..text.IndexOf('|', StringComparison.Ordinal)], CultureInfo.InvariantCulture))];
            GenerationRequest next = request with { PromptIds = said, Options = request.Options! with { MaxTokens = 12 } };
            AnswerStream warm = tiny.Model.Answer(With(next, 5), Token);
            Assert.Equal(await Read(tiny.Model.Answer(With(next, 0) with { Tenant = $"{seed} again" }, Token)), await Read(warm));
        }
    }

    [Fact]
    public async Task Step_ThatFailsForItsGuesses_IsTakenWithoutThem()
    {
        using var tiny = new TinyModel();
        int failed = 0;
        tiny.Around((step, inner) =>
        {
            inner(step);
            if (step.Chunks.Any(chunk => chunk.LogitsRows > 1))
            {
                failed++;
                throw new InvalidOperationException("guesses");
            }
        });
        for (int i = 0; i < 3; i++)
        {
            GenerationRequest request = TinyRequest(300 + i) with { Options = Few(new Random(i), 0.5f) with { MaxTokens = 30, Seed = 1 } };
            AnswerStream guessed = tiny.Model.Answer(With(request, 6), Token), beside = tiny.Model.Answer(With(request, 3), Token);
            string[] plain = await Read(tiny.Model.Answer(With(request, 0) with { Tenant = "plain" }, Token));
            Assert.Equal(plain, await Read(guessed));
            Assert.Equal(plain, await Read(beside));
            Assert.Equal((0, 0), (guessed.Statistics.DraftedTokens, guessed.Statistics.AcceptedTokens));
        }

        Assert.True(failed > 10, $"{failed} steps failed");
    }

    [Fact]
    public async Task Step_OfMany_SharesTheRoomForGuesses()
    {
        using var tiny = new TinyModel(options: options => options with { MaxActive = 48 });
        int most = 0, guesses = 0;
        tiny.Around((step, inner) =>
        {
            int more = step.Chunks.Sum(chunk => Math.Max(0, chunk.LogitsRows - 1));
            most = Math.Max(most, more);
            guesses += more;
            inner(step);
        });
        var options = new GenerationOptions { Temperature = 0, MaxTokens = 40, LogitBias = new Dictionary<int, float> { [1234] = 200 }, IgnoreEos = true, Speculation = 15 };
        AnswerStream[] answers;
        using (tiny.Hold())
        {
            answers = [.. Enumerable.Range(0, 20).Select(i => tiny.Model.Answer(new GenerationRequest { PromptIds = TinyModel.Ids(i, 6), Options = options }, Token))];
        }

        await Task.WhenAll(answers.Select(Read));
        Assert.True(guesses > 100, $"{guesses}");

        // Answers begin one after the other: those of the step before share.
        Assert.InRange(most, 1, 2 * StepBudget.MaxGuesses);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(16)]
    public async Task Speculation_OutOfItsRange_IsRefused(int length)
    {
        using var tiny = new TinyModel();
        ArgumentException error = await Assert.ThrowsAsync<ArgumentException>(() => tiny.Alone(1, TinyModel.Draw with { Speculation = length }));
        Assert.Contains("15", error.Message, StringComparison.Ordinal);
        Assert.Contains("15", Assert.Throws<ArgumentException>(() => GemmaModel.Load(tiny.Folder, new GemmaModelOptions { Speculation = length })).Message, StringComparison.Ordinal);
    }

    /// <summary>Asks everything without guesses and with them, some at once, and adds up what the latter cost.</summary>
    static async Task<GenerationStatistics> Compare(GemmaModel model, int count, int together, Func<int, GenerationRequest> request)
    {
        GenerationStatistics sum = new();
        for (int first = 0; first < count; first += together)
        {
            int[] numbers = [.. Enumerable.Range(first, Math.Min(together, count - first))];
            string[][] plain = await Task.WhenAll(numbers.Select(i => Read(model.Answer(With(request(i), 0) with { Tenant = "plain" }, Token))));
            AnswerStream[] answers = [.. numbers.Select(i => model.Answer(With(request(i), i % 3 == 0 ? null : 1 + (i % 15)) with { Tenant = "guessed" }, Token))];
            string[][] guessed = await Task.WhenAll(answers.Select(Read));
            for (int i = 0; i < numbers.Length; i++)
            {
                Assert.True(plain[i].SequenceEqual(guessed[i]), $"Answer {numbers[i]}:\n{string.Join('\n', plain[i])}\nand guessed\n{string.Join('\n', guessed[i])}");
                GenerationStatistics own = answers[i].Statistics;
                Assert.InRange(own.AcceptedTokens, 0, Math.Min(own.DraftedTokens, own.AnswerTokens));
                sum = sum with
                {
                    AnswerTokens = sum.AnswerTokens + own.AnswerTokens,
                    ForcedTokens = sum.ForcedTokens + own.ForcedTokens,
                    DraftedTokens = sum.DraftedTokens + own.DraftedTokens,
                    AcceptedTokens = sum.AcceptedTokens + own.AcceptedTokens,
                };
            }
        }

        return sum;
    }

    static GenerationRequest With(GenerationRequest request, int? speculation) =>
        request with { Options = (request.Options ?? new GenerationOptions()) with { Speculation = speculation } };

    static async Task<string[]> Read(AnswerStream answer)
    {
        var tokens = new List<string>();
        await foreach (GeneratedToken token in answer.WithCancellation(Token))
        {
            tokens.Add(Spelled(token));
        }

        return [.. tokens];
    }

    /// <summary>All that a reader gets of a token.</summary>
    static string Spelled(GeneratedToken token) => string.Create(
        CultureInfo.InvariantCulture,
        $"{token.Id}|{token.Text}|{token.StopReason}|{token.StopText}|{token.IsForced}|{token.Logprob:R}|{string.Join(' ', (token.TopLogprobs ?? []).Select(top => string.Create(CultureInfo.InvariantCulture, $"{top.Id}:{top.Logprob:R}")))}|{string.Join(' ', (token.ToolCalls ?? []).Select(call => call.Name + call.Arguments))}");

    static GenerationRequest TinyRequest(int number)
    {
        var random = new Random(number);
        float[] temperatures = [0, 0.3f, 0.7f, 1, 1.5f];
        GenerationOptions options = Few(random, temperatures[random.Next(5)]) with
        {
            Seed = (ulong)number,
            MaxTokens = 1 + random.Next(40),
            TopK = random.Next(3) switch { 0 => 0, 1 => 3, _ => 40 },
            TopP = random.Next(2) == 0 ? 1 : 0.9f,
            MinP = random.Next(3) == 0 ? 0.05f : 0,
            RepetitionPenalty = random.Next(3) == 0 ? 1.1f : 1,
            PresencePenalty = random.Next(4) == 0 ? 0.3f : 0,
            FrequencyPenalty = random.Next(4) == 0 ? 0.1f : 0,
            Logprobs = random.Next(3) switch { 0 => 2, 1 => 0, _ => null },
            MinTokens = random.Next(5),
            IgnoreEos = random.Next(2) == 0,
        };

        // Beyond the window of 24, and beyond the ring of 87 that a sequence of the pool has.
        int[] prompt = [2, .. Enumerable.Range(0, 4 + random.Next(120)).Select(_ => s_few[random.Next(s_few.Length)])];
        return new GenerationRequest { PromptIds = prompt, Options = options };
    }

    /// <summary>Options that leave few tokens to draw.</summary>
    static GenerationOptions Few(Random random, float temperature) => new()
    {
        Temperature = temperature,
        TopK = 0,
        TopP = 1,
        IgnoreEos = true,
        LogitBias = s_few.ToDictionary(id => id, _ => 45f + (10 * random.NextSingle())),
    };

    static GenerationRequest DemoRequest(int number)
    {
        var random = new Random(number);
        string[] questions =
        [
            "What is the capital of Peru?", "What is 2 + 3?", "Say hello, hello, hello, hello.", "Describe this image.", "Count: 1, 2, 3, 4, 5, 6, 7, 8, 9.",
        ];
        string question = questions[random.Next(questions.Length)];
        float[] temperatures = [0, 0.7f, 1, 1.3f];
        var options = new GenerationOptions
        {
            Seed = (ulong)number,
            MaxTokens = 5 + random.Next(50),
            Temperature = temperatures[random.Next(4)],
            TopK = random.Next(2) == 0 ? 0 : 40,
            TopP = random.Next(2) == 0 ? 1 : 0.95f,
            Logprobs = random.Next(3) == 0 ? 1 : null,
            Stop = random.Next(3) == 0 ? ["is s", "9"] : [],
            IgnoreEos = number % 2 == 0,
            Constraint = (number % 6) switch
            {
                0 => s_schema,
                1 => Constraint.Regex("(one |two |three ){2,30}end"),
                2 => Constraint.Grammar("root ::= (\"<li>\" [a-c]{1,3} \"</li>\"){1,12}"),
                _ => null,
            },
            Tools = number % 6 == 3 ? s_tools : null,
        };
        ContentPart[] parts = question[0] == 'D' ? [new ImagePart(TinyModel.Picture(number % 3)), new TextPart(question)] : [new TextPart(question)];
        return new GenerationRequest { Messages = [ChatMessage.User(parts)], Options = options };
    }

    static readonly Constraint s_schema = Constraint.JsonSchema(
        """{"type":"array","items":{"type":"object","properties":{"name":{"enum":["Lima","Rome"]},"size":{"type":"integer","minimum":0,"maximum":99}},"required":["name","size"],"additionalProperties":false},"maxItems":4}""");

    static readonly ToolOptions s_tools = new()
    {
        Tools =
        [
            new ToolDefinition("capital_of", "The capital.", JsonDocument.Parse(
                """{"type":"object","properties":{"country":{"enum":["Peru","Italy"]}},"required":["country"]}""").RootElement),
        ],
        Choice = ToolChoice.Required,
    };

    static GemmaModel LoadDemo() => GemmaModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo"), new GemmaModelOptions { Threads = 2 });
}
