using System.Text;
using System.Text.Json;
using GemmaSharp.Prompting.Tokenization;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Prompting.Tokenization;

public class TokenizerGoldenTests
{
    [Theory]
    [InlineData("demo")]
    [InlineData("gemma")]
    public void EncodeToIds_ReferenceTexts_SameIds(string name)
    {
        Tokenizer tokenizer = TestTokenizers.Get(name);
        List<string> differences = [];
        foreach (JsonElement item in TestTokenizers.Golden("tokenizer", $"{name}.json").GetProperty("encode").EnumerateArray())
        {
            string text = item.GetProperty("text").GetString()!;
            int[] expected = TestTokenizers.Ids(item.GetProperty("ids"));
            int[] actual = tokenizer.EncodeToIds(text);
            if (!expected.SequenceEqual(actual))
            {
                differences.Add($"{text}: expected {string.Join(' ', expected)}, got {string.Join(' ', actual)}");
            }
        }

        Assert.Empty(differences);
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("gemma")]
    public void Decode_ReferenceIds_SameTextAtOnceAndStreamed(string name)
    {
        Tokenizer tokenizer = TestTokenizers.Get(name);
        foreach (JsonElement item in TestTokenizers.Golden("tokenizer", $"{name}.json").GetProperty("decode").EnumerateArray())
        {
            int[] ids = TestTokenizers.Ids(item.GetProperty("ids"));
            foreach (bool skipSpecial in (bool[])[false, true])
            {
                string expected = item.GetProperty(skipSpecial ? "text_without_special" : "text").GetString()!;
                Assert.Equal(expected, tokenizer.Decode(ids, skipSpecial));
                Assert.Equal(expected, Streamed(tokenizer, ids, skipSpecial));
            }
        }
    }

    [Fact]
    public void EncodeToIds_SpotValuesOfGemma_AsPublished()
    {
        Tokenizer gemma = TestTokenizers.Gemma;
        Assert.Equal([107], gemma.EncodeToIds("\n"));
        Assert.Equal([108], gemma.EncodeToIds("\n\n"));
        Assert.Equal([2364], gemma.EncodeToIds("user"));
        Assert.Equal([4368], gemma.EncodeToIds("model"));
        Assert.Equal([2, 3689, 563, 236743, 236778, 236862, 236778, 236881], gemma.EncodeToIds("What is 2+2?", addBos: true));
        Assert.Equal(262145, gemma.VocabularySize);
        Assert.True(gemma.AddsBos);
        Assert.Equal((2, 1, 0, 3), (gemma.BosTokenId, gemma.EosTokenId, gemma.PadTokenId, gemma.UnkTokenId));
        Assert.Equal((105, 106), (gemma.StartOfTurnTokenId, gemma.EndOfTurnTokenId));
    }

    [Fact]
    public void Roles_DemoTokenizer_AsInItsConfig()
    {
        Tokenizer demo = TestTokenizers.Demo;
        Assert.Equal((2, 1, 0, 3), (demo.BosTokenId, demo.EosTokenId, demo.PadTokenId, demo.UnkTokenId));
        Assert.Equal((2049, 7, 2048), (demo.ImageTokenId, demo.BoiTokenId, demo.EoiTokenId));
        Assert.Equal((2177, 8, 2176), (demo.AudioTokenId, demo.BoaTokenId, demo.EoaTokenId));
        Assert.True(demo.IsSpecial(6));
        Assert.False(demo.IsSpecial(677));
        Assert.Equal("▁a", demo.IdToPiece(342));
        Assert.True(demo.TryGetId("▁a", out int id));
        Assert.Equal(342, id);
        Assert.Null(demo.IdToPiece(1 << 20));
        Assert.Null(demo.IdToPiece(-1));
    }

    [Fact]
    public void EncodeToPieces_Text_IdsWithTheirSpelling()
    {
        Tokenizer demo = TestTokenizers.Demo;
        Assert.Equal([new TokenPiece(2, "<bos>"), new(314, "a"), new(342, "▁a"), new(18, "<0x09>")], demo.EncodeToPieces("a a\t", addBos: true));
        Assert.Equal(4, demo.CountTokens("a a\t", addBos: true));
    }

    internal static string Streamed(Tokenizer tokenizer, IEnumerable<int> ids, bool skipSpecial)
    {
        StreamingDetokenizer detokenizer = new(tokenizer, skipSpecial);
        StringBuilder text = new();
        foreach (int id in ids)
        {
            string part = detokenizer.Append(id);
            Assert.False(part.Length > 0 && char.IsHighSurrogate(part[^1]), "A part ends inside a character.");
            text.Append(part);
        }

        return text.Append(detokenizer.Flush()).ToString();
    }
}
