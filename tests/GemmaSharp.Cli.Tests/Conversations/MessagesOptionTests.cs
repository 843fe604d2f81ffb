namespace GemmaSharp.Cli.Tests.Conversations;

/// <summary>Conversations that are refused, as a user sees it; no model is needed for that.</summary>
public sealed class MessagesOptionTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData("""[{"role":"user","content":[{"type":"image","image":"a\u0000b.png"}]}]""", "NUL")]
    [InlineData("""[{"role":"user","content":[{"type":"\u001b[31mred\u001b]0;title\u0007"}]}]""", "red")]
    [InlineData("[{\"role\":\"user\",\"content\":[{\"type\":\"\u009b31mred\"}]}]", "red")]
    [InlineData("""[{"role":"user","content":[{"type":"image","image":"\u001b[2J.png"}]}]""", "[2J.png")]
    [InlineData("not JSON", "JSON")]
    public async Task Run_RefusedConversation_ExitsWith4AndNoControlCharacters(string json, string mention)
    {
        string file = Path.Combine(_folder.FullName, "chat\u001b[1m.json");
        await File.WriteAllTextAsync(file, json, TestContext.Current.CancellationToken);
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "run", "--messages", file, "--model", "/no/such/model");
        Assert.Equal((ExitCode.InputRefused, ""), (exitCode, output));
        Assert.StartsWith("gemma: ", error, StringComparison.Ordinal);
        Assert.EndsWith(".\n", error, StringComparison.Ordinal);
        Assert.Contains(mention, error, StringComparison.Ordinal);
        Assert.DoesNotContain(error[..^1], char.IsControl);
    }

    [Theory]
    [InlineData("", ExitCode.Usage)]
    [InlineData("/no/such/folder/chat.json", ExitCode.Failed)]
    public async Task Run_SaveThatCannotBe_IsRefusedBeforeAnything(string path, int expected)
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "run", "Hi", "--save", path, "--model", "/no/such/model");
        Assert.Equal((expected, ""), (exitCode, output));
        Assert.StartsWith("gemma: ", error, StringComparison.Ordinal);
    }
}
