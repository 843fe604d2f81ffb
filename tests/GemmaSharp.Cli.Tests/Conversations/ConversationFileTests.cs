using System.Text;
using GemmaSharp.Cli.Conversations;

namespace GemmaSharp.Cli.Tests.Conversations;

public sealed class ConversationFileTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Parse_TextAndParts_KeepsOrderAndResolvesPaths()
    {
        List<ConversationMessage> messages = Parse("""
            [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": [{"type": "image", "image": "a b/c.png"}, {"type": "text", "text": "What?"}, {"type": "audio", "audio": "https://host/x.wav"}]}]
            """);
        Assert.Equal(["system", "user"], messages.Select(message => message.Role));
        Assert.Equal([new ConversationPart(PartKind.Text, "Be brief.")], messages[0].Parts);
        Assert.Equal(
            [
                new ConversationPart(PartKind.Image, Path.Combine(_folder.FullName, "a b", "c.png")),
                new ConversationPart(PartKind.Text, "What?"),
                new ConversationPart(PartKind.Audio, "https://host/x.wav"),
            ],
            messages[1].Parts);
    }

    [Theory]
    [InlineData("", "valid JSON")]
    [InlineData("[", "valid JSON")]
    [InlineData("3", "$ is 3")]
    [InlineData("[]", "no messages")]
    [InlineData("[3]", "$[0] is 3")]
    [InlineData("""[{"content": "a"}]""", "$[0].role is absent")]
    [InlineData("""[{"role": 1, "content": "a"}]""", "$[0].role is 1")]
    [InlineData("""[{"role": "", "content": "a"}]""", "$[0].role is empty")]
    [InlineData("""[{"role": "user"}]""", "$[0].content is absent")]
    [InlineData("""[{"role": "user", "content": null}]""", "$[0].content is null")]
    [InlineData("""[{"role": "user", "content": [{"type": "image"}]}]""", "$[0].content[0].image is absent")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "image": ""}]}]""", "$[0].content[0].image is empty")]
    [InlineData("""[{"role": "user", "content": [{"type": "smell", "smell": "a"}]}]""", "smell")]
    [InlineData("""[{"role": "user", "content": "\ud800"}]""", "Unicode")]
    public void Parse_Malformed_IsRefusedWithItsPlace(string json, string mention)
    {
        CliException error = Assert.Throws<CliException>(() => Parse(json));
        Assert.Equal(ExitCode.InputRefused, error.ExitCode);
        Assert.Contains(mention, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_DeepJson_IsRefused() =>
        Assert.Throws<CliException>(() => Parse(new string('[', 100_000)));

    [Fact]
    public void Write_ThenRead_GivesTheSame()
    {
        string inside = Path.Combine(_folder.FullName, "in", "cat.png"), outside = Path.GetFullPath("/elsewhere/dog.png");
        ConversationMessage[] messages =
        [
            ConversationMessage.OfText("system", "<b>\"quoted\" 👋 \u001B"),
            new("user", [new(PartKind.Image, inside), new(PartKind.Video, outside), new(PartKind.Audio, "data:audio/wav;base64,AA=="), new(PartKind.Text, "?")]),
        ];
        string path = Path.Combine(_folder.FullName, "chat.json");
        ConversationFile.Write(path, messages);
        Assert.Contains("\"in/cat.png\"", File.ReadAllText(path), StringComparison.Ordinal);
        List<ConversationMessage> read = ConversationFile.Read(path);
        Assert.Equal(messages.Select(message => message.Role), read.Select(message => message.Role));
        Assert.Equal(messages.SelectMany(message => message.Parts), read.SelectMany(message => message.Parts));
        Assert.Single(_folder.EnumerateFileSystemInfos());
    }

    [Fact]
    public void Write_HalfASurrogate_IsReplaced()
    {
        string path = Path.Combine(_folder.FullName, "chat.json");
        ConversationFile.Write(path, [ConversationMessage.OfText("user", "a\uD800b")]);
        Assert.Equal("a\uFFFDb", ConversationFile.Read(path)[0].Parts[0].Value);
    }

    [Fact]
    public void RequireWritable_FolderDeviceOrNoFolder_IsRefused()
    {
        Assert.Throws<CliException>(() => AtomicFile.RequireWritable(_folder.FullName));
        Assert.Throws<CliException>(() => AtomicFile.RequireWritable(Path.Combine(_folder.FullName, "no", "chat.json")));
        Assert.Throws<CliException>(() => AtomicFile.RequireWritable(""));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Throws<CliException>(() => AtomicFile.RequireWritable("/dev/full"));
        }

        AtomicFile.RequireWritable(Path.Combine(_folder.FullName, "chat.json"));
        Assert.Empty(_folder.EnumerateFileSystemInfos());
    }

    List<ConversationMessage> Parse(string json) => ConversationFile.Parse(Encoding.UTF8.GetBytes(json), "chat.json", _folder.FullName);
}
