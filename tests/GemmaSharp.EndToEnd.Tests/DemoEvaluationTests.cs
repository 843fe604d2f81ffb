using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Generation;
using GemmaSharp.Tests.TestCheckpoints;
using GemmaSharp.Tokenization.Chat;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The demo checkpoint's held-out items: greedy token ids equal to the reference's, texts, pictures, clips and both together.</summary>
public sealed class DemoEvaluationTests(DemoEvaluationTests.DemoModel demo) : IClassFixture<DemoEvaluationTests.DemoModel>
{
    public static TheoryData<string> Kinds => ["text", "image", "audio", "both"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Greedy_EveryItem_IsTheReferences(string kind)
    {
        string folder = Path.Combine(GoldenFiles.Root, "demo");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "items.json")));
        int items = 0, right = 0;
        foreach (JsonElement item in json.RootElement.GetProperty("items").EnumerateArray().Where(i => i.GetProperty("kind").GetString() == kind))
        {
            items++;
            var content = (JsonArray)JsonNode.Parse(item.GetProperty("content").GetRawText())!;
            foreach (JsonNode? part in content)
            {
                string type = part!["type"]!.GetValue<string>();
                if (type != "text")
                {
                    part[type] = Path.Combine(folder, item.GetProperty(type).GetString()!);
                }
            }

            var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content });
            using GemmaSession session = demo.Model.NewSession();
            var ids = new List<int>();
            var text = new StringBuilder();
            ChatMessage message = RecordedCase.WithMedia(ChatMessageJson.Read(Encoding.UTF8.GetBytes(messages.ToJsonString())))[0];
            await foreach (GeneratedToken token in session.GenerateAsync(message, new GenerationOptions { Temperature = 0, MaxTokens = 100 }, TestContext.Current.CancellationToken))
            {
                ids.Add(token.Id);
                text.Append(token.Text);
            }

            // All recorded gaps between the two best tokens are far above what float32 can move.
            Assert.True(item.GetProperty("min_gap").GetDouble() > 1e-3);
            Assert.Equal(item.GetProperty("token_ids").EnumerateArray().Select(e => e.GetInt32()), ids);
            Assert.Equal(item.GetProperty("answer").GetString(), text.ToString());
            Assert.Equal(item.GetProperty("prompt_tokens").GetInt32(), session.Statistics.PromptTokens);
            right += text.ToString() == item.GetProperty("truth").GetString() ? 1 : 0;
        }

        int[] score = [.. json.RootElement.GetProperty("score").GetProperty(kind).EnumerateArray().Select(e => e.GetInt32())];
        Assert.Equal((score[0], score[1]), (right, items));
    }

    public sealed class DemoModel : IDisposable
    {
        public GemmaModel Model { get; } = GemmaModel.Load(Demo.Folder);

        public void Dispose() => Model.Dispose();
    }
}
