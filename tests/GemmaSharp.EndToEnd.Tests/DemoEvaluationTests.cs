using System.Text;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The demo checkpoint's held-out items: greedy token ids equal to the reference's, texts, pictures, clips and both together.</summary>
public sealed class DemoEvaluationTests(DemoEvaluationTests.DemoModel demo) : IClassFixture<DemoEvaluationTests.DemoModel>
{
    public static TheoryData<string> Kinds => ["text", "image", "audio", "both"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Greedy_EveryItem_IsTheReferences(string kind)
    {
        int items = 0, right = 0;
        foreach (DemoItem item in DemoItem.ReadAll(Demo.Items).Where(item => item.Kind == kind))
        {
            items++;
            using GemmaSession session = demo.Model.NewSession();
            var ids = new List<int>();
            var text = new StringBuilder();
            await foreach (GeneratedToken token in session.GenerateAsync(item.Message, new GenerationOptions { Temperature = 0, MaxTokens = 100 }, TestContext.Current.CancellationToken))
            {
                ids.Add(token.Id);
                text.Append(token.Text);
            }

            // All recorded gaps between the two best tokens are far above what float32 can move.
            Assert.True(item.MinGap > 1e-3);
            Assert.Equal(item.TokenIds, ids);
            Assert.Equal(item.Answer, text.ToString());
            Assert.Equal(item.PromptTokens, session.Statistics.PromptTokens);
            right += text.ToString() == item.Truth ? 1 : 0;
        }

        Assert.Equal(DemoItem.Score(Demo.Items, kind), (right, items));
    }

    public sealed class DemoModel : IDisposable
    {
        public GemmaModel Model { get; } = GemmaModel.Load(Demo.Folder);

        public void Dispose() => Model.Dispose();
    }
}
