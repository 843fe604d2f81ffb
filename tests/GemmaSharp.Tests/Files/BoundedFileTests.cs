using System.Diagnostics;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;
using GemmaSharp.Files;
using GemmaSharp.Prompting.Chat;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Files;

public sealed class BoundedFileTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(99)]
    [InlineData(100)]
    public void Read_UpToTheBound_GivesTheBytes(int length)
    {
        byte[] bytes = [.. Enumerable.Range(0, length).Select(i => (byte)i)];
        File.WriteAllBytes(_folder["a"], bytes);
        Assert.Equal(bytes, BoundedFile.Read(_folder["a"], 100));
        Assert.Equal(bytes, BoundedFile.ReadRegular(_folder["a"], 100));
        Assert.Equal(bytes, BoundedFile.ReadAll(new MemoryStream(bytes), 100));
        Assert.Equal(length, BoundedFile.Length(_folder["a"]));
    }

    [Fact]
    public void Read_BeyondTheBound_GivesNull()
    {
        File.WriteAllBytes(_folder["a"], new byte[101]);
        Assert.Null(BoundedFile.Read(_folder["a"], 100));
        Assert.Null(BoundedFile.ReadRegular(_folder["a"], 100));
    }

    [Fact]
    public void Length_NoFileOrFolder_IsNull()
    {
        Assert.Null(BoundedFile.Length(_folder["none"]));
        Assert.Null(BoundedFile.Length(_folder.Path));
        Assert.Throws<FileNotFoundException>(() => BoundedFile.ReadRegular(_folder["none"], 100));
    }

    [Fact]
    public void ReadRegular_LinkToLongFile_IsBoundedByWhatItLeadsTo()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Links need a right there.");
        File.WriteAllBytes(_folder["a"], new byte[101]);
        File.CreateSymbolicLink(_folder["b"], "a");
        File.CreateSymbolicLink(_folder["gone"], "nowhere");
        File.CreateSymbolicLink(_folder["circle"], "circle");
        Assert.Null(BoundedFile.ReadRegular(_folder["b"], 100));
        Assert.Equal(101, BoundedFile.Length(_folder["b"]));
        Assert.Null(BoundedFile.Length(_folder["gone"]));
        Assert.ThrowsAny<IOException>(() => BoundedFile.ReadRegular(_folder["circle"], 100));
    }

    /// <summary>Each would be waited for, or read until memory ends.</summary>
    [Theory]
    [InlineData("pipe")]
    [InlineData("/dev/zero")]
    public void ReadRegular_LinkToPipeOrDevice_IsNothing(string target)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "named pipes are made with mkfifo");
        using (var mkfifo = Process.Start("mkfifo", _folder["pipe"]))
        {
            mkfifo.WaitForExit();
        }

        foreach (string name in (string[])["config.json", "chat_template.jinja", "tokenizer.json", "slices.csv", "model.safetensors"])
        {
            File.CreateSymbolicLink(_folder[name], target);
        }

        Assert.Empty(BoundedFile.ReadRegular(_folder["config.json"], 100)!);
        Assert.EndsWith(
            "The file has no content; download it again.",
            Assert.Throws<ConfigurationException>(() => ConfigFile.TryRead(_folder["config.json"])).Message, StringComparison.Ordinal);
        Assert.Equal(
            "chat_template.jinja has no content; download it again.", Assert.Throws<TokenizerException>(() => ChatTemplateFiles.Read(_folder.Path)).Message);
        Assert.Contains("0 bytes", Assert.Throws<TokenizerException>(() => Tokenizer.Load(_folder.Path)).Message, StringComparison.Ordinal);
        Assert.Throws<SliceException>(() => SliceFile.Read(_folder["slices.csv"]));
        Assert.Throws<SafetensorsException>(() => GemmaSharp.Checkpoints.SafetensorsFile.Open(_folder["model.safetensors"]));
        Assert.ThrowsAny<CheckpointException>(() => GemmaModel.Load(_folder["pipe"]));
    }
}
