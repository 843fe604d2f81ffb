namespace GemmaSharp.EndToEnd.Tests;

/// <summary>What a model is asked with unless a request says otherwise.</summary>
public sealed class ModelDefaultsTests
{
    static readonly ChatMessage[] s_question = [ChatMessage.User("What is the capital of Peru?")];

    [Fact]
    public async Task Defaults_AreHeeded_UnlessARequestSaysOtherwise()
    {
        using GemmaModel plain = GemmaModel.Load(Demo.Folder);
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions
        {
            Defaults = new ModelDefaults { System = "Be brief.", Temperature = 0, MaxTokens = 4, Stop = ["Lima"], ContextLength = 300, Warning = "Something has no effect" },
        });
        Assert.Equal(plain.Encode([ChatMessage.System("Be brief."), .. s_question]).Ids, model.Encode(s_question).Ids);
        Assert.Equal(plain.Encode([ChatMessage.System("Be long."), .. s_question]).Ids, model.Encode([ChatMessage.System("Be long."), .. s_question]).Ids);
        Assert.Contains("Something has no effect", model.Warnings);
        Assert.Equal(300, model.ContextLength);

        string[] answers = [.. await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => AnswerAsync(model, new GenerationOptions())))];
        Assert.Single(answers.Distinct());
        Assert.Equal(4, await CountAsync(model, new GenerationOptions { IgnoreEos = true, Stop = ["none"] }));
        Assert.Equal(9, await CountAsync(model, new GenerationOptions { IgnoreEos = true, MaxTokens = 9, Stop = ["none"] }));
    }

    [Fact]
    public async Task Seed_OfTheDefaults_GivesTheSameAnswer_UnlessARequestHasItsOwn()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Defaults = new ModelDefaults { Temperature = 3, Seed = 7 } });
        GenerationOptions open = new() { MaxTokens = 12, IgnoreEos = true };
        string[] same = [await AnswerAsync(model, open), await AnswerAsync(model, open), await AnswerAsync(model, open with { Seed = 7 })];
        Assert.Single(same.Distinct());
        Assert.NotEqual(same[0], await AnswerAsync(model, open with { Seed = 8 }));
        IReadOnlyList<AnswerStream> several = model.Answer(new GenerationRequest { Messages = s_question, Options = open }, 2, TestContext.Current.CancellationToken);
        Assert.Equal([7UL, 8UL], several.Select(answer => answer.Seed));
    }

    [Fact]
    public void Messages_OfTheDefaults_StandBetweenTheSystemTextAndTheConversation()
    {
        ChatMessage[] examples = [ChatMessage.User("What is the capital of France?"), ChatMessage.Assistant("Paris!")];
        using GemmaModel plain = GemmaModel.Load(Demo.Folder);
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Defaults = new ModelDefaults { System = "Be brief.", Messages = examples } });
        using GemmaModel bare = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Defaults = new ModelDefaults { Messages = examples } });
        Assert.Equal(plain.Encode([ChatMessage.System("Be brief."), .. examples, .. s_question]).Ids, model.Encode(s_question).Ids);
        Assert.Equal(
            plain.Encode([ChatMessage.System("Be long."), .. examples, .. s_question]).Ids, model.Encode([ChatMessage.System("Be long."), .. s_question]).Ids);
        Assert.Equal(plain.Encode([.. examples, .. s_question]).Ids, bare.Encode(s_question).Ids);
    }

    /// <summary>What tools and forms of answers tell the model joins the system text, whoever that is from.</summary>
    [Fact]
    public async Task SystemText_OfTheDefaults_StaysBesideAnInstruction()
    {
        using GemmaModel plain = GemmaModel.Load(Demo.Folder);
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Defaults = new ModelDefaults { System = "Be brief." } });
        var options = new GenerationOptions { Constraint = Constraint.Json };
        IReadOnlyList<int> expected = await plain.TokenizeAsync([ChatMessage.System("Be brief."), .. s_question], options, TestContext.Current.CancellationToken);
        Assert.Equal(expected, await model.TokenizeAsync(s_question, options, TestContext.Current.CancellationToken));
        Assert.True(expected.Count > plain.Encode([ChatMessage.System("Be brief."), .. s_question]).Ids.Length);
    }

    [Fact]
    public void Context_OfTheOptions_GoesBeforeTheDefaults()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { ContextLength = 500, Defaults = new ModelDefaults { ContextLength = 300 } });
        Assert.Equal(500, model.ContextLength);
    }

    [Fact]
    public void ImpossibleDefaults_AreRefused()
    {
        (ModelDefaults Defaults, string Says)[] cases =
        [
            (new() { Temperature = -1 }, "Temperature is -1; it must be 0 or more."), (new() { TopK = -1 }, "TopK is -1; it must be 0 or more."),
            (new() { TopP = 0 }, "TopP is 0; it must be above 0 and at most 1."), (new() { MinP = 2 }, "MinP is 2; it must be from 0 to 1."),
            (new() { RepetitionPenalty = 0 }, "RepetitionPenalty is 0; it must be above 0."), (new() { MaxTokens = 0 }, "MaxTokens is 0; it must be 1 or more."),
            (new() { ContextLength = 0 }, "ContextLength is 0; it must be 1 or more."),
            (new() { Messages = s_question }, "Messages are of user; they must be texts of user and assistant by turns."),
        ];
        foreach ((ModelDefaults defaults, string says) in cases)
        {
            ArgumentException error = Assert.Throws<ArgumentException>(() => GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Defaults = defaults }));
            Assert.StartsWith(says, error.Message, StringComparison.Ordinal);
        }
    }

    static async Task<string> AnswerAsync(GemmaModel model, GenerationOptions options)
    {
        string text = "";
        using GemmaSession session = model.NewSession();
        await foreach (GeneratedToken token in session.GenerateAsync(model.Encode(s_question), options, TestContext.Current.CancellationToken))
        {
            text += token.Text;
        }

        return text;
    }

    static async Task<int> CountAsync(GemmaModel model, GenerationOptions options)
    {
        int count = 0;
        using GemmaSession session = model.NewSession();
        await foreach (GeneratedToken _ in session.GenerateAsync(model.Encode(s_question), options, TestContext.Current.CancellationToken))
        {
            count++;
        }

        return count;
    }
}
