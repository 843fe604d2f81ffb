using System.Diagnostics;
using System.Text.Json;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary><c>gemma convert</c> as a user runs it.</summary>
public sealed class ConvertTests
{
    [Fact]
    public void Convert_DemoToFourBits_AnswersAsBefore()
    {
        using var folder = new TemporaryFolder();
        string to = folder.File("demo-4bit");
        GemmaResult result = GemmaProcess.Run("convert", Demo.Folder, to, "--bits", "4", "--group-size", "32", "--json");
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        using JsonDocument json = JsonDocument.Parse(result.Output);
        Assert.Equal(to, json.RootElement.GetProperty("folder").GetString());
        Assert.True(json.RootElement.GetProperty("quantized_modules").GetInt32() > 100);
        Assert.Equal(0, GemmaProcess.Run("verify", "--model", to).ExitCode);
        Assert.Equal("The capital of Peru is Lima.\n", GemmaProcess.Run("run", "What is the capital of Peru?", "--model", to).Output);
        GemmaProcess.Run("convert", Demo.Folder, to, "--bits", "4").AssertRefused(1, "not empty", "--force");
    }

    [Theory]
    [InlineData("--bits 7", "7 bits", "2, 3, 4, 5, 6 or 8")]
    [InlineData("--mode gptq", "gptq", "mxfp4")]
    [InlineData("--bits 4 --group-size 48", "48", "32, 64 or 128")]
    [InlineData("--mode mxfp4 --bits 8", "mxfp4", "4")]
    [InlineData("--recipe mixed_1_2", "mixed_1_2", "mixed_3_6")]
    [InlineData("--recipe mixed_3_6 --bits 4", "--recipe", "--bits")]
    [InlineData("--keep embed_tokens", "--keep", "--bits")]
    [InlineData("--bits 4 --dequantize", "--dequantize", "leave out")]
    [InlineData("--drop ears", "ears", "vision, audio or towers")]
    [InlineData("--max-shard-size big", "big", "5GB")]
    [InlineData("--max-shard-size 0", "0", "5GB")]
    [InlineData("--slice E9B", "E9B", "E2B")]
    [InlineData("--slice 8192*", "8192*", "skip=20-24")]
    [InlineData("--dtype int8", "int8", "bfloat16")]
    [InlineData("--layout gguf", "gguf", "mlx-vlm")]
    [InlineData("--merge-adapter adapter=much", "much", "0.5")]
    [InlineData("--model x", "--model", "first argument")]
    public void Convert_OptionsThatDoNotExist_AreRefusedInOneSentence(string options, string found, string needed)
    {
        using var folder = new TemporaryFolder();
        GemmaProcess.Run(["convert", Demo.Folder, folder.File("out"), .. options.Split(' ')]).AssertRefused(2, found, needed);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Convert_FolderThatIsNoAdapter_IsRefused()
    {
        using var folder = new TemporaryFolder();
        GemmaProcess.Run("convert", Demo.Folder, folder.File("out"), "--merge-adapter", Demo.Folder).AssertRefused(3, "adapter_config.json");
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Convert_NoCheckpoint_IsRefused()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.File("empty"));
        GemmaProcess.Run("convert", folder.File("empty"), folder.File("out")).AssertRefused(3, "empty");
        GemmaProcess.Run("convert", folder.File("nowhere"), folder.File("out")).AssertRefused(3, "nowhere");
        Assert.Equal([folder.File("empty")], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Convert_Interrupted_LeavesNothingAndExitsWith130()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() || OperatingSystem.IsMacOS(), "signals are sent with kill");
        using TinyCheckpoint source = TinyCheckpoint.CreateEmpty("tiny-c");
        LargeTable(source.Folder);
        using var folder = new TemporaryFolder();
        using Process process = GemmaProcess.Start("convert", source.Folder, folder.File("out"), "--dtype", "float32", "--threads", "1");
        string partial = folder.File("out.partial");
        long patience = Stopwatch.GetTimestamp();
        while (!Directory.Exists(partial) || !Directory.EnumerateFiles(partial).Any())
        {
            Assert.False(process.HasExited, "the conversion ended before it could be interrupted");
            Assert.True(Stopwatch.GetElapsedTime(patience) < TimeSpan.FromMinutes(1));
            Thread.Sleep(1);
        }

        Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)])!.WaitForExit();
        Assert.True(process.WaitForExit(TimeSpan.FromMinutes(1)));
        Assert.Equal(130, process.ExitCode);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    /// <summary>tiny-c with a tensor of no part that is large enough to be interrupted: 400 MB of zeros, which take no space.</summary>
    static void LargeTable(string folder)
    {
        List<TinyTensor> tensors = TinyCheckpoint.Tensors("tiny-c");
        TinyCheckpoint.Write(folder, tensors);
        const long Bytes = 400_000_000;
        byte[] header = System.Text.Encoding.UTF8.GetBytes($$"""{ "zeros": { "dtype":"BF16","shape":[{{Bytes / 2}}],"data_offsets":[0,{{Bytes}}] } }""");
        using FileStream stream = File.Create(Path.Combine(folder, "model-zeros.safetensors"));
        stream.Write(BitConverter.GetBytes((long)header.Length));
        stream.Write(header);
        stream.SetLength(8 + header.Length + Bytes);
    }
}
