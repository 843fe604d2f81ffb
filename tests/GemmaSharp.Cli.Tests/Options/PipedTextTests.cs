using System.Text.Json;

namespace GemmaSharp.Cli.Tests.Options;

/// <summary>Text on standard input beside a prompt, with the demo.</summary>
public sealed class PipedTextTests : IDisposable
{
    const string Notes = "The notes: Peru, Lima, 17.\n";

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task EveryWayOfAPrompt_TakesIt()
    {
        string file = Write("question.txt", "What is 8 + 9?"), conversation = Write("chat.json", """[{"role":"system","content":"Be brief."}]""");
        int whole = await PromptTokensAsync("", "The notes: Peru, Lima, 17.\n\nWhat is 8 + 9?");
        Assert.Equal(whole, await PromptTokensAsync(Notes, "What is 8 + 9?"));
        Assert.Equal(whole, await PromptTokensAsync(Notes, "--prompt", "What is 8 + 9?"));
        Assert.Equal(whole, await PromptTokensAsync(Notes, "--prompt", "@" + file));
        Assert.True(whole > await PromptTokensAsync("", "What is 8 + 9?"));
        Assert.Equal(
            await PromptTokensAsync("", "What is 8 + 9?", "--system", "Be brief."), await PromptTokensAsync("What is 8 + 9?", "--messages", conversation));
        Assert.Equal(await PromptTokensAsync("", "What is 8 + 9?"), await PromptTokensAsync(" \n", "What is 8 + 9?"));
    }

    [Fact]
    public async Task WhatTakesOneText_RefusesTwo()
    {
        (int exitCode, _, string error) = await TestConsole.RunAsync(Notes, "run", "--raw", "What is 8 + 9?");
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("standard input", error, StringComparison.Ordinal);
        (exitCode, _, error) = await TestConsole.RunAsync(Notes, "tokenize", "What is 8 + 9?");
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("standard input", error, StringComparison.Ordinal);
        Assert.Equal(ExitCode.Done, (await TestConsole.RunAsync("", "tokenize", "What is 8 + 9?")).ExitCode);
    }

    [Fact]
    public async Task InputThatNeverEnds_IsNotWaitedFor_AndThatIsSaid()
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        using var silent = new SilentReader();
        int exitCode = await GemmaCommandLine.RunAsync(["run", "What is 8 + 9?", "--temperature", "0"], new CliConsole(silent, output, error));
        Assert.Equal((ExitCode.Done, "8 plus 9 is 17."), (exitCode, output.ToString().Trim()));
        Assert.Contains("nothing has come on standard input", error.ToString(), StringComparison.Ordinal);
        silent.Release();
    }

    [Fact]
    public async Task FilesInUtf16_AreRead_AndOthersRefused()
    {
        string path = Path.Combine(_folder.FullName, "utf16.txt");
        await File.WriteAllTextAsync(path, "What is 8 + 9?", System.Text.Encoding.Unicode, TestContext.Current.CancellationToken);
        Assert.Equal(await PromptTokensAsync("", "What is 8 + 9?"), await PromptTokensAsync("", "--prompt", "@" + path));
        await File.WriteAllBytesAsync(path, [(byte)'n', 0xEF, (byte)'v'], TestContext.Current.CancellationToken);
        (int exitCode, _, string error) = await TestConsole.RunAsync("", "run", "--prompt", "@" + path);
        Assert.Equal(ExitCode.InputRefused, exitCode);
        Assert.Contains("is not UTF-8 text", error, StringComparison.Ordinal);
    }

    string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    static async Task<int> PromptTokensAsync(string input, params string[] arguments)
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync(input, ["run", .. arguments, "--max-tokens", "1", "--json", "--temperature", "0"]);
        Assert.True(exitCode == ExitCode.Done, error);
        using JsonDocument json = JsonDocument.Parse(output);
        return json.RootElement.GetProperty("prompt_tokens").GetInt32();
    }

    /// <summary>A pipe whose other end is open and says nothing.</summary>
    sealed class SilentReader : TextReader
    {
        readonly ManualResetEventSlim _released = new();

        public void Release() => _released.Set();

        public override int Read(char[] buffer, int index, int count)
        {
            _released.Wait();
            return 0;
        }
    }
}
