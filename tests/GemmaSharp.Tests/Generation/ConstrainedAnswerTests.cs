using System.Text;
using System.Text.Json;
using GemmaSharp.Generation;
using GemmaSharp.Tests.Generation.Constraints.Json;
using Json.Schema;

namespace GemmaSharp.Tests.Generation;

/// <summary>Answers of the demo that have to keep a form.</summary>
public sealed class ConstrainedAnswerTests : IDisposable
{
    const string Schema = """
        {"type":"object","properties":{"city":{"type":"string","maxLength":12},"size":{"enum":["small","large"]},"visits":{"type":"array",
        "items":{"type":"integer","minimum":0,"maximum":99},"maxItems":3}},"required":["city","size","visits"],"additionalProperties":false}
        """;

    readonly GemmaModel _model = GemmaModel.Load(Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo"), new GemmaModelOptions { Threads = 1 });

    [Fact]
    public async Task Answer_WhateverTheSeed_IsValidWhereItEnds()
    {
        var validator = JsonSchema.FromText(Schema, new BuildOptions { SchemaRegistry = new SchemaRegistry() });
        int ended = 0;
        for (ulong seed = 0; seed < 60; seed++)
        {
            var options = new GenerationOptions
            {
                Seed = seed,
                Temperature = seed % 3 == 0 ? 0 : 1.3f,
                TopK = seed % 2 == 0 ? 0 : 40,
                TopP = seed % 4 < 2 ? 1 : 0.95f,
                MaxTokens = 120,
                Constraint = Constraint.JsonSchema(Schema, new JsonSchemaOptions { PropertyOrder = seed % 5 < 2 ? JsonPropertyOrder.Any : JsonPropertyOrder.Declared }),
            };
            (string text, StopReason reason, _) = await Ask("What is the capital of Peru?", options);
            if (reason == StopReason.EndOfTurn)
            {
                ended++;
                using JsonDocument document = JsonDocument.Parse(text);
                Assert.True(validator.Evaluate(document.RootElement).IsValid, text);
            }
        }

        Assert.True(ended > 30, $"{ended} of 60 answers came to an end.");
    }

    [Fact]
    public async Task Forced_GoThroughTheModelInFewSteps_AndDrawNothing()
    {
        int steps = 0, rows = 0;
        Action<GemmaSharp.Model.Text.TextStep> inner = _model.Engine.Forward;
        _model.Engine.Forward = step =>
        {
            steps++;
            rows += step.Rows;
            inner(step);
        };
        var options = new GenerationOptions
        {
            Temperature = 0,
            Constraint = Constraint.JsonSchema(
                """{"type":"object","properties":{"capital":{"const":"Lima"},"country":{"const":"Peru"},"is_large":{"type":"boolean"}},"required":["capital","country","is_large"],"additionalProperties":false}""",
                new JsonSchemaOptions { PropertyOrder = JsonPropertyOrder.Declared }),
        };
        (string text, StopReason reason, List<GeneratedToken> tokens) = await Ask("What is the capital of Peru?", options);
        Assert.Equal(StopReason.EndOfTurn, reason);
        Assert.Matches("""^{"capital":"Lima","country":"Peru","is_large":(true|false)}$""", text);
        int forced = tokens.Count(token => token.IsForced);
        Assert.True(forced > tokens.Count / 2, $"{forced} of {tokens.Count} tokens were forced.");
        Assert.True(steps < tokens.Count / 2, $"{steps} steps for {tokens.Count} tokens.");
        Assert.True(rows >= forced);
    }

    [Fact]
    public async Task Answer_BesideConstrainedOnes_KeepsItsBits()
    {
        var options = new GenerationOptions { Seed = 7, Temperature = 1.1f, TopK = 0, TopP = 1, MaxTokens = 24, IgnoreEos = true };
        (_, _, List<GeneratedToken> alone) = await Ask("What is 2 + 3?", options);
        Task<(string, StopReason, List<GeneratedToken> Tokens)>[] all =
        [
            Ask("What is 2 + 3?", options),
            Ask("Describe it.", new GenerationOptions { Seed = 1, MaxTokens = 60, Constraint = Constraint.JsonSchema(Schema) }),
            Ask("And now?", new GenerationOptions { Seed = 2, MaxTokens = 60, Constraint = Constraint.Regex("[a-z ]{5,40}") }),
        ];
        await Task.WhenAll(all);
        Assert.Equal(alone.Select(token => token.Id), (await all[0]).Tokens.Select(token => token.Id));
    }

    [Fact]
    public async Task Regex_IsKept_AndItsOnlyEndIsTaken()
    {
        (string text, StopReason reason, _) = await Ask(
            "What is the capital of Peru?", new GenerationOptions { Temperature = 0, Constraint = Constraint.Regex("(Rome|Lima|Oslo)[.]") });
        Assert.Matches("^(Rome|Lima|Oslo)[.]$", text);
        Assert.Equal(StopReason.EndOfTurn, reason);
    }

    [Fact]
    public async Task Grammar_IsKept()
    {
        (string text, _, _) = await Ask("What is 2 + 3?", new GenerationOptions { Temperature = 0, Constraint = Constraint.Grammar("root ::= \"<\" [0-9]{1,4} \">\"") });
        Assert.Matches("^<[0-9]{1,4}>$", text);
    }

    [Fact]
    public async Task Repetition_UnderAConstraint_EndsTheAnswer()
    {
        var bias = new Dictionary<int, float> { [JsonText.Tokenizer.EncodeToIds("a", allowSpecial: false)[0]] = 100 };
        (string text, StopReason reason, List<GeneratedToken> tokens) = await Ask(
            "Say a.", new GenerationOptions { Temperature = 0, LogitBias = bias, Constraint = Constraint.Regex("[a-z]+") });
        Assert.Equal(StopReason.Repetition, reason);
        Assert.Equal(Answer.MostRepeated, tokens.Count);
        Assert.Equal(new string('a', tokens.Count), text);
    }

    [Fact]
    public async Task Session_GoesOnWithAnAnswer_ThatStandsAtTheEnd()
    {
        using GemmaSession session = _model.NewSession();
        session.SetMessages([ChatMessage.User("What is the capital of Peru?"), ChatMessage.Assistant("The capital of")]);
        var text = new StringBuilder();
        await foreach (GeneratedToken token in session.GenerateAsync(new GenerationOptions { Temperature = 0 }, TestContext.Current.CancellationToken))
        {
            text.Append(token.Text);
        }

        Assert.Contains("Lima", text.ToString(), StringComparison.Ordinal);
        Assert.Equal(2, session.Messages.Count);
        Assert.StartsWith("The capital of", session.Messages[1].Text, StringComparison.Ordinal);
        Assert.EndsWith(text.ToString(), session.Messages[1].Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tools_Required_GiveCalls_ThatTheSessionRemembers()
    {
        using GemmaSession session = _model.NewSession();
        var tool = new ToolDefinition("capital_of", "The capital.", JsonDocument.Parse("""{"type":"object","properties":{"country":{"enum":["Peru","Italy"]}},"required":["country"]}""").RootElement);
        var options = new GenerationOptions { Temperature = 0, Tools = new ToolOptions { Tools = [tool], Choice = ToolChoice.Required } };
        GeneratedToken last = default;
        await foreach (GeneratedToken token in session.GenerateAsync("What is the capital of Peru?", options, TestContext.Current.CancellationToken))
        {
            Assert.Equal("", token.Text);
            last = token;
        }

        Assert.Equal(StopReason.ToolCalls, last.StopReason);
        ToolCall call = Assert.Single(last.ToolCalls!);
        Assert.Equal("capital_of", call.Name);
        Assert.Equal(call, ((ToolCallPart)Assert.Single(session.Messages[1].Parts)).Call);
        var text = new StringBuilder();
        await foreach (GeneratedToken token in session.GenerateAsync(
            new ChatMessage(ChatMessage.ToolRole, [new ToolResultPart(call.Id, null, "Lima")]),
            options with { Tools = options.Tools with { Choice = ToolChoice.Auto }, MaxTokens = 30 },
            TestContext.Current.CancellationToken))
        {
            text.Append(token.Text);
        }

        // The call stands in the prompt as it was written, so nothing of it was computed again.
        Assert.True(session.Statistics.ReusedTokens > session.Statistics.PromptTokens / 2, $"{session.Statistics}");
    }

    public void Dispose() => _model.Dispose();

    async Task<(string Text, StopReason Reason, List<GeneratedToken> Tokens)> Ask(string question, GenerationOptions options)
    {
        var tokens = new List<GeneratedToken>();
        await using AnswerStream answer = _model.Answer(
            new GenerationRequest { Messages = [ChatMessage.User(question)], Options = options }, TestContext.Current.CancellationToken);
        await foreach (GeneratedToken token in answer)
        {
            tokens.Add(token);
        }

        return (string.Concat(tokens.Select(token => token.Text)), tokens[^1].StopReason!.Value, tokens);
    }
}
