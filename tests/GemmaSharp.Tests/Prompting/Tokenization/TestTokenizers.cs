using System.Text;
using System.Text.Json;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Prompting.Tokenization;

/// <summary>The tokenizers and goldens that the tests of this folder share.</summary>
internal static class TestTokenizers
{
    static readonly Lazy<Tokenizer> s_demo = new(() => Tokenizer.Load(Path.Combine(Goldens, "tiny-a", "files")));
    static readonly Lazy<Tokenizer?> s_gemma = new(() => File.Exists(GemmaFile) ? Tokenizer.Load(Path.GetDirectoryName(GemmaFile)!) : null);

    public static string Goldens => Path.Combine(AppContext.BaseDirectory, "Goldens");

    public static Tokenizer Demo => s_demo.Value;

    /// <summary>The real tokenizer; skips the test where it was not fetched.</summary>
    public static Tokenizer Gemma
    {
        get
        {
            Assert.SkipWhen(s_gemma.Value is null, "Gemma's own tokenizer is not in tests/data/cache; run tests/fetch-test-data.sh.");
            return s_gemma.Value!;
        }
    }

    public static string GemmaFile => Path.Combine(Root(), "tests", "data", "cache", "gemma-tokenizer", "tokenizer.json");

    public static Tokenizer Get(string name) => name == "demo" ? Demo : Gemma;

    public static JsonElement Golden(params string[] path) =>
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine([Goldens, .. path]))).RootElement;

    public static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];

    /// <summary>A tokenizer from the text of its files.</summary>
    public static Tokenizer Parse(string tokenizerJson, string? configJson = null)
    {
        using MemoryStream tokenizer = new(Encoding.UTF8.GetBytes(tokenizerJson));
        using MemoryStream? config = configJson is null ? null : new(Encoding.UTF8.GetBytes(configJson));
        return Tokenizer.Load(tokenizer, config);
    }

    /// <summary>A file of Gemma's form with the given parts.</summary>
    public static string Json(
        string vocabulary = """{"<pad>":0,"<eos>":1,"<bos>":2,"<unk>":3,"▁":4,"a":5,"b":6,"ab":7}""",
        string merges = """["a b"]""",
        string added = "[]",
        string model = """ "unk_token":"<unk>","fuse_unk":true,"byte_fallback":true """,
        string normalizer = """{"type":"Replace","pattern":{"String":" "},"content":"▁"}""",
        string preTokenizer = "null",
        string postProcessor = "null",
        string decoder = """{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"}]}""") =>
        $$"""
        {"version":"1.0","added_tokens":{{added}},"normalizer":{{normalizer}},"pre_tokenizer":{{preTokenizer}},
         "post_processor":{{postProcessor}},"decoder":{{decoder}},
         "model":{"type":"BPE",{{model}},"vocab":{{vocabulary}},"merges":{{merges}} } }
        """;

    static string Root()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "GemmaSharp.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? AppContext.BaseDirectory;
    }
}
