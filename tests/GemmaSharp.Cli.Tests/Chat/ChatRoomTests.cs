using System.Text.Json;

namespace GemmaSharp.Cli.Tests.Chat;

/// <summary>Chats that outgrow the context, with the demo.</summary>
public sealed class ChatRoomTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task FullContext_OldestTurnsLeave_ButNotWhatIsSaved()
    {
        string saved = Path.Combine(_folder.FullName, "chat.json");
        string questions = string.Concat(Enumerable.Repeat("What is 8 + 9?\n", 9));
        (int exitCode, string output, string error) = await TestConsole.RunAsync(
            "/system Be brief.\n" + questions, "chat", "--context", "100", "--temperature", "0", "--save", saved);
        Assert.Equal(ExitCode.Done, exitCode);
        string[] answers = output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(9, answers.Length);
        Assert.All(answers, answer => Assert.EndsWith(".", answer, StringComparison.Ordinal));
        Assert.Contains("the 2 oldest messages were left out, since the context of 100 tokens is full; /reset begins anew.", error, StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(await File.ReadAllTextAsync(saved, TestContext.Current.CancellationToken));
        Assert.Equal(
            ["system", .. Enumerable.Repeat<string[]>(["user", "assistant"], 9).SelectMany(pair => pair)],
            json.RootElement.EnumerateArray().Select(message => message.GetProperty("role").GetString()));
    }

    [Theory]
    [InlineData(50)]
    [InlineData(60)]
    [InlineData(70)]
    [InlineData(80)]
    public async Task PromptLongerThanTheContext_OldestTurnsLeave(int context)
    {
        string length = context.ToString(System.Globalization.CultureInfo.InvariantCulture);
        (int exitCode, string output, _) = await TestConsole.RunAsync(
            string.Concat(Enumerable.Repeat("What is 8 + 9?\n", 6)), "chat", "--context", length, "--temperature", "0");
        Assert.Equal((ExitCode.Done, 6), (exitCode, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));

        // A saved conversation far longer than the context.
        string saved = Path.Combine(_folder.FullName, "long.json");
        string turn = """{"role":"user","content":"What is 8 + 9?"},{"role":"assistant","content":"8 plus 9 is 17."}""";
        await File.WriteAllTextAsync(saved, $"[{string.Join(',', Enumerable.Repeat(turn, 12))}]", TestContext.Current.CancellationToken);
        (exitCode, output, string error) = await TestConsole.RunAsync("What is 8 + 9?\n", "chat", "--load", saved, "--context", length, "--temperature", "0");
        Assert.Equal((ExitCode.Done, "8 plus 9 is 17."), (exitCode, output.Trim()));
        Assert.Contains("oldest messages were left out", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task QuestionThatFitsNoContext_IsRefused_AndTheChatGoesOn()
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync(
            "What is 8 + 9?\n" + new string('x', 2000) + "\nWhat is 8 + 9?\n", "chat", "--context", "100", "--temperature", "0");
        Assert.NotEqual(ExitCode.Done, exitCode);
        Assert.Equal(2, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Contains("the context holds 100", error, StringComparison.Ordinal);
        Assert.DoesNotContain("left out", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("run", "Who are you?")]
    [InlineData("chat", null)]
    public async Task CutAnswer_IsTold_AndByWhat(string command, string? prompt)
    {
        string[] arguments = [command, .. prompt is null ? (string[])[] : [prompt], "--temperature", "0", "--max-tokens", "5"];
        (int exitCode, _, string error) = await TestConsole.RunAsync(prompt is null ? "Who are you?\n" : "", arguments);
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.Contains("the answer was cut after 5 tokens; --max-tokens allows more.", error, StringComparison.Ordinal);
        (_, _, error) = await TestConsole.RunAsync(prompt is null ? "Who are you?\n" : "", [.. arguments, "--quiet"]);
        Assert.DoesNotContain("cut", error, StringComparison.Ordinal);
        (_, _, error) = await TestConsole.RunAsync(
            prompt is null ? "Who are you?\n" : "", [.. arguments.Where(each => each is not ("--max-tokens" or "5")), "--context", "40"]);
        Assert.Contains("the answer was cut, since the context of 40 tokens is full", error, StringComparison.Ordinal);
    }
}
