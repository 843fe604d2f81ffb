using System.Text;
using System.Text.Json;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Tests.Prompting.Tokenization;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Gguf;

/// <summary>Tokenizers out of GGUF files beside the <c>tokenizer.json</c> that they come from.</summary>
public sealed class GgufTokenizerTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Ids_OfTheDemo_AreThoseOfItsTokenizerJson()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.CreateEmpty("tiny-c");
        Tokenizer source = Tokenizer.Load(tiny.Folder), file = Through(source, 2304);
        AssertGoldens("demo", file);
        for (int id = 0; id < source.VocabularySize; id++)
        {
            Assert.Equal(source.IdToPiece(id), file.IdToPiece(id));
            Assert.Equal((source.IsSpecial(id), source.IsControl(id)), (file.IsSpecial(id), file.IsControl(id)));
        }

        Assert.Equal(
            (source.BosTokenId, source.EosTokenId, source.PadTokenId, source.UnkTokenId, source.EndOfTurnTokenId, source.ImageTokenId, source.AddsBos),
            (file.BosTokenId, file.EosTokenId, file.PadTokenId, file.UnkTokenId, file.EndOfTurnTokenId, file.ImageTokenId, file.AddsBos));
    }

    [Theory]
    [InlineData("scores")]
    [InlineData("spaces")]
    [InlineData("Ollama")]
    [InlineData("ids")]
    public void Ids_OfGemma_AreThoseOfItsTokenizerJson(string form)
    {
        Assert.SkipUnless(File.Exists(TestTokenizers.GemmaFile), "Gemma's own tokenizer.json is not there; tests/fetch-test-data.sh fetches it.");
        AssertGoldens("gemma", Tokenizer.FromGguf(OpenGemma(form).Metadata));
    }

    [Theory]
    [InlineData("none", "The file has no tokens (tokenizer.ggml.tokens); download it again.")]
    [InlineData("scores", "The file has 3 tokens, 2 scores and 3 token types; as many of each are needed, so download it again.")]
    [InlineData("types", "The file has 3 tokens, 3 scores and 4 token types; as many of each are needed, so download it again.")]
    [InlineData("byte", "Token 2 of the file is a byte named \"<0xg0>\"; <0x00> to <0xFF> are possible, so download it again.")]
    [InlineData("kind", "Token 2 of the file has type 7; 1 to 6 are possible, so download it again.")]
    [InlineData("twice", "Token 2 of the file, \"a\", is there twice; download it again.")]
    [InlineData("empty", "Token 2 of the file is empty; download it again.")]
    [InlineData("model", "The file's tokenizer is of model \"bert\"; \"llama\", which Gemma 3n has, is needed, so get another conversion.")]
    [InlineData("merge", "Merge 0 of the file joins pieces that are not in its vocabulary; download it again.")]
    [InlineData("merge form", "Merge 0 of the file is not two pieces with a space between them; download it again.")]
    public void Vocabularies_ThatAreUnsound_AreRefused(string fault, string message)
    {
        string third = fault switch { "byte" => "<0xg0>", "twice" => "a", "empty" => "", _ => "c" };
        GgufBytes bytes = new GgufBytes().Text("tokenizer.ggml.model", fault == "model" ? "bert" : "llama");
        if (fault != "none")
        {
            bytes.Texts("tokenizer.ggml.tokens", "a", "b", third);
        }

        bytes.List("tokenizer.ggml.scores", 6, fault == "scores" ? 2UL : 3, new byte[fault == "scores" ? 8 : 12]);
        uint kind = fault switch { "byte" => 6, "kind" => 7, _ => 1 };
        uint[] kinds = fault == "types" ? [1, 1, 1, 1] : [1, 1, kind];
        bytes.List("tokenizer.ggml.token_type", 5, (ulong)kinds.Length, [.. kinds.SelectMany(GgufBytes.Int)]);
        if (fault.StartsWith("merge", StringComparison.Ordinal))
        {
            bytes.Texts("tokenizer.ggml.merges", fault == "merge" ? "a b" : "ab");
        }

        File.WriteAllBytes(_folder["m.gguf"], bytes.ToArray());
        using GgufFile file = GgufFile.Open(_folder["m.gguf"]);
        Assert.Equal(message, Assert.Throws<TokenizerException>(() => Tokenizer.FromGguf(file.Metadata)).Message);
    }

    [Fact]
    public void Names_OfPicturesAndSounds_AreKnownByTheirIds()
    {
        using (var writer = new GgufWriter(_folder["m.gguf"]))
        {
            writer.Add("tokenizer.ggml.model", "llama");
            writer.Add("tokenizer.ggml.tokens", [.. Enumerable.Range(0, 262144).Select(id => Encoding.UTF8.GetBytes($"<unused{id}>"))]);
            writer.Add("tokenizer.ggml.token_type", [.. Enumerable.Repeat(3, 262144)]);
            writer.Finish();
        }

        using GgufFile file = GgufFile.Open(_folder["m.gguf"]);
        Tokenizer tokenizer = Tokenizer.FromGguf(file.Metadata);
        Assert.Equal(
            (255999, 262144, 262145, 256000, 262272, 262273),
            (tokenizer.BoiTokenId, tokenizer.EoiTokenId, tokenizer.ImageTokenId, tokenizer.BoaTokenId, tokenizer.EoaTokenId, tokenizer.AudioTokenId));
    }

    [Fact]
    public void Scores_DecideWhichPiecesJoinFirst()
    {
        Tokenizer Of(params float[] scores)
        {
            File.WriteAllBytes(_folder["m.gguf"], new GgufBytes().Text("tokenizer.ggml.model", "llama").Texts("tokenizer.ggml.tokens", "a", "b", "c", "ab", "bc")
                .List("tokenizer.ggml.scores", 6, 5, [.. scores.SelectMany(BitConverter.GetBytes)]).ToArray());
            using GgufFile file = GgufFile.Open(_folder["m.gguf"]);
            return Tokenizer.FromGguf(file.Metadata);
        }

        Assert.Equal([3, 2], Of(0, 0, 0, -1, -2).EncodeToIds("abc"));
        Assert.Equal([0, 4], Of(0, 0, 0, -2, -1).EncodeToIds("abc"));
        Assert.Equal([3, 2], Of(0, 0, 0, -1, -1).EncodeToIds("abc"));
    }

    /// <summary>Reads a file with the keys that are written for a tokenizer.</summary>
    Tokenizer Through(Tokenizer source, int rows)
    {
        using (var writer = new GgufWriter(_folder["t.gguf"]))
        {
            GgufTokenizer.Add(writer, source, rows, null);
            writer.Finish();
        }

        using GgufFile file = GgufFile.Open(_folder["t.gguf"]);
        return Tokenizer.FromGguf(file.Metadata);
    }

    /// <summary>Gemma's vocabulary as converters write it: with the real scores, runs of spaces spelled with spaces or with ▁, as text or as what they are.</summary>
    GgufFile OpenGemma(string form)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(TestTokenizers.GemmaFile));
        JsonElement vocabulary = json.RootElement.GetProperty("model").GetProperty("vocab");
        Dictionary<int, bool> added = json.RootElement.GetProperty("added_tokens").EnumerateArray()
            .ToDictionary(token => token.GetProperty("id").GetInt32(), token => token.GetProperty("special").GetBoolean());
        string[] pieces = new string[262145];
        foreach (JsonProperty entry in vocabulary.EnumerateObject().Where(entry => entry.Value.GetInt32() < pieces.Length))
        {
            pieces[entry.Value.GetInt32()] = entry.Name;
        }

        // The recordings are of Gemma 3's file, whose one id beyond the model's vocabulary this is.
        pieces[262144] = "<image_soft_token>";
        int[] kinds = new int[pieces.Length];
        float[] scores = new float[pieces.Length];
        byte[][] texts = new byte[pieces.Length][];
        for (int id = 0; id < pieces.Length; id++)
        {
            bool isRun = pieces[id].Length > 1 && pieces[id].All(character => character == '▁');
            kinds[id] = added.TryGetValue(id, out bool special) ? special || pieces[id].StartsWith("<unused", StringComparison.Ordinal) ? 3 : 4
                : id is >= 238 and < 494 ? 6 : 1;
            kinds[id] = form is "Ollama" or "ids" && (isRun || (form == "ids" && kinds[id] == 6)) ? 1 : kinds[id];
            scores[id] = form == "ids" ? id : added.ContainsKey(id) ? -1000 : 494 - id;
            texts[id] = Encoding.UTF8.GetBytes(form == "spaces" && isRun ? pieces[id].Replace('▁', ' ') : pieces[id]);
        }

        using (var writer = new GgufWriter(_folder["g.gguf"]))
        {
            writer.Add("tokenizer.ggml.model", form == "ids" ? "gpt2" : "llama");
            writer.Add("tokenizer.ggml.tokens", texts);
            writer.Add("tokenizer.ggml.scores", scores);
            writer.Add("tokenizer.ggml.token_type", kinds);
            writer.Add("tokenizer.ggml.bos_token_id", 2);
            writer.Add("tokenizer.ggml.eos_token_id", 106);
            writer.Add("tokenizer.ggml.unknown_token_id", 3);
            writer.Finish();
        }

        return GgufFile.Open(_folder["g.gguf"]);
    }

    static void AssertGoldens(string name, Tokenizer tokenizer)
    {
        using JsonDocument goldens = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"tokenizer/{name}.json")));
        int count = 0;
        foreach (JsonElement golden in goldens.RootElement.GetProperty("encode").EnumerateArray())
        {
            string text = golden.GetProperty("text").GetString()!;
            Assert.True(
                golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()).SequenceEqual(tokenizer.EncodeToIds(text)), $"{text} has other ids.");
            count++;
        }

        Assert.True(count > 300);
        foreach (JsonElement golden in goldens.RootElement.GetProperty("decode").EnumerateArray())
        {
            int[] ids = [.. golden.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(golden.GetProperty("text").GetString(), tokenizer.Decode(ids, skipSpecial: false));
        }
    }
}
