using System.Text.Json;
using Microsoft.Extensions.AI.Evaluation;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>The vendor's evaluation with the client as the judged and as the judge.</summary>
public sealed class EvaluationTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(5, false)]
    [InlineData(1, true)]
    public async Task Judge_GivesATypedMark_OfTheDemosAnswer(int mark, bool failed)
    {
        using GemmaModel judged = GemmaModel.Load(Demo.Folder);
        using var judge = new ScriptedModel($$"""{"mark":{{mark}},"reason":"Lima is {{(failed ? "wrong" : "right")}}."}""");
        using IChatClient client = judged.AsIChatClient();
        AIMessage question = new(ChatRole.User, "What is the capital of Peru?");
        ChatResponse answer = await client.GetResponseAsync([question], Demo.Greedy, Token);
        var evaluator = new CompositeEvaluator(new Marks());
        EvaluationResult result = await evaluator.EvaluateAsync(question, answer, new ChatConfiguration(judge.Client()), cancellationToken: Token);
        NumericMetric metric = result.Get<NumericMetric>(Marks.Name);
        Assert.Equal(((double)mark, failed), (metric.Value, metric.Interpretation!.Failed));
        Assert.Equal(0, judge.Left);
        Assert.Equal("gemma-3n-demo", metric.Metadata!["evaluation-model-used"], ignoreCase: true);
    }

    /// <summary>Asks a judge for a mark from 1 to 5.</summary>
    sealed class Marks : IEvaluator
    {
        public const string Name = "Mark";

        public IReadOnlyCollection<string> EvaluationMetricNames => [Name];

        public async ValueTask<EvaluationResult> EvaluateAsync(
            IEnumerable<AIMessage> messages, ChatResponse modelResponse, ChatConfiguration? chatConfiguration = null,
            IEnumerable<EvaluationContext>? additionalContext = null, CancellationToken cancellationToken = default)
        {
            ChatResponse<Verdict> verdict = await chatConfiguration!.ChatClient.GetResponseAsync<Verdict>(
                $"Question: {messages.Last().Text}\nAnswer: {modelResponse.Text}\nGive a mark from 1 to 5.",
                new JsonSerializerOptions(AIJsonUtilities.DefaultOptions) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase },
                new ChatOptions { Temperature = 0 },
                cancellationToken: cancellationToken);
            var metric = new NumericMetric(Name, verdict.Result.Mark, verdict.Result.Reason);
            metric.Interpretation = new EvaluationMetricInterpretation(
                verdict.Result.Mark < 3 ? EvaluationRating.Unacceptable : EvaluationRating.Good, failed: verdict.Result.Mark < 3);
            metric.AddOrUpdateMetadata("evaluation-model-used", verdict.ModelId ?? "");
            return new EvaluationResult(metric);
        }
    }

    sealed record Verdict(int Mark, string Reason);
}
