using System.Text.Json;
using GemmaSharp.Media;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Answers of the demo: what middleware relies on, costs, ends, media, and many at once.</summary>
public sealed class StreamTests(Demo demo) : IClassFixture<Demo>
{
    const string Question = "What is the capital of Peru?";
    const string Answer = "The capital of Peru is Lima.";

    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Updates_AreOneMessageOfOneResponse()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ChatResponseUpdate[] updates = await client.GetStreamingResponseAsync(Question, Demo.Greedy, Token).ToArrayAsync(Token);
        Assert.True(updates.Length > 2);
        Assert.NotEmpty(Assert.Single(updates.Select(update => update.ResponseId).Distinct())!);
        Assert.NotEmpty(Assert.Single(updates.Select(update => update.MessageId).Distinct())!);
        Assert.Equal(ChatRole.Assistant, Assert.Single(updates.Select(update => update.Role).Distinct()));
        Assert.Equal("gemma-3n-demo", Assert.Single(updates.Select(update => update.ModelId).Distinct()));
        Assert.True(Assert.Single(updates.Select(update => update.CreatedAt).Distinct()) > DateTimeOffset.UnixEpoch);
        Assert.All(updates, update => Assert.Null(update.ConversationId));
        Assert.All(updates[..^1], update => Assert.Null(update.FinishReason));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        Assert.IsType<UsageContent>(Assert.Single(updates.SelectMany(update => update.Contents), content => content is UsageContent));
        Assert.IsType<UsageContent>(updates[^1].Contents[^1]);
        Assert.All(updates, update => Assert.IsType<GeneratedToken>(update.RawRepresentation));
        Assert.Equal(Answer, string.Concat(updates.Select(update => update.Text)));
    }

    [Fact]
    public async Task Updates_OfTwoAnswers_AreTwoResponses()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ChatResponse first = await client.GetResponseAsync(Question, Demo.Greedy, Token), second = await client.GetResponseAsync(Question, Demo.Greedy, Token);
        Assert.NotEqual(first.ResponseId, second.ResponseId);
        Assert.NotEqual(first.Messages[0].MessageId, second.Messages[0].MessageId);
    }

    [Fact]
    public async Task Response_IsTheStreamPutTogether()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ChatResponse response = await client.GetResponseAsync(Question, Demo.Greedy, Token);
        Assert.Equal(Answer, Assert.IsType<TextContent>(Assert.Single(Assert.Single(response.Messages).Contents)).Text);
        Assert.Equal((ChatFinishReason.Stop, "gemma-3n-demo"), (response.FinishReason, response.ModelId));
    }

    [Fact]
    public async Task Usage_CountsWhatWasReadWrittenAndFoundAgain()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        UsageDetails first = (await client.GetResponseAsync(Question, Demo.Greedy, Token)).Usage!;
        int prompt = model.Encode([ChatMessage.User(Question)]).Ids.Length;
        Assert.Equal((prompt, 0, 0), (first.InputTokenCount, first.CachedInputTokenCount, first.ReasoningTokenCount));
        Assert.True(first.OutputTokenCount > 3);
        Assert.Equal(first.InputTokenCount + first.OutputTokenCount, first.TotalTokenCount);
        UsageDetails second = (await client.GetResponseAsync(
            [new(ChatRole.User, Question), new(ChatRole.Assistant, Answer), new(ChatRole.User, "What is 8 + 9?")], Demo.Greedy, Token)).Usage!;
        Assert.InRange(second.CachedInputTokenCount!.Value, prompt, second.InputTokenCount!.Value - 1);
    }

    [Fact]
    public async Task Tenants_DoNotShare()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        await client.GetResponseAsync(Question, For("a"), Token);
        Assert.Equal(0, (await client.GetResponseAsync(Question, For("b"), Token)).Usage!.CachedInputTokenCount);
        Assert.NotEqual(0, (await client.GetResponseAsync(Question, For("a"), Token)).Usage!.CachedInputTokenCount);

        static ChatOptions For(string tenant) => new() { Temperature = 0, AdditionalProperties = new() { ["tenant"] = tenant } };
    }

    [Fact]
    public async Task Usage_CountsPicturesAndSound()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ChatResponse response = await client.GetResponseAsync(
            Asking("Answer the spoken question.", Demo.Data("both-01.png", "image/png"), Demo.Data("both-01.wav", "audio/wav")), Demo.Greedy, Token);
        Assert.Equal("A black circle on a white background.", response.Text);
        Assert.Equal(64, response.Usage!.AdditionalCounts!["InputTokenDetails.ImageTokenCount"]);
        Assert.Equal(188, response.Usage.AdditionalCounts["InputTokenDetails.AudioTokenCount"]);
    }

    public static TheoryData<string, string, AIContent> Media => new()
    {
        { "Which digits do you see?", "The number is 5.", Demo.Data("image-00.png", "image/png") },
        { "Which digits do you see?", "The number is 5.", Demo.Data("image-00.png", "application/octet-stream") },
        { "Which digits do you see?", "The number is 5.", new UriContent(Demo.Data("image-00.png", "image/png").Uri, "image/png") },
        { "Which digits do you see?", "The number is 5.", new UriContent(new Uri(Demo.Golden("image-00.png")), "image/*") },
        { "Write down what you hear.", "seven", Demo.Data("audio-01.wav", "audio/wav") },
        { "Write down what you hear.", "seven", Demo.Data("audio-01.wav", "audio/x-wav") },
        { "Write down what you hear.", "seven", new UriContent(new Uri(Demo.Golden("audio-01.wav")), "audio/wav") },
    };

    [Theory]
    [MemberData(nameof(Media))]
    public async Task Medium_IsSeenOrHeard(string question, string answer, AIContent content)
    {
        using IChatClient client = demo.Model.AsIChatClient();
        Assert.Equal(answer, (await client.GetResponseAsync(Asking(question, content), Demo.Greedy, Token)).Text);
    }

    [Fact]
    public async Task Picture_OfAnotherSize_IsAnotherPicture()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        using IChatClient client = model.AsIChatClient();
        AIMessage[] messages = [Asking("Which digits do you see?", Demo.Data("image-00.png", "image/png"))];
        await client.GetResponseAsync(messages, Demo.Greedy, Token);
        long own = model.ScratchBytes;
        var small = new ChatOptions { Temperature = 0, MaxOutputTokens = 20, AdditionalProperties = new() { ["image_size"] = 64 } };
        ChatResponse response = await client.GetResponseAsync(messages, small, Token);
        Assert.Equal(64, response.Usage!.AdditionalCounts!["InputTokenDetails.ImageTokenCount"]);
        Assert.InRange(response.Usage.CachedInputTokenCount!.Value, 0, 10);
        Assert.True(model.ScratchBytes > own);
    }

    public static TheoryData<string, MediaOptions> Closed => new()
    {
        { "file:///etc/hostname", MediaOptions.Default with { AllowFiles = false } },
        { "https://example.org/a.png", MediaOptions.Default },
        { "http://127.0.0.1:1/a.png", MediaOptions.Default with { AllowRemote = true } },
        { "ftp://example.org/a.png", MediaOptions.Default with { AllowRemote = true } },
    };

    [Theory]
    [MemberData(nameof(Closed))]
    public async Task Address_ThatMayNotBeRead_IsRefused(string address, MediaOptions media)
    {
        using IChatClient client = demo.Model.AsIChatClient(new GemmaChatOptions { Media = media });
        AIMessage message = Asking("Describe it.", new UriContent(address, "image/png"));
        await Assert.ThrowsAsync<MediaException>(() => client.GetResponseAsync(message, Demo.Greedy, Token));
    }

    [Fact]
    public async Task Picture_ThatIsNone_IsRefused()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        AIMessage message = Asking("Describe it.", new DataContent("GIF89a but no more"u8.ToArray(), "image/png"));
        await Assert.ThrowsAsync<MediaException>(() => client.GetResponseAsync(message, Demo.Greedy, Token));
    }

    [Fact]
    public async Task Picture_WithoutTower_IsRefused()
    {
        using GemmaModel blind = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Vision = false, Audio = false });
        using IChatClient client = blind.AsIChatClient();
        await Assert.ThrowsAsync<GenerationException>(
            () => client.GetResponseAsync(Asking("Describe it.", Demo.Data("image-00.png", "image/png")), Demo.Greedy, Token));
        await Assert.ThrowsAsync<GenerationException>(
            () => client.GetResponseAsync(Asking("Write it down.", Demo.Data("audio-00.wav", "audio/wav")), Demo.Greedy, Token));
        Assert.Equal(Answer, (await client.GetResponseAsync(Question, Demo.Greedy, Token)).Text);
    }

    public static TheoryData<ChatOptions, string, ChatFinishReason> Ends => new()
    {
        { new() { Temperature = 0 }, Answer, ChatFinishReason.Stop },
        { new() { Temperature = 0, MaxOutputTokens = 3 }, "The capital of", ChatFinishReason.Length },
        { new() { Temperature = 0, StopSequences = [" Peru"] }, "The capital of", ChatFinishReason.Stop },
        { new() { Temperature = 0, StopSequences = ["Chile", ""] }, Answer, ChatFinishReason.Stop },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task End_HasItsReason(ChatOptions options, string text, ChatFinishReason reason)
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ChatResponse response = await client.GetResponseAsync(Question, options, Token);
        Assert.Equal((text, reason), (response.Text, response.FinishReason));
    }

    [Fact]
    public async Task Context_Full_IsLength()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { ContextLength = 24 });
        using IChatClient client = model.AsIChatClient();
        var options = new ChatOptions { Temperature = 0, AdditionalProperties = new() { ["ignore_eos"] = true } };
        ChatResponse response = await client.GetResponseAsync(Question, options, Token);
        Assert.Equal((ChatFinishReason.Length, 24), (response.FinishReason, response.Usage!.TotalTokenCount));
    }

    [Fact]
    public async Task Context_TooShortForTheConversation_IsRefusedWithTheNumbersBeforeTheFirstUpdate()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { ContextLength = 24 });
        using IChatClient client = model.AsIChatClient();
        int updates = 0;
        GenerationException error = await Assert.ThrowsAsync<ContextLengthException>(async () =>
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(string.Join(' ', Enumerable.Repeat("Peru", 50)), Demo.Greedy, Token))
            {
                updates++;
            }
        });
        Assert.Equal(0, updates);
        Assert.Contains("24", error.Message, StringComparison.Ordinal);
        Assert.Equal(Answer[..3], (await client.GetResponseAsync(Question, new() { Temperature = 0, MaxOutputTokens = 1 }, Token)).Text);
    }

    [Fact]
    public async Task Logprobs_AreOfEveryToken_StreamedAndWhole()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { Temperature = 0, AdditionalProperties = new() { ["logprobs"] = true, ["top_logprobs"] = 2 } };
        ChatResponse response = await client.GetResponseAsync(Question, options, Token);
        JsonElement all = Assert.IsType<JsonElement>(response.Messages[0].AdditionalProperties!["logprobs"]);
        Assert.Equal(response.Usage!.OutputTokenCount, all.GetArrayLength());
        Assert.Equal(Answer, string.Concat(all.EnumerateArray().SkipLast(1).Select(token => token.GetProperty("token").GetString())));
        Assert.All(all.EnumerateArray(), token =>
        {
            Assert.InRange(token.GetProperty("logprob").GetDouble(), -10, 0);
            Assert.Equal(2, token.GetProperty("top_logprobs").GetArrayLength());
            Assert.Equal(token.GetProperty("token").GetString(), token.GetProperty("top_logprobs")[0].GetProperty("token").GetString());
        });
        int streamed = 0;
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Question, options, Token))
        {
            streamed += update.AdditionalProperties?["logprobs"] is JsonElement some ? some.GetArrayLength() : 0;
        }

        Assert.Equal(all.GetArrayLength(), streamed);
        string json = JsonSerializer.Serialize(response, AIJsonUtilities.DefaultOptions);
        Assert.Contains("logprob", json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Seed_GivesTheSameAgain()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { Temperature = 2, TopK = 0, TopP = 1, Seed = -7, MaxOutputTokens = 12 };
        string first = (await client.GetResponseAsync(Question, options, Token)).Text;
        Assert.Equal(first, (await client.GetResponseAsync(Question, options, Token)).Text);
        options.Seed = 8;
        Assert.NotEqual(first, (await client.GetResponseAsync(Question, options, Token)).Text);
    }

    [Fact]
    public async Task ManyAtOnce_AnswerAsAlone()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        string[] questions = [.. Enumerable.Range(0, 12).Select(i => $"What is {i} + {i / 2}?")];
        var alone = new List<string>();
        foreach (string question in questions)
        {
            alone.Add((await client.GetResponseAsync(question, Demo.Greedy, Token)).Text);
        }

        string[] together = await Task.WhenAll(questions.Select(async question => (await client.GetResponseAsync(question, Demo.Greedy, Token)).Text));
        Assert.Equal(alone, together);
    }

    [Fact]
    public async Task Cancelled_BeforeItBegins_IsCancelled()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        using var cancellation = new CancellationTokenSource();
        await cancellation.CancelAsync();
        OperationCanceledException error = await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.GetResponseAsync(Question, Demo.Greedy, cancellation.Token));
        Assert.Equal(cancellation.Token, error.CancellationToken);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Cancelled_WhileItAnswers_IsCancelled_AndOthersAreNot(int after)
    {
        using IChatClient client = demo.Model.AsIChatClient();
        using var cancellation = new CancellationTokenSource();
        Task<ChatResponse> other = client.GetResponseAsync(Question, Demo.Greedy, Token);
        int updates = 0;
        var endless = new ChatOptions { Temperature = 0, AdditionalProperties = new() { ["ignore_eos"] = true } };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Question, endless, cancellation.Token))
            {
                if (++updates == after)
                {
                    await cancellation.CancelAsync();
                }
            }
        });
        Assert.Equal(after, updates);
        Assert.Equal(Answer, (await other).Text);
    }

    [Fact]
    public async Task LeftEarly_Ends()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var endless = new ChatOptions { Temperature = 0, AdditionalProperties = new() { ["ignore_eos"] = true } };
        await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Question, endless, Token))
        {
            break;
        }

        Assert.Equal(Answer, (await client.GetResponseAsync(Question, Demo.Greedy, Token)).Text);
    }

    [Fact]
    public async Task Disposed_WhileItAnswers_TellsTheReader_AndLeavesTheModel()
    {
        IChatClient client = demo.Model.AsIChatClient();
        var endless = new ChatOptions { Temperature = 0, AdditionalProperties = new() { ["ignore_eos"] = true } };
        await Assert.ThrowsAsync<ObjectDisposedException>(async () =>
        {
            await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(Question, endless, Token))
            {
                client.Dispose();
            }
        });
        client.Dispose();
        Assert.Throws<ObjectDisposedException>(() => client.GetStreamingResponseAsync(Question, cancellationToken: Token));
        using IChatClient another = demo.Model.AsIChatClient();
        Assert.Equal(Answer, (await another.GetResponseAsync(Question, Demo.Greedy, Token)).Text);
    }

    [Fact]
    public void Disposed_WithTheModel_WhereItIsItsOwn()
    {
        GemmaModel model = GemmaModel.Load(Demo.Folder);
        model.AsIChatClient(leaveOpen: false).Dispose();
        Assert.Throws<ObjectDisposedException>(() => model.NewSession());
    }

    [Fact]
    public async Task Caller_IsNotComeBackTo()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var context = new CountingContext();
        SynchronizationContext? before = SynchronizationContext.Current;
        Task<ChatResponse> answer;
        try
        {
            SynchronizationContext.SetSynchronizationContext(context);
            answer = client.GetResponseAsync(Asking("Which digits do you see?", Demo.Data("image-00.png", "image/png")), Demo.Greedy, CancellationToken.None);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        Assert.Equal("The number is 5.", (await answer).Text);
        Assert.Equal(0, context.Posts);
    }

    [Fact]
    public void Services_AreHandedOut_ByTypeAlone()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        ChatClientMetadata metadata = client.GetService<ChatClientMetadata>()!;
        Assert.Equal(("gemmasharp", null, "gemma-3n-demo"), (metadata.ProviderName, metadata.ProviderUri, metadata.DefaultModelId));
        Assert.Same(demo.Model, client.GetService<GemmaModel>());
        Assert.Same(demo.Model.Tokenizer, client.GetService<Tokenizer>());
        Assert.Same(client, client.GetService<IChatClient>());
        Assert.Null(client.GetService<string>());
        Assert.Null(client.GetService(typeof(GemmaModel), "key"));
        Assert.Throws<ArgumentNullException>(() => client.GetService(null!));
#pragma warning disable MEAI001
        Assert.IsType<GemmaSpeechToTextClient>(client.GetService<ISpeechToTextClient>());
#pragma warning restore MEAI001
    }

    static AIMessage Asking(string text, params AIContent[] before) => new(ChatRole.User, [.. before, new TextContent(text)]);

    sealed class CountingContext : SynchronizationContext
    {
        int _posts;

        public int Posts => Volatile.Read(ref _posts);

        public override void Post(SendOrPostCallback callback, object? state)
        {
            Interlocked.Increment(ref _posts);
            base.Post(callback, state);
        }
    }
}
