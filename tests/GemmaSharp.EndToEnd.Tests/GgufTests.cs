using System.Text.Json;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>Every command on GGUF files, written by <c>gemma convert</c> of the demo, towers beside them.</summary>
public sealed class GgufTests(GgufTests.Written written) : IClassFixture<GgufTests.Written>
{
    const string Question = "What is the capital of Peru?", Answer = "The capital of Peru is Lima.";

    [Theory]
    [InlineData("bf16")]
    [InlineData("q8_0")]
    [InlineData("q4_0")]
    [InlineData("q5_k_m")]
    public void Run_AnswersFromEveryForm(string form)
    {
        GemmaResult result = GemmaProcess.Run("run", "--model", written.File(form), Question, "--temperature", "0");
        Assert.Equal((0, Answer), (result.ExitCode, result.Output.Trim()));
        Assert.Equal("", result.Error);
    }

    [Fact]
    public void Run_SeesAndHears_WithTheTowersBesideIt()
    {
        foreach (string kind in (string[])["image", "audio"])
        {
            string file = Directory.EnumerateFiles(Demo.Items, kind == "image" ? "*.png" : "*.wav", SearchOption.AllDirectories).Order(StringComparer.Ordinal).First();
            string[] ask = [$"--{kind}", file, kind == "image" ? "Describe this image." : "Transcribe this audio.", "--temperature", "0"];
            Assert.Equal(
                GemmaProcess.Run(["run", "--model", Demo.Folder, .. ask]).Output, GemmaProcess.Run(["run", "--model", written.File("bf16"), .. ask]).Output);
        }
    }

    [Fact]
    public void Chat_Tokenize_Bench_Look_Work()
    {
        string path = written.File("q8_0");
        Assert.Contains(Answer, GemmaProcess.RunWith(Question + "\n", "chat", "--model", path, "--temperature", "0").Output, StringComparison.Ordinal);
        Assert.Equal(GemmaProcess.Run("tokenize", Question).Output, GemmaProcess.Run("tokenize", "--model", path, Question).Output);
        GemmaResult bench = GemmaProcess.Run("bench", "--model", path, "--prompt-tokens", "8", "--answer-tokens", "2", "--repetitions", "1", "--json");
        Assert.True(bench.ExitCode == 0, bench.Error);
    }

    [Fact]
    public void Inspect_Verify_SpeakOfIt()
    {
        GemmaResult inspect = GemmaProcess.Run("inspect", "--model", written.File("q8_0"), "--json");
        Assert.True(inspect.ExitCode == 0, inspect.Error);
        Assert.Contains("q8_0", inspect.Output, StringComparison.Ordinal);
        Assert.Equal(0, GemmaProcess.Run("verify", "--model", written.File("q8_0")).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("verify", "--model", written.File("bf16"), "--against", Demo.Folder).ExitCode);
        Assert.Equal(1, GemmaProcess.Run("verify", "--model", written.File("q8_0"), "--against", Demo.Folder).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("verify", "--model", written.File("q8_0"), "--against", Demo.Folder, "--tolerance", "0.02").ExitCode);
    }

    [Fact]
    public void Trace_HasTheFoldersValues()
    {
        using var folder = new TemporaryFolder();
        foreach ((string name, string model) in (ReadOnlySpan<(string, string)>)[("a", written.File("bf16")), ("b", Demo.Folder)])
        {
            Assert.Equal(0, GemmaProcess.Run("trace", "--model", model, Question, "--output", folder.File(name + ".safetensors")).ExitCode);
        }

        GemmaResult diff = GemmaProcess.Run("diff", folder.File("a.safetensors"), folder.File("b.safetensors"), "--tolerance", "1e-6");
        Assert.True(diff.ExitCode == 0, diff.Output);
    }

    [Fact]
    public void Convert_ToAFolderAndToOtherForms()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal(0, GemmaProcess.Run("convert", written.File("bf16"), folder.File("back")).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("verify", "--model", folder.File("back"), "--against", Demo.Folder).ExitCode);
        Assert.Equal(0, GemmaProcess.Run("convert", written.File("bf16"), folder.File("mlx"), "--bits", "4", "--group-size", "32").ExitCode);
        Assert.Equal(Answer, GemmaProcess.Run("run", "--model", folder.File("mlx"), Question, "--temperature", "0").Output.Trim());
        string again = folder.File("again.gguf");
        GemmaResult parts = GemmaProcess.Run(
            "convert", written.File("bf16"), again, "--type", "q8_0", "--tensor-type", "attn_v=f16", "--max-shard-size", "2MB", "--drop", "towers", "--json");
        Assert.True(parts.ExitCode == 0, parts.Error);
        string first = JsonDocument.Parse(parts.Output).RootElement.GetProperty("files")[0].GetString()!;
        Assert.Matches("^again-00001-of-0000[2-9].gguf$", first);
        Assert.Equal(Answer, GemmaProcess.Run("run", "--model", folder.File(first), Question, "--temperature", "0").Output.Trim());
        GemmaProcess.Run("convert", written.File("bf16"), again, "--bits", "4").AssertRefused(2, "--bits is given, and a GGUF file is to be written", "--type");
        GemmaProcess.Run("convert", Demo.Folder, folder.File("x"), "--pure").AssertRefused(2, "--pure is given, which is for GGUF files");
        GemmaProcess.Run("convert", Demo.Folder, again, "--tensor-type", "attn_v").AssertRefused(2, "--tensor-type is attn_v", "attn_v=q8_0");
        GemmaProcess.Run("convert", Demo.Folder, again, "--type", "q9").AssertRefused(2, "q9", "q4_k_m");
    }

    [Fact]
    public void Adapters_And_Slices_AreThoseOfTheFolder()
    {
        using TinyCheckpoint tiny = TinyCheckpoint.Create("tiny-c");
        using var folder = new TemporaryFolder();
        string gguf = folder.File("tiny.gguf"), adapter = Path.Combine(GoldenFiles.Root, "lora", "peft");
        Assert.Equal(0, GemmaProcess.Run("convert", tiny.Folder, gguf, "--type", "f32").ExitCode);
        string[] ask = [Question, "--temperature", "0", "--ignore-eos", "--max-tokens", "12", "--exact", "--quiet"];
        GemmaResult plain = GemmaProcess.Run(["run", "--model", gguf, .. ask]);
        foreach (string[] how in (string[][])[["--adapter", adapter], ["--slice", "128*6"]])
        {
            GemmaResult expected = GemmaProcess.Run(["run", "--model", tiny.Folder, .. how, .. ask]), found = GemmaProcess.Run(["run", "--model", gguf, .. how, .. ask]);
            Assert.True(expected.ExitCode == 0, expected.Error);
            Assert.Equal((0, expected.Output), (found.ExitCode, found.Output));
            Assert.NotEqual(plain.Output, found.Output);
        }
    }

    /// <summary>The demo in some forms, written when first asked for.</summary>
    public sealed class Written : IDisposable
    {
        readonly TemporaryFolder _folder = new();

        public string File(string form)
        {
            // A folder of its own, so that each has its own towers beside it.
            string path = Path.Combine(Directory.CreateDirectory(_folder.File(form)).FullName, "demo.gguf");
            if (!System.IO.File.Exists(path))
            {
                GemmaResult result = GemmaProcess.Run("convert", Demo.Folder, path, "--type", form);
                Assert.True(result.ExitCode == 0, result.Error);
            }

            return path;
        }

        public void Dispose() => _folder.Dispose();
    }
}
