using System.Text.Json;
using CsCheck;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Prompting.Tokenization;

public class TokenizerPropertyTests
{
    static readonly string[] s_words = ["hello", " world", "The", "<end_of_turn>", "<bos>", "<0x41>", "<table>", "></", " </", "\n\n\n", "é", "日本語"];

    static readonly Gen<string> s_fragment = Gen.OneOf(
        Gen.String[Gen.Char["abehlnorst ▁\n\t"], 0, 12],
        Gen.String[Gen.Char['\0', '\uFFFF'], 0, 4],
        Gen.Int[0x10000, 0x10FFFF].Select(char.ConvertFromUtf32),
        Gen.Int[0, s_words.Length - 1].Select(i => s_words[i]));

    static readonly Gen<string> s_text = s_fragment.Array[0, 12].Select(string.Concat);

    [Theory]
    [InlineData("demo")]
    [InlineData("gemma")]
    public void Decode_EncodedUnicode_RoundTrips(string name)
    {
        Tokenizer tokenizer = TestTokenizers.Get(name);
        s_text.Sample(
            text =>
            {
                string expected = WellFormed(text).Replace('▁', ' ');
                Assert.Equal(expected, tokenizer.Decode(tokenizer.EncodeToIds(text, allowSpecial: false), skipSpecial: false));
                Assert.Equal(expected, tokenizer.Decode(tokenizer.EncodeToIds(text), skipSpecial: false));
            },
            iter: 2000);
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("gemma")]
    public void Append_AnyIds_ConcatenationIsDecode(string name)
    {
        Tokenizer tokenizer = TestTokenizers.Get(name);
        int firstByte = tokenizer.EncodeToIds("\u0001")[0] < 300 ? 9 : 238;
        Gen.Select(Gen.OneOf(Gen.Int[firstByte, firstByte + 255], Gen.Int[-2, tokenizer.VocabularySize + 5]).Array[0, 30], Gen.Bool).Sample(
            (ids, skipSpecial) => Assert.Equal(tokenizer.Decode(ids, skipSpecial), TokenizerGoldenTests.Streamed(tokenizer, ids, skipSpecial)),
            iter: 2000);
    }

    [Fact]
    public void EncodeToIds_TextOfTheDemo_EqualsPlainMerging()
    {
        JsonElement json = TestTokenizers.Golden("tiny-a", "files", "tokenizer.json");
        ReferenceBpe reference = new(json);
        s_text.Select(WellFormed).Sample(
            text => Assert.Equal(reference.Encode(text), TestTokenizers.Demo.EncodeToIds(text, allowSpecial: false)), iter: 2000);
    }

    [Fact]
    public void EncodeToIds_RandomMergesWithPiecesAcrossSpaces_EqualsPlainMerging()
    {
        // Merges of any shape over a small alphabet, the space among it: much denser than a real vocabulary.
        Gen<string> word = Gen.String[Gen.Char["ab>▁"], 1, 3];
        Gen<(string, string)[]> merges = Gen.Select(word, word).Array[0, 12];
        Gen.Select(merges, Gen.String[Gen.Char["ab> \u00e9"], 0, 40].Array[8]).Sample(
            (merges, texts) =>
            {
                string json = RandomTokenizer(merges);
                Tokenizer tokenizer = TestTokenizers.Parse(json);
                ReferenceBpe reference = new(JsonDocument.Parse(json).RootElement);
                foreach (string text in texts)
                {
                    Assert.Equal(reference.Encode(text), tokenizer.EncodeToIds(text));
                }
            },
            iter: 500);
    }

    [Theory]
    [InlineData("demo")]
    [InlineData("gemma")]
    public async Task EncodeToIds_MegabyteWithoutSpace_IsNoWorkForHours(string name)
    {
        Tokenizer tokenizer = TestTokenizers.Get(name);
        foreach (string unit in (string[])["a", "thequickbrownfoxjumpsoverthelazydog", "日本語のテキスト", "=-"])
        {
            // Looking for the best pair anew after each merge would take 10¹² steps, more than an hour; a heap takes a fraction of a second.
            string text = Repeat(unit, 1_000_000);
            int[] ids = await Task.Run(() => tokenizer.EncodeToIds(text)).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            Assert.Equal(text, tokenizer.Decode(ids));
        }
    }

    [Fact]
    public void EncodeToIds_ManyThreads_SameIds()
    {
        string[] texts = [.. Enumerable.Range(0, 64).Select(i => $"The {i}. text, <end_of_turn> and\n\n{new string('x', i)}…")];
        int[][] expected = [.. texts.Select(text => TestTokenizers.Demo.EncodeToIds(text))];
        Parallel.For(0, 256, i => Assert.Equal(expected[i % 64], TestTokenizers.Demo.EncodeToIds(texts[i % 64])));
    }

    static string Repeat(string unit, int length) => string.Concat(Enumerable.Repeat(unit, (length / unit.Length) + 1))[..length];

    static string WellFormed(string text) => string.Concat(text.EnumerateRunes().Select(rune => rune.ToString()));

    static string RandomTokenizer((string Left, string Right)[] merges)
    {
        List<string> pieces = ["<unk>", "a", "b", ">", "▁", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];
        pieces.AddRange(merges.SelectMany(merge => (string[])[merge.Left, merge.Right, merge.Left + merge.Right]));
        string vocabulary = string.Join(',', pieces.Distinct().Select((piece, id) => $"\"{piece}\":{id}"));
        string rules = string.Join(',', merges.Distinct().Select(merge => $"[\"{merge.Left}\",\"{merge.Right}\"]"));
        return TestTokenizers.Json($"{{{vocabulary}}}", $"[{rules}]");
    }
}
