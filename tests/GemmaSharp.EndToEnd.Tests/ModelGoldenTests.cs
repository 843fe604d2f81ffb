using System.Text.Json;
using GemmaSharp.Generation;
using GemmaSharp.Media;
using GemmaSharp.Multimodal;
using GemmaSharp.Tests.TestCheckpoints;
using GemmaSharp.Tokenization.Chat;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The whole model, files to tokens, against recorded outputs of the reference implementation.</summary>
public sealed class ModelGoldenTests
{
    public static TheoryData<string, string> Cases => new()
    {
        { "tiny-a", "text-short" }, { "tiny-a", "text-long" }, { "tiny-a", "image" }, { "tiny-a", "audio" }, { "tiny-a", "mixed" },
        { "tiny-b", "text-short" }, { "tiny-b", "text-long" }, { "tiny-b", "audio" },
        { "tiny-c", "text-short" }, { "tiny-c", "text-long" }, { "tiny-c", "image" }, { "tiny-c", "audio" }, { "tiny-c", "mixed" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Trace_AndGreedy_AreTheReferences(string name, string golden)
    {
        using TinyCheckpoint files = TinyCheckpoint.Create(name);
        using GemmaModel model = GemmaModel.Load(files.Folder);
        await Check(model, $"{name}/goldens/{golden}");
    }

    static async Task Check(GemmaModel model, string path)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find(path + ".json")));
        IReadOnlyList<ChatMessage> messages = Messages(json.RootElement, path);
        var trace = new RecordingTrace();
        EncodedPrompt prompt = model.Encode(messages, trace: trace);
        int[] expectedIds = Integers(json.RootElement, "token_ids"), greedy = Integers(json.RootElement, "greedy");
        Assert.Equal(expectedIds, prompt.Ids);
        model.Trace(prompt, trace);
        Golden expected = Golden.Load(path + ".safetensors");
        foreach (string key in expected.Keys.Where(k => k != "generated_logits"))
        {
            if (!trace.Names.Contains(key))
            {
                Console.WriteLine($"{path} MISSING {key}");
                continue;
            }

            double d = expected.Compare(key, trace[key]);
            if (d > 2e-5 || key.StartsWith("input") || key.Contains("conv_stem"))
            {
                Console.WriteLine($"{path} {key} {d:E2}");
            }
        }

        using GemmaSession session = model.NewSession();
        var ids = new List<int>();
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, new GenerationOptions { Temperature = 0, MaxTokens = greedy.Length, IgnoreEos = true }, TestContext.Current.CancellationToken))
        {
            ids.Add(token.Id);
        }

        Console.WriteLine($"{path} {ids.SequenceEqual(greedy)}");
        Assert.Equal(greedy, ids);
    }

    static IReadOnlyList<ChatMessage> Messages(JsonElement root, string path)
    {
        int image = 0, clip = 0;
        byte[] json = System.Text.Encoding.UTF8.GetBytes(WithSources(root.GetProperty("messages").GetRawText(), path, ref image, ref clip));
        return [.. ChatMessageJson.Read(json).Select(m => m.IsPlainText ? m : new ChatMessage(m.Role, [.. m.Parts.Select(Resolve)]))];

        static ContentPart Resolve(ContentPart part) => part switch
        {
            ImagePart p => new ImagePart(ImageReader.Read(GoldenFiles.Find(p.Source!)), p.Source),
            AudioPart p => new AudioPart(AudioReader.Read(GoldenFiles.Find(p.Source!)).Clips[0], p.Source),
            _ => part,
        };
    }

    static string WithSources(string messages, string path, ref int image, ref int clip)
    {
        var node = System.Text.Json.Nodes.JsonNode.Parse(messages)!;
        foreach (var message in node.AsArray())
        {
            if (message!["content"] is System.Text.Json.Nodes.JsonArray parts)
            {
                foreach (var part in parts)
                {
                    string type = part!["type"]!.GetValue<string>();
                    if (type == "image")
                    {
                        part["image"] = $"{path}-{image++}.png";
                    }
                    else if (type == "audio")
                    {
                        part["audio"] = $"{path}-{clip++}.wav";
                    }
                }
            }
        }

        return node.ToJsonString();
    }

    static int[] Integers(JsonElement root, string property) => [.. root.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
}
