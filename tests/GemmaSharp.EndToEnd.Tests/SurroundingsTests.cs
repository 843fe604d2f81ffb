using System.Diagnostics;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>Streams that are closed, files that change, limits on memory: what surrounds a program and fails now and then.</summary>
public sealed class SurroundingsTests
{
    static readonly string s_program = GemmaProcess.Program;

    [Theory]
    [InlineData("run <&-", 2, "The prompt is empty")]
    [InlineData("chat <&-", 0, "")]
    [InlineData("run --nope 2>&-", 2, "")]
    [InlineData("run hi --max-tokens 1 2>&- </dev/null", 0, "")]
    [InlineData("run --image '' hi", 2, "--image is empty")]
    [InlineData("run --audio '' hi", 2, "--audio is empty")]
    [InlineData("run --video '' hi", 2, "--video is empty")]
    [InlineData("run --adapter '' hi", 2, "--adapter is empty")]
    [InlineData("run --messages ''", 2, "--messages is empty")]
    [InlineData("convert '' x", 2, "SRC is empty")]
    [InlineData("run --schema '' hi", 2, "--schema is empty")]
    [InlineData("run --grammar '' hi", 2, "--grammar is empty")]
    [InlineData("diff '' x", 2, "A is empty")]
    public void Command_StreamsClosedOrValuesEmpty_EndsWithASentence(string arguments, int exitCode, string sentence)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A shell of Unix is needed.");
        GemmaResult result = GemmaProcess.Shell($"timeout 60 {s_program} {arguments}");
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(sentence, result.Error, StringComparison.Ordinal);
        Assert.Equal(sentence.Length > 0 ? 1 : 0, result.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void Command_OfAPipe_IsReadAsBefore()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A shell of Unix is needed.");
        const string Question = "What is 8 + 9?";
        foreach (string shell in (string[])[$"echo '{Question}' | {s_program} run --temperature 0", $"{s_program} run --temperature 0 < <(echo '{Question}')",
            $"{s_program} run --temperature 0 <<< '{Question}'"])
        {
            Assert.Equal(("8 plus 9 is 17.\n", ""), (GemmaProcess.Shell(shell).Output, GemmaProcess.Shell(shell).Error));
        }
    }

    [Fact]
    public void Run_WeightsCutShortMeanwhile_EndsWithASentence()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere mapped files cannot be cut, or the runtime reports it.");
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(Demo.Folder))
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        using Process process = GemmaProcess.Start("run", "Tell me a story.", "--model", folder.Path, "--ignore-eos", "--max-tokens", "1500");
        process.StandardInput.Close();
        Assert.NotEqual(-1, process.StandardOutput.Read());
        using (FileStream weights = new(folder.File("model.safetensors"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            weights.SetLength(4096);
        }

        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal("gemma: A file of weights became shorter while it was in use, or its disk failed; do not write to a checkpoint that is loaded, and start again.\n", error);
        Assert.Equal(3, process.ExitCode);
    }

    [Fact]
    public void Run_TooLittleAddressSpace_IsTooLittleMemory()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "ulimit -v is Linux's.");
        GemmaResult result = GemmaProcess.Shell($"ulimit -v 2000000; {s_program} run hi < /dev/null");
        Assert.SkipWhen(result.ExitCode is not 1 || result.Error.Contains("GC heap", StringComparison.Ordinal), "The runtime itself needs more here.");
        Assert.StartsWith("gemma: There is not enough memory", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(56)]
    [InlineData(58)]
    [InlineData(64)]
    [InlineData(72)]
    [InlineData(80)]
    public void Run_FewFilesMayBeOpen_AnswersOrEndsWithASentence(int files)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "How many the runtime itself needs differs.");
        GemmaResult result = GemmaProcess.Shell($"ulimit -n {files}; {s_program} run 'What is 8 + 9?' --temperature 0 < /dev/null");
        Assert.SkipWhen(result.Error.Contains("Unhandled exception", StringComparison.Ordinal) || result.Error.StartsWith("Out of memory.", StringComparison.Ordinal),
            "The runtime itself needs more here.");
        if (result.ExitCode == 0)
        {
            Assert.Equal("8 plus 9 is 17.\n", result.Output);
        }
        else
        {
            Assert.Equal(("gemma: Too few files may be open at once here; raise the limit (ulimit -n 256).\n", 1), (result.Error, result.ExitCode));
        }
    }

    [Theory]
    [InlineData("generation_config.json")]
    [InlineData("chat_template.jinja")]
    [InlineData("tokenizer_config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("processor_config.json")]
    [InlineData("preprocessor_config.json")]
    public void Run_FolderInPlaceOfAFile_IsRefused(string name)
    {
        using var folder = new TemporaryFolder();
        foreach (string file in Directory.EnumerateFiles(Demo.Folder).Where(file => Path.GetFileName(file) != name))
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        Directory.CreateDirectory(folder.File(name));
        GemmaProcess.Run("run", "hi", "--model", folder.Path).AssertRefused(3, name);
    }
}
