using System.Text.Json;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>--logprobs</c> tells tokens apart that are no text by themselves.</summary>
public sealed class LogprobTests
{
    [Fact]
    public void Run_BytesAmongTheLikeliest_AreSpelledAsBytes()
    {
        using var folder = new TemporaryFolder();
        string copy = DemoWhoseBytesAreAsLikelyAs("▁Lima.", folder, "<0x0A>", "<0xC3>", "<0xC4>");
        GemmaResult result = GemmaProcess.Run(
            "run", "What is the capital of Peru?", "--model", copy, "--temperature", "0", "--max-tokens", "6", "--json", "--logprobs", "4");
        using JsonDocument json = JsonDocument.Parse(result.Output);
        JsonElement last = json.RootElement.GetProperty("logprobs").EnumerateArray().Last();
        (string, string)[] top = [.. last.GetProperty("top").EnumerateArray().Select(
            token => (token.GetProperty("token").GetString()!, string.Join(' ', token.GetProperty("bytes").EnumerateArray())))];
        Assert.Equal(
            [(" Lima.", "32 76 105 109 97 46"), ("<0x0A>", "10"), ("<0xC3>", "195"), ("<0xC4>", "196")], top.OrderBy(token => token.Item1, StringComparer.Ordinal));
    }

    /// <summary>A copy of the demo in which some tokens have the row of another, so that all are equally likely.</summary>
    static string DemoWhoseBytesAreAsLikelyAs(string piece, TemporaryFolder folder, params string[] others)
    {
        foreach (string file in Directory.EnumerateFiles(Demo.Folder))
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        Tokenizer tokenizer = Tokenizer.Load(Demo.Folder);
        string path = folder.File("model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        int header = (int)BitConverter.ToInt64(bytes);
        using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, header));
        JsonElement table = json.RootElement.GetProperty("model.language_model.embed_tokens.weight");
        int begin = 8 + header + table.GetProperty("data_offsets")[0].GetInt32(), end = 8 + header + table.GetProperty("data_offsets")[1].GetInt32();
        int row = (end - begin) / table.GetProperty("shape")[0].GetInt32();
        Assert.True(tokenizer.TryGetId(piece, out int from));
        foreach (string other in others)
        {
            Assert.True(tokenizer.TryGetId(other, out int to));
            Assert.True(tokenizer.IsByte(to) && !tokenizer.IsByte(from));
            bytes.AsSpan(begin + (from * row), row).CopyTo(bytes.AsSpan(begin + (to * row)));
        }

        File.WriteAllBytes(path, bytes);
        return folder.Path;
    }
}
