using System.Text.Json;

namespace GemmaSharp.Cli.Tests.Options;

public sealed class MemoryOptionsTests
{
    [Fact]
    public async Task Inspect_Memory_ShowsPartsAndSums()
    {
        (int exitCode, string output, _) = await TestConsole.RunAsync("", "inspect", "--memory", "--context", "1000");
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.Contains("keys and values of 1000 tokens", output, StringComparison.Ordinal);
        Assert.Contains("after loading", output, StringComparison.Ordinal);
        Assert.DoesNotContain("chosen to keep", output, StringComparison.Ordinal);
        (exitCode, output, _) = await TestConsole.RunAsync("", "inspect", "--memory", "400MiB", "--no-audio");
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.Contains("chosen to keep to 400.0 MiB", output, StringComparison.Ordinal);
        Assert.DoesNotContain("hear", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inspect_MemoryAsJson_AddsUp()
    {
        (int exitCode, string output, _) = await TestConsole.RunAsync("", "inspect", "--memory", "--no-vision", "--no-audio", "--exact", "--json");
        Assert.Equal(ExitCode.Done, exitCode);
        JsonElement memory = JsonDocument.Parse(output).RootElement.GetProperty("memory");
        Assert.Equal(0, Of("packed"));
        Assert.Equal(Of("copied") + Of("runtime"), Of("loaded"));
        Assert.Equal(Of("loaded") + Of("compiled") + Of("mapped") + Of("scratch") + Of("conversation"), Of("text"));
        Assert.Equal(JsonValueKind.Null, memory.GetProperty("limit").ValueKind);
        (_, output, _) = await TestConsole.RunAsync("", "inspect", "--json");
        Assert.Equal(JsonValueKind.Null, JsonDocument.Parse(output).RootElement.GetProperty("memory").ValueKind);

        long Of(string name) => memory.GetProperty(name).GetInt64();
    }

    [Theory]
    [InlineData(ExitCode.Usage, "--context is given without --memory", "inspect", "--context", "1000")]
    [InlineData(ExitCode.Usage, "--memory is much", "inspect", "--memory", "much")]
    [InlineData(ExitCode.Failed, "and was given 1 MiB; give it more (--memory)", "inspect", "--memory", "1MiB")]
    [InlineData(ExitCode.Failed, "and was given 1 MiB; give it more (--memory)", "run", "Hi", "--memory", "1MiB")]
    [InlineData(ExitCode.Failed, "give it more (--memory), a shorter context", "run", "Hi", "--memory", "1MiB", "--context", "2000")]
    [InlineData(ExitCode.Usage, "--memory is given for 2 models", "serve", "--memory", "1GiB", "--model", "a", "--model", "b")]
    public async Task Run_WithWhatCannotBe_SaysSo(int code, string message, params string[] arguments)
    {
        (int exitCode, _, string error) = await TestConsole.RunAsync("", arguments);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Equal(code, exitCode);
    }

    [Fact]
    public async Task Run_WithEnough_AnswersAsWithout()
    {
        string[] question = ["run", "What is 8 + 9?", "--temperature", "0"];
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", [.. question, "--memory", "1GiB"]);
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.DoesNotContain("of memory a conversation", error, StringComparison.Ordinal);
        Assert.Equal((await TestConsole.RunAsync("", question)).Output, output);
    }
}
