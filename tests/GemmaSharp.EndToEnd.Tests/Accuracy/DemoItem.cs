using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Cli.Commands;
using GemmaSharp.Generation;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>A held-out question of the demo checkpoint.</summary>
/// <param name="Kind"><c>text</c>, <c>image</c>, <c>audio</c> or <c>both</c>.</param>
/// <param name="Message">The question, its files read.</param>
/// <param name="Truth">The right answer.</param>
/// <param name="Answer">What the reference implementation answers.</param>
/// <param name="TokenIds">The tokens of that answer, the end of turn included.</param>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="MinGap">The smallest distance between the two best logits of the answer.</param>
sealed record DemoItem(string Kind, ChatMessage Message, string Truth, string Answer, int[] TokenIds, int PromptTokens, double MinGap)
{
    /// <summary>All items of a folder with <c>items.json</c> and the files it names.</summary>
    public static IReadOnlyList<DemoItem> ReadAll(string folder)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "items.json")));
        return [.. json.RootElement.GetProperty("items").EnumerateArray().Select(item => Read(folder, item))];
    }

    /// <summary>How many items of a kind the reference answers rightly, and how many there are.</summary>
    public static (int Right, int Items) Score(string folder, string kind)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "items.json")));
        int[] score = [.. json.RootElement.GetProperty("score").GetProperty(kind).EnumerateArray().Select(e => e.GetInt32())];
        return (score[0], score[1]);
    }

    static DemoItem Read(string folder, JsonElement item)
    {
        var content = (JsonArray)JsonNode.Parse(item.GetProperty("content").GetRawText())!;
        foreach (JsonNode? part in content)
        {
            string type = part!["type"]!.GetValue<string>();
            if (type != "text")
            {
                part[type] = item.GetProperty(type).GetString();
            }
        }

        var messages = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = content });
        return new DemoItem(
            item.GetProperty("kind").GetString()!,
            MediaMessages.Read(ConversationFile.Parse(Encoding.UTF8.GetBytes(messages.ToJsonString()), "items.json", folder))[0],
            item.GetProperty("truth").GetString()!,
            item.GetProperty("answer").GetString()!,
            [.. item.GetProperty("token_ids").EnumerateArray().Select(e => e.GetInt32())],
            item.GetProperty("prompt_tokens").GetInt32(),
            item.GetProperty("min_gap").GetDouble());
    }
}
