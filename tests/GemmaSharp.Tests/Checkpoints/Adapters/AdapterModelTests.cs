using System.Text.Json;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Cli.Commands;
using GemmaSharp.Generation;
using GemmaSharp.Layers;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>Adapters in the whole model: towers, embedders, sessions side by side, caches that must not mix.</summary>
public sealed class AdapterModelTests
{
    static readonly GenerationOptions s_greedy = new() { MaxTokens = 12, Temperature = 0, IgnoreEos = true };

    [Theory]
    [InlineData("peft")]
    [InlineData("rslora")]
    public async Task Generate_RecordedAdapter_ChoosesTheReferencesTokens(string name)
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"lora/{name}/goldens/text-long.json")));
        int[] ids = Integers("token_ids"), greedy = Integers("greedy");
        using GemmaSession session = model.NewSession(new(model.LoadAdapter(Folder(name))));
        int[] tokens = await Answer(session, new EncodedPrompt(ids), s_greedy with { MaxTokens = greedy.Length });
        Assert.Equal(greedy, tokens);

        int[] Integers(string property) => [.. json.RootElement.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
    }

    [Fact]
    public async Task Generate_ManyConversationsAtOnce_AnswersEachAsAlone()
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        AdapterSet[] sets = Sets(model);
        string[] questions = [.. sets.Select((_, i) => $"What is the capital of country number {i}? Say it {new string('x', 5 * i)} please.")];
        var alone = new List<int[]>();
        for (int i = 0; i < sets.Length; i++)
        {
            using GemmaSession session = model.NewSession(sets[i]);
            alone.Add(await Answer(session, model.Encode([ChatMessage.User(questions[i])])));
        }

        Assert.NotEqual(alone[0], await AnswerAlone(model, sets[1], questions[0]));
        GemmaSession[] sessions = [.. sets.Select(model.NewSession)];
        int[][] together = await Task.WhenAll(sessions.Select((session, i) => Task.Run(() => Answer(session, model.Encode([ChatMessage.User(questions[i])])))));
        Assert.Equal(alone, together);

        // The second turn reuses the first one's cache, under the same adapters.
        foreach ((GemmaSession session, AdapterSet set) in sessions.Zip(sets))
        {
            Assert.Equal(set, session.Adapters);
            EncodedPrompt longer = model.Encode([ChatMessage.User(questions[Array.IndexOf(sets, set)]), ChatMessage.Assistant("Well."), ChatMessage.User("And then?")]);
            int[] second = await Answer(session, longer);
            Assert.True(session.Statistics.ReusedTokens > 10);
            using GemmaSession fresh = model.NewSession(set);
            Assert.Equal(await Answer(fresh, longer), second);
            session.Dispose();
        }
    }

    [Fact]
    public void Encode_ClipAndPicture_AreEncodedOncePerSetThatChangesThem()
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        ChatMessage[] messages = [ChatMessage.User([new ImagePart(Picture()), new AudioPart(Clip()), new TextPart("What?")])];
        using AdapterFolder hearing = AdapterFolder.Of("""{"peft_type": "LORA", "r": 4, "lora_alpha": 4}""", "adapter_model.safetensors", Pairs(model, "audio_tower."));
        using AdapterFolder seeing = AdapterFolder.Of("""{"peft_type": "LORA", "r": 4, "lora_alpha": 4}""", "adapter_model.safetensors", Pairs(model, "embed_vision."));
        AdapterSet ears = new(model.LoadAdapter(hearing.Path)), eyes = new(model.LoadAdapter(seeing.Path)), text = new(model.LoadAdapter(Folder("peft")));

        EncodedPrompt plain = model.Encode(messages);
        long cached = model.ScratchBytes;
        Assert.Same(Rows(plain, 0), Rows(model.Encode(messages, adapters: text), 0));
        Assert.Equal(cached, model.ScratchBytes);

        EncodedPrompt heard = model.Encode(messages, adapters: ears), seen = model.Encode(messages, adapters: eyes);
        Assert.Same(Rows(plain, 0), Rows(heard, 0));
        Assert.NotEqual(Rows(plain, 1), Rows(heard, 1));
        Assert.NotEqual(Media(plain)[1].ContentHash, Media(heard)[1].ContentHash);
        Assert.NotEqual(Rows(plain, 0), Rows(seen, 0));
        Assert.Same(Rows(plain, 1), Rows(seen, 1));
        Assert.Same(Rows(heard, 1), Rows(model.Encode(messages, adapters: ears), 1));
        Assert.Same(Rows(plain, 1), Rows(model.Encode(messages), 1));
        Assert.NotEqual(Rows(heard, 1), Rows(model.Encode(messages, adapters: new(ears.Adapters[0].Adapter, 0.5f)), 1));
    }

    [Fact]
    public void Encode_TowersAndEmbedders_AreChangedAsIfMerged()
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        ChatMessage[] messages = [ChatMessage.User([new ImagePart(Picture()), new AudioPart(Clip()), new TextPart("What?")])];
        string[] parts = ["audio_tower.", "embed_audio.", "embed_vision."];
        using AdapterFolder folder = AdapterFolder.Of("""{"peft_type": "LORA", "r": 4, "lora_alpha": 2}""", "adapter_model.safetensors", Pairs(model, parts));
        LoraAdapter adapter = model.LoadAdapter(folder.Path);
        Assert.Equal(Enumerable.Range(0, 3), parts.Select((part, i) => adapter.Modules.Any(module => module.StartsWith(part, StringComparison.Ordinal)) ? i : -1));
        var merge = new LoraMerge(new WeightedAdapter(adapter));
        using var mergedFiles = TinyCheckpoint.Create("tiny-c", AdapterFolder.Merging(merge));
        using GemmaModel merged = GemmaModel.Load(mergedFiles.Folder);

        EncodedPrompt plain = model.Encode(messages);
        Compare(merged.Encode(messages), model.Encode(messages, adapters: new(adapter)));
        model.ClearMediaCache();
        Assert.All(plain.Soft.Zip(model.Encode(messages).Soft), pair => Assert.Equal(Rows(pair.First), Rows(pair.Second)));
        var trace = new RecordingTrace();
        var mergedTrace = new RecordingTrace();
        model.Encode(messages, trace: trace, adapters: new(adapter));
        merged.Encode(messages, trace: mergedTrace);
        Assert.Contains("embed_audio#2", trace.Names);
        foreach (string name in mergedTrace.Names)
        {
            AssertClose(mergedTrace[name], trace[name], name);
        }

        void Compare(EncodedPrompt expected, EncodedPrompt actual)
        {
            Assert.Equal(expected.Soft.Count, actual.Soft.Count);
            for (int i = 0; i < expected.Soft.Count; i++)
            {
                AssertClose(Rows(expected.Soft[i]), Rows(actual.Soft[i]), $"soft tokens {i}");
            }
        }
    }

    [Fact]
    public async Task Generate_PromptOfOtherAdapters_IsRefusedWhereMediaDiffer()
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        using GemmaModel other = GemmaModel.Load(files.Folder);
        AdapterSet adapters = new(model.LoadAdapter(Folder("peft")));
        using GemmaSession session = model.NewSession(adapters);
        EncodedPrompt picture = model.Encode([ChatMessage.User([new ImagePart(Picture()), new TextPart("What?")])]);
        await Assert.ThrowsAsync<ArgumentException>(() => Answer(session, picture));
        Assert.Equal(12, (await Answer(session, model.Encode([ChatMessage.User([new ImagePart(Picture()), new TextPart("What?")])], adapters: adapters))).Length);
        Assert.Throws<ArgumentException>(() => other.NewSession(adapters));
        Assert.Throws<ArgumentException>(() => other.Encode([ChatMessage.User("Hello")], adapters: adapters));
        Assert.Throws<AdapterException>(() => model.LoadAdapter(files.Folder));
    }

    [Fact]
    public void Trace_PromptWithAdapters_RecordsThem()
    {
        using var files = TinyCheckpoint.Create("tiny-c");
        using GemmaModel model = GemmaModel.Load(files.Folder);
        Golden expected = Golden.Load("lora/peft/goldens/text-long.safetensors");
        var trace = new RecordingTrace(name => name.StartsWith("language_model.", StringComparison.Ordinal));
        model.Trace(new EncodedPrompt(expected.Integers("input.input_ids"), adapters: new(model.LoadAdapter(Folder("peft")))), trace);
        expected.AssertClose(trace);
    }

    static AdapterSet[] Sets(GemmaModel model)
    {
        LoraAdapter peft = model.LoadAdapter(Folder("peft")), rslora = model.LoadAdapter(Folder("rslora"));
        return [AdapterSet.None, new(peft), new(rslora), new(new WeightedAdapter(peft, -0.5f), new WeightedAdapter(rslora)), new(peft, 2)];
    }

    static async Task<int[]> AnswerAlone(GemmaModel model, AdapterSet adapters, string question)
    {
        using GemmaSession session = model.NewSession(adapters);
        return await Answer(session, model.Encode([ChatMessage.User(question)]));
    }

    static async Task<int[]> Answer(GemmaSession session, EncodedPrompt prompt, GenerationOptions? options = null)
    {
        var ids = new List<int>();
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, options ?? s_greedy, TestContext.Current.CancellationToken))
        {
            ids.Add(token.Id);
        }

        return [.. ids];
    }

    /// <summary>Pairs of rank 4 for every linear layer below some paths.</summary>
    static IEnumerable<TinyTensor> Pairs(GemmaModel model, params string[] parts) => model.Linears.All
        .Where(module => parts.Any(part => module.Path.StartsWith(part, StringComparison.Ordinal)))
        .SelectMany(module => AdapterFolder.Pair("model." + module.Path, 4, module.InFeatures, module.OutFeatures, module.Index));

    static float[] Rows(EncodedPrompt prompt, int index) => Rows(Media(prompt)[index]);

    static float[] Rows(SoftTokens tokens)
    {
        Assert.True(System.Runtime.InteropServices.MemoryMarshal.TryGetArray(tokens.Values, out ArraySegment<float> rows));
        return rows.Array!;
    }

    /// <summary>Pictures and clips, without the tokens that frame them.</summary>
    static SoftTokens[] Media(EncodedPrompt prompt) => [.. prompt.Soft.Where(tokens => tokens.Count > 1)];

    static RgbImage Picture() => new(16, 12, [.. Enumerable.Range(0, 16 * 12 * 3).Select(i => (byte)(i * 37))]);

    static AudioClip Clip() => new([.. Enumerable.Range(0, 8000).Select(i => 0.3f * MathF.Sin(i * 0.05f))], 16000);

    static string Folder(string name) => Path.GetDirectoryName(GoldenFiles.Find($"lora/{name}/adapter_config.json"))!;

    static void AssertClose(float[] expected, float[] actual, string name)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = expected.Zip(actual, (e, a) => Math.Abs((double)e - a)).Max() / expected.Max(Math.Abs);
        Assert.True(difference <= 1e-4, $"{name} {difference:E2}");
    }
}
