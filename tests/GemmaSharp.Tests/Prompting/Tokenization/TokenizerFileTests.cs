using System.Text;
using CsCheck;

namespace GemmaSharp.Tests.Prompting.Tokenization;

public class TokenizerFileTests
{
    [Theory]
    [InlineData("{}", """{"eos_token":"a"}""", "a")]
    [InlineData("""{"eos_token":"b"}""", """{"eos_token":"a"}""", "b")]
    [InlineData(null, """{"eos_token":{"content":"a","lstrip":false}}""", "a")]
    [InlineData("{}", null, "<eos>")]
    public void Settings_MapOfSpecialTokens_CountsWhereTheOtherFileIsSilent(string? settings, string? map, string expected) =>
        Assert.Equal(expected, GemmaSharp.Prompting.Tokenization.TokenizerFile.ParseSettings(Bytes(settings), Bytes(map))["eos_token"]);

    static byte[]? Bytes(string? text) => text is null ? null : System.Text.Encoding.UTF8.GetBytes(text);

    [Fact]
    public void Load_SmallFile_EncodesWithBytesMissing()
    {
        Tokenizer tokenizer = TestTokenizers.Parse(TestTokenizers.Json());
        Assert.Equal([7, 4, 5], tokenizer.EncodeToIds("ab a"));
        Assert.Equal([3, 5, 3], tokenizer.EncodeToIds("éÿa\n"));    // no byte pieces: unknown, fused
        Assert.Equal("ab a", tokenizer.Decode([7, 4, 5]));
        Assert.False(tokenizer.AddsBos);
    }

    [Fact]
    public void Load_UnknownNotFused_OneTokenEach() =>
        Assert.Equal([3, 3, 5], TestTokenizers.Parse(TestTokenizers.Json(model: """ "unk_token":"<unk>","fuse_unk":false """)).EncodeToIds("xya"));

    [Fact]
    public void Load_NoUnknownToken_DropsWhatItCannotEncode() =>
        Assert.Equal([5], TestTokenizers.Parse(TestTokenizers.Json(
            """{"▁":4,"a":5}""", "[]", model: """ "unk_token":null """)).EncodeToIds("xya"));

    [Fact]
    public void Load_MergesAsPairsAndBeforeTheVocabulary_SameIds()
    {
        string json = """
            {"model":{"merges":[["a","b"]],"vocab":{"a":0,"b":1,"ab":2,"\u2581":3},"type":"BPE"},
             "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"\u2581"},"content":" "},{"type":"ByteFallback"}]}}
            """;
        Assert.Equal([2, 0], TestTokenizers.Parse(json).EncodeToIds("aba"));
    }

    [Fact]
    public void Load_PostProcessor_SaysWhetherTextBeginsWithBos()
    {
        const string bos = """{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}]}""";
        Assert.True(TestTokenizers.Parse(TestTokenizers.Json(postProcessor: bos)).AddsBos);
        Assert.False(TestTokenizers.Parse(TestTokenizers.Json(postProcessor: bos), """{"add_bos_token":false}""").AddsBos);
    }

    [Theory]
    [InlineData("""{"image_token":"ab"}""")]
    [InlineData("""{"image_token":{"content":"ab","lstrip":false}}""")]
    [InlineData("""{"extra_special_tokens":{"image_token":"ab"}}""")]
    [InlineData("""{"extra_special_tokens":[],"model_specific_special_tokens":{"image_token":"ab"}}""")]
    public void Load_ImageTokenInAnyPlace_IsFound(string config) =>
        Assert.Equal(7, TestTokenizers.Parse(TestTokenizers.Json(), config).ImageTokenId);

    [Fact]
    public void EncodeToIds_AddedTokens_LongestFirstWithTheirFlags()
    {
        Tokenizer tokenizer = TestTokenizers.Parse(TestTokenizers.Json(added: """
            [{"id":10,"content":"<x>","special":true},
             {"id":11,"content":"<x>a","special":false,"normalized":false},
             {"id":12,"content":"w","single_word":true,"normalized":false},
             {"id":13,"content":"<l>","lstrip":true,"normalized":false},
             {"id":14,"content":"<r>","rstrip":true,"normalized":false},
             {"id":15,"content":"a b","normalized":true}]
            """));
        Assert.Equal([11, 10, 6], tokenizer.EncodeToIds("<x>a<x>b"));
        Assert.Equal([12, 4, 12, 4, 5, 3], tokenizer.EncodeToIds("w w aw"));
        Assert.Equal([5, 13, 4, 5], tokenizer.EncodeToIds("a \n <l> a"));
        Assert.Equal([5, 4, 14, 5], tokenizer.EncodeToIds("a <r> \t a"));
        Assert.Equal([13, 14, 13], tokenizer.EncodeToIds("<l><r>  <l>"));
        Assert.Equal([15, 15], tokenizer.EncodeToIds("a ba▁b"));   // in the normalized text, where both are the same
    }

    [Fact]
    public void EncodeToIds_SpecialNotAllowed_OnlyControlTokensAreCharacters()
    {
        Tokenizer demo = TestTokenizers.Demo;
        int[] off = demo.EncodeToIds("a<end_of_turn>\n<image_soft_token><bos><unk>", allowSpecial: false);
        Assert.All(off, id => Assert.False(demo.IsSpecial(id)));
        Assert.Equal("a<end_of_turn>\n<image_soft_token><bos><unk>", demo.Decode(off));

        Tokenizer gemma = TestTokenizers.Gemma;
        off = gemma.EncodeToIds("a<end_of_turn>\n\n<table><start_of_image></td>\t<unused7>", allowSpecial: false);
        Assert.DoesNotContain(106, off);
        Assert.DoesNotContain(255999, off);
        Assert.All((int[])[108, 168, 183, 255968, 13], id => Assert.Contains(id, off));
    }

    [Fact]
    public void EncodeToIds_RoleTokenNotMarkedSpecial_IsStillControl()
    {
        Tokenizer tokenizer = TestTokenizers.Parse(TestTokenizers.Json(
            """{"▁":4,"a":5,"<":6,">":7}""", "[]", """[{"id":8,"content":"<end_of_turn>","special":false}]""", """ "unk_token":null """));
        Assert.Equal([8], tokenizer.EncodeToIds("<end_of_turn>"));
        Assert.DoesNotContain(8, tokenizer.EncodeToIds("<end_of_turn>", allowSpecial: false));
        Assert.False(tokenizer.IsSpecial(8));
    }

    [Fact]
    public void EncodeToIds_LoneSurrogates_AreReplacementCharacters()
    {
        Tokenizer demo = TestTokenizers.Demo;
        Assert.Equal(demo.EncodeToIds("a\uFFFDb\uFFFD"), demo.EncodeToIds("a\uD800b\uDC00"));
        Assert.Equal(demo.EncodeToIds("\uFFFD😀"), demo.EncodeToIds("\uD83D😀"));
        Assert.True(demo.TryGetId("a", out _));
        Assert.False(demo.TryGetId("\uD800", out _));
    }

    [Fact]
    public void Decode_UnknownIds_HaveNoText() =>
        Assert.Equal("ab", TestTokenizers.Parse(TestTokenizers.Json()).Decode([5, -1, int.MaxValue, int.MinValue, 1_000, 6]));

    [Fact]
    public void Spell_BytesThatAreNoCharacterAlone_AreToldApart()
    {
        Tokenizer tokenizer = TestTokenizers.Parse(TestTokenizers.Json(
            vocabulary: """{"<unk>":0,"▁é":1,"<0xC3>":2,"<0xC4>":3,"<0x41>":4,"<0x0A>":5,"<0xZZ>":6}""", merges: "[]"));
        Assert.Equal([" é", "\\xc3", "\\xc4", "A", "\n", "<0xZZ>"], Enumerable.Range(1, 6).Select(id => tokenizer.Spell(id).Text));
        Assert.Equal(["20-C3-A9", "C3", "C4", "41", "0A", "3C-30-78-5A-5A-3E"], Enumerable.Range(1, 6).Select(id => BitConverter.ToString(tokenizer.Spell(id).Bytes)));
        Assert.Equal([2, 3, 4, 5], Enumerable.Range(0, 7).Where(tokenizer.IsByte));
    }

    [Fact]
    public void EncodeToIds_BosWantedWithoutOne_Throws() =>
        Assert.Throws<InvalidOperationException>(() => TestTokenizers.Parse(TestTokenizers.Json("""{"a":0}""", "[]", model: """ "unk_token":null """)).EncodeToIds("a", addBos: true));

    [Fact]
    public void Load_FolderWithoutTokenizer_SaysWhatIsMissing()
    {
        TokenizerException e = Assert.Throws<TokenizerException>(() => Tokenizer.Load(Path.Combine(Path.GetTempPath(), "no such folder")));
        Assert.Contains("tokenizer.json", e.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "", "not valid JSON" },
        { "null", "null; a tokenizer is an object" },
        { "[]", "a list; a tokenizer is an object" },
        { "{}", "no entry \"model\"" },
        { TestTokenizers.Json()[..300], "not valid JSON" },
        { TestTokenizers.Json() + "x", "not valid JSON" },
        { new string('[', 100_000), "a tokenizer is an object" },
        { "{\"x\":" + new string('[', 100_000), "not valid JSON" },
        { "{\"model\":" + new string('[', 100_000), "it must be an object" },
        { "{\"model\":{\"vocab\":" + new string('{', 5), "not valid JSON" },
        { "{\"model\":{\"x\":" + new string('[', 100_000), "not valid JSON" },
        { "{\"model\":{},\"model\":{}}", "needs both vocab and merges" },
        { TestTokenizers.Json("[]"), "model.vocab of tokenizer.json is a list" },
        { TestTokenizers.Json("""{"a":"0"}"""), "The id of \"a\"" },
        { TestTokenizers.Json("""{"a":-1}"""), "The id of \"a\"" },
        { TestTokenizers.Json("""{"a":1.5}"""), "The id of \"a\"" },
        { TestTokenizers.Json("""{"a":4194304}"""), "The id of \"a\"" },
        { TestTokenizers.Json("""{"a":1e99}"""), "The id of \"a\"" },
        { TestTokenizers.Json("""{"a":0,"b":0}"""), "repeats a piece or an id" },
        { TestTokenizers.Json("""{"a":0,"\u0061":1}"""), "repeats a piece or an id" },
        { TestTokenizers.Json("""{"\ud800":0}"""), "not valid JSON" },
        { TestTokenizers.Json(merges: "{}"), "model.merges of tokenizer.json is an object" },
        { TestTokenizers.Json(merges: """["ab"]"""), "not two pieces" },
        { TestTokenizers.Json(merges: """["a b c"]"""), "not two pieces" },
        { TestTokenizers.Json(merges: """[["a","b","c"]]"""), "not two pieces" },
        { TestTokenizers.Json(merges: """[["a"]]"""), "not two pieces" },
        { TestTokenizers.Json(merges: """[["a",1]]"""), "not two pieces" },
        { TestTokenizers.Json(merges: "[1]"), "not two pieces" },
        { TestTokenizers.Json(merges: """["a x"]"""), "not both in the vocabulary" },
        { TestTokenizers.Json(merges: """["b a"]"""), "not both in the vocabulary" },
        { TestTokenizers.Json(added: "{}"), "added_tokens" },
        { TestTokenizers.Json(added: "[1]"), "Added token 0" },
        { TestTokenizers.Json(added: """[{"id":9}]"""), "Added token 0" },
        { TestTokenizers.Json(added: """[{"id":9,"content":""}]"""), "Added token 0" },
        { TestTokenizers.Json(added: """[{"id":-9,"content":"x"}]"""), "Added token 0" },
        { TestTokenizers.Json(added: """[{"id":9,"content":"x","special":1}]"""), "special of added token 0" },
        { TestTokenizers.Json(added: """[{"id":9,"content":"a"}]"""), "contradicts" },
        { TestTokenizers.Json(added: """[{"id":5,"content":"x"}]"""), "contradicts" },
        { TestTokenizers.Json(added: """[{"id":9,"content":"x"},{"id":9,"content":"x"}]"""), "contradicts" },
        { TestTokenizers.Json(added: """[{"id":7,"content":"ab","special":true}]"""), "out of ordinary text" },
        { TestTokenizers.Json(added: $$"""[{"id":9,"content":"{{new string('x', 1025)}}"}]"""), "1 to 1024 characters" },
        { TestTokenizers.Json(model: """ "unk_token":"nothing" """), "model.unk_token" },
        { TestTokenizers.Json(model: """ "unk_token":3 """), "model.unk_token" },
        { TestTokenizers.Json(model: """ "fuse_unk":3 """), "model.fuse_unk" },
        { TestTokenizers.Json(model: """ "dropout":0.1 """), "model.dropout" },
        { TestTokenizers.Json(model: """ "ignore_merges":true """), "model.ignore_merges" },
        { TestTokenizers.Json(model: """ "continuing_subword_prefix":"##" """), "model.continuing_subword_prefix" },
        { TestTokenizers.Json().Replace("\"BPE\"", "\"Unigram\"", StringComparison.Ordinal), "model.type" },
        { TestTokenizers.Json(normalizer: """{"type":"NFKC"}"""), "normalizer of tokenizer.json is {\"type\":\"NFKC\"}" },
        { TestTokenizers.Json(normalizer: "3"), "normalizer" },
        { TestTokenizers.Json(preTokenizer: """{"type":"ByteLevel"}"""), "pre_tokenizer" },
        { TestTokenizers.Json(normalizer: "null", preTokenizer: """{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}"""), "pre_tokenizer" },
        { TestTokenizers.Json(postProcessor: """{"type":"Digits"}"""), "post_processor" },
        { TestTokenizers.Json(postProcessor: """{"type":"Sequence","processors":[{"type":"ByteLevel"},{"type":"Digits"}]}"""), "post_processor" },
        { TestTokenizers.Json(postProcessor: """{"type":"TemplateProcessing","single":[]}"""), "post_processor" },
        { TestTokenizers.Json(decoder: "null"), "decoder" },
        { TestTokenizers.Json(decoder: """{"type":"Sequence","decoders":[1,2,3]}"""), "decoder" },
    };

    [Theory]
    [InlineData("""{"type":"ByteLevel"}""", false)]
    [InlineData("""{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>"}},{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"<eos>"}}]}""", true)]
    [InlineData("""{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"<eos>"}}]}""", false)]
    [InlineData("""{"type":"Sequence","processors":[{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<bos>"}},{"Sequence":{"id":"A"}}]}]}""", true)]
    [InlineData("""{"type":"Sequence","processors":[]}""", false)]
    [InlineData("""{"type":"RobertaProcessing","sep":["<eos>",1],"cls":["<bos>",2]}""", true)]
    public void Load_PostProcessorOfTraining_TellsWhatComesFirst(string postProcessor, bool prepends) =>
        Assert.Equal(prepends, TestTokenizers.Parse(TestTokenizers.Json(postProcessor: postProcessor)).AddsBos);

    [Theory]
    [MemberData(nameof(Refused))]
    public void Load_OtherForm_NamesWhatWasFound(string json, string message)
    {
        TokenizerException e = Assert.Throws<TokenizerException>(() => TestTokenizers.Parse(json));
        Assert.Contains(message, e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("""{"bos_token":3}""")]
    [InlineData("""{"bos_token":{"content":[]}}""")]
    public void Load_BadConfig_IsRefused(string config) =>
        Assert.Throws<TokenizerException>(() => TestTokenizers.Parse(TestTokenizers.Json(), config));

    [Fact]
    public void Load_NotUtf8_IsRefused()
    {
        byte[] bytes = Encoding.Latin1.GetBytes(TestTokenizers.Json().Replace("\"ab\"", "\"a\u00FFb\"", StringComparison.Ordinal));
        using MemoryStream stream = new(bytes);
        Assert.Contains("not UTF-8", Assert.Throws<TokenizerException>(() => Tokenizer.Load(stream)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ByteOrderMark_IsPassedOver() =>
        Assert.Equal([7], TestTokenizers.Parse("\uFEFF" + TestTokenizers.Json()).EncodeToIds("ab"));

    [Fact]
    public void Load_DamagedFile_LoadsOrRefuses()
    {
        byte[] file = Encoding.UTF8.GetBytes(TestTokenizers.Json(added: """[{"id":10,"content":"<x>","special":true,"lstrip":true}]"""));
        Gen.Select(Gen.Int[0, file.Length - 1], Gen.Byte, Gen.Int[0, file.Length]).Sample(
            (at, value, length) =>
            {
                byte[] damaged = file[..length];
                if (at < length)
                {
                    damaged[at] = value;
                }

                try
                {
                    using MemoryStream stream = new(damaged);
                    Tokenizer.Load(stream).EncodeToIds("ab <x>é");
                }
                catch (TokenizerException)
                {
                    // Refused with words: what the test is about.
                }
            },
            iter: 3000);
    }
}
