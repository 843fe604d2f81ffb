using System.Text.Json;
using System.Text.Json.Nodes;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>A conversation of the reference with its pictures and clips, and what the reference made of it.</summary>
sealed class RecordedCase
{
    readonly JsonElement _root;

    /// <param name="path">A recorded case's path without extension; its media lie beside it as <c>path-0.png</c>, <c>path-0.wav</c> …</param>
    public RecordedCase(string path)
    {
        _root = JsonDocument.Parse(File.ReadAllBytes(path + ".json")).RootElement;
        JsonNode messages = JsonNode.Parse(_root.GetProperty("messages").GetRawText())!;
        int images = 0, clips = 0;
        foreach (JsonNode? part in messages.AsArray().Select(m => m!["content"]).OfType<JsonArray>().SelectMany(parts => parts))
        {
            switch (part!["type"]!.GetValue<string>())
            {
                case "image":
                    part["image"] = $"{path}-{images++}.png";
                    break;
                case "audio":
                    part["audio"] = $"{path}-{clips++}.wav";
                    break;
            }
        }

        byte[] utf8 = System.Text.Encoding.UTF8.GetBytes(messages.ToJsonString());
        Messages = MediaMessages.Read(ConversationFile.Parse(utf8, path + ".json", AppContext.BaseDirectory));
    }

    public IReadOnlyList<ChatMessage> Messages { get; }

    public int[] PromptIds => Integers("token_ids");

    public int[] Greedy => Integers("greedy");

    int[] Integers(string property) => [.. _root.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
}
