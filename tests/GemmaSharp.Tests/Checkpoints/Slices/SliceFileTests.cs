using System.Text;
using CsCheck;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Slices;

public sealed class SliceFileTests : IDisposable
{
    const string Csv = """
        name,# Layers,# Effective Params (B),MMLU PT accuracy,FFN Hidden Dims,Layers Skipped
        Main model,3,3.98,62.30%,"[2_048 * 8, 2_048 * 8, 16384]",
        "My ""own"", small one",2,1.0,,"[2_048 * 4,
         2_048 * 3]","[1]"

        """;

    const string Json = """
        [
          { "name": "a", "ffn hidden dims": [8192, "2_048 * 4"], "Layers Skipped": [20, 21] },
          { "name": "b", "FFN Hidden Dims": "[4096]", "Layers Skipped": null, "note": "x" },
        ]
        """;

    readonly TempFolder _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void Parse_CsvAsPublished_FindsTheRow()
    {
        string path = Write("slices.csv", "\uFEFF" + Csv.ReplaceLineEndings("\r\n"));
        MatFormerSlice main = MatFormerSlice.Parse(path + "#Main model"), own = MatFormerSlice.Parse(path + "#own small");
        Assert.Equal([16384, 16384, 16384], main.Widths);
        Assert.Empty(main.Skip);
        Assert.Equal("My \"own\", small one", own.Name);
        Assert.Equal([8192, 6144], own.Widths);
        Assert.Equal([1], own.Skip);
        Assert.Contains("There are 2 slices of slices.csv; add # and a name", Message(path), StringComparison.Ordinal);
        Assert.Contains("no slice \"third\" of slices.csv; use \"Main model\"", Message(path + "#third"), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Json_FindsTheEntry()
    {
        string path = Write("slices.JSON", Json);
        Assert.Equal([8192, 8192], MatFormerSlice.Parse(path + "#a").Widths);
        Assert.Equal([20, 21], MatFormerSlice.Parse(path + "#a").Skip);
        Assert.Equal([4096], MatFormerSlice.Parse(path + "#b").Widths);
        Assert.Equal([7], MatFormerSlice.Parse(Write("one.json", """[{ "name": "only", "FFN Hidden Dims": [7] }]""")).Widths);
    }

    [Fact]
    public void Parse_AnyText_GivesASliceOrOneSentence()
    {
        Gen.String[Gen.Char["0123456789*,;=-_skip .#[]{}\":\\namEB\n\uD800"], 0, 40].Sample(text =>
        {
            foreach (string name in new[] { "s" + text.Replace('#', '.').Replace('/', '.'), text.Length > 0 && char.IsAsciiDigit(text[0]) ? text : "8" + text })
            {
                Refuses(() => MatFormerSlice.Parse(name));
            }

            foreach (string file in new[] { "name,FFN Hidden Dims,Layers Skipped\n" + text, text, "[{\"name\":\"a\",\"FFN Hidden Dims\":" + text + "}]" })
            {
                string path = _files[$"{Guid.NewGuid():N}.csv"];
                File.WriteAllBytes(path, Encoding.UTF8.GetBytes(file));
                Refuses(() => MatFormerSlice.Parse(path + "#a"));
            }
        }, iter: 1000, threads: 1);

        static void Refuses(Action parse)
        {
            try
            {
                parse();
            }
            catch (SliceException e)
            {
                Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("t.csv", "", "begins with \"\"; a CSV table")]
    [InlineData("t.csv", "name,Layers Skipped\na,1", "begins with \"name,Layers Skipped\"; a CSV table of slices has the columns name, FFN Hidden Dims and Layers Skipped")]
    [InlineData("t.csv", "name,FFN Hidden Dims,Layers Skipped\n", "has no slices")]
    [InlineData("t.csv", "name,FFN Hidden Dims,Layers Skipped\na", "has a row of 1 fields")]
    [InlineData("t.csv", "name,FFN Hidden Dims,Layers Skipped\na,[1,2],[3]", "gives slice \"a\" the FFN Hidden Dims \"[1\"")]
    [InlineData("t.csv", "name,FFN Hidden Dims,Layers Skipped\na,1,x", "the Layers Skipped \"x\"; a list such as")]
    [InlineData("t.csv", "name,FFN Hidden Dims,Layers Skipped\na,99999*99999,", "the FFN Hidden Dims \"99999*99999\"")]
    [InlineData("t.csv", "name,FFN Hidden Dims,Layers Skipped\na,1,\na,2,", "has two slices \"a\"")]
    [InlineData("t.json", "[", "is not valid JSON")]
    [InlineData("t.json", "[1]", "has an entry \"1\"; each needs \"name\"")]
    [InlineData("t.json", """[{ "name": "a" }]""", "each needs \"name\" and \"FFN Hidden Dims\"")]
    [InlineData("t.json", """[{ "name": "a", "FFN Hidden Dims": { } }]""", "the FFN Hidden Dims \"{ }\"")]
    [InlineData("t.json", "{}", "begins with")]
    [InlineData("t.json", "[{ \"name\": \"\\ud800\" }]", "is not valid JSON")]
    public void Parse_FileThatIsNoTable_SaysWhatIsWrong(string name, string text, string part) =>
        Assert.Contains(part, Message(Write(name, text) + "#a"), StringComparison.Ordinal);

    [Fact]
    public void Parse_FileThatCannotBeRead_SaysSo()
    {
        Assert.Contains("There is no file", Message(_files["none.csv"] + "#a"), StringComparison.Ordinal);
        Assert.Contains("There is no file", Message(_files["none/none.json"]), StringComparison.Ordinal);
        Directory.CreateDirectory(_files["folder.csv"]);
        Assert.Contains("cannot be read", Message(_files["folder.csv"]), StringComparison.Ordinal);
        Assert.Contains("bytes, which no table", Message(Write("large.csv", new string('a', (1 << 20) + 1))), StringComparison.Ordinal);
    }

    string Write(string name, string text)
    {
        File.WriteAllText(_files[name], text, new UTF8Encoding(false));
        return _files[name];
    }

    static string Message(string name) => Assert.Throws<SliceException>(() => MatFormerSlice.Parse(name)).Message;
}
