using System.Text;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests;

public sealed class ConversationFileTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Parse_TextAndParts_KeepsOrderAndResolvesPaths()
    {
        IReadOnlyList<ChatMessage> messages = Parse("""
            [{"role": "system", "content": "Be brief."},
             {"role": "user", "content": [{"type": "image", "image": "a b/c.png"}, {"type": "text", "text": "What?"},
                                          {"type": "audio", "audio": "https://host/x.wav"}, {"type": "video", "video": "d.mp4", "text": null}]}]
            """);
        Assert.Equal([("system", true), ("user", false)], messages.Select(message => (message.Role, message.IsPlainText)));
        Assert.Equal([new TextPart("Be brief.")], messages[0].Parts);
        Assert.Equal(
            [
                new ImagePart(null, Path.Combine(_folder["a b"], "c.png")),
                new TextPart("What?"),
                new AudioPart(null, "https://host/x.wav"),
                new VideoPart(null, null, _folder["d.mp4"]),
            ],
            messages[1].Parts);
    }

    [Theory]
    [InlineData("""{"model": "x", "messages": [{"role": "user", "content": "a"}]}""")]
    [InlineData("\uFEFF[{\"role\": \"user\", \"content\": \"a\"}]")]
    [InlineData("""
        // Asked in the morning.
        [{"role": "user", /* nobody else */ "content": "a",},]
        """)]
    public void Parse_WhatPeopleWrite_IsTaken(string json) => Assert.Equal("a", Assert.Single(Parse(json)).Text);

    [Theory]
    [InlineData("", "valid JSON")]
    [InlineData("[", "valid JSON")]
    [InlineData("3", "$ is 3")]
    [InlineData("{}", "$ is {}")]
    [InlineData("[]", "no messages")]
    [InlineData("[3]", "$[0] is 3")]
    [InlineData("""{"messages": 3}""", "$.messages is 3")]
    [InlineData("""{"messages": [3]}""", "$.messages[0] is 3")]
    [InlineData("""[{"content": "a"}]""", "$[0].role is absent")]
    [InlineData("""[{"role": 1, "content": "a"}]""", "$[0].role is 1")]
    [InlineData("""[{"role": "", "content": "a"}]""", "$[0].role is empty")]
    [InlineData("""[{"role": "user"}]""", "$[0].content is absent")]
    [InlineData("""[{"role": "user", "content": null}]""", "$[0].content is null")]
    [InlineData("""[{"role": "user", "content": "a", "content": "b"}]""", "content")]
    [InlineData("""[{"role": "user", "content": [{"type": "image"}]}]""", "$[0].content[0].image is absent")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "image": ""}]}]""", "$[0].content[0].image is empty")]
    [InlineData("""[{"role": "user", "content": [{"type": "text", "text": "a", "image": "b.png"}]}]""", "$[0].content[0] is of type text and has image")]
    [InlineData("""[{"role": "user", "content": [{"type": "smell", "smell": "a"}]}]""", "$[0].content[0].type is \"smell\"")]
    [InlineData("""[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]}]""", "image_url")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "image": "a\u0000b.png"}]}]""", "$[0].content[0].image is \"a\\u0000b.png\"")]
    [InlineData("""[{"role": "user", "content": "\ud800"}]""", "Unicode")]
    public void Parse_Malformed_IsRefusedWithItsPlace(string json, string mention)
    {
        string message = Assert.Throws<ChatMessageException>(() => Parse(json)).Message;
        Assert.StartsWith("chat.json", message, StringComparison.Ordinal);
        Assert.Contains(mention, message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_ControlCharacters_AreQuotedAsTheFileSpellsThem()
    {
        const string Json = """[{"role":"user","content":[{"type":"\u001b[31mred\u001b]0;title\u0007"}]}]""";
        string message = Assert.Throws<ChatMessageException>(() => Parse(Json)).Message;
        Assert.DoesNotContain(message, char.IsControl);
    }

    [Fact]
    public void Parse_DeepJson_IsRefused() => Assert.Throws<ChatMessageException>(() => Parse(new string('[', 100_000)));

    [Fact]
    public void Read_MissingFileOrFolder_SaysSo()
    {
        Assert.Contains("does not exist", Refusal(_folder["none.json"]), StringComparison.Ordinal);
        Assert.Contains("is a folder", Refusal(_folder.Path), StringComparison.Ordinal);

        static string Refusal(string path) => Assert.Throws<ChatMessageException>(() => ConversationFile.Read(path)).Message;
    }

    [Fact]
    public void Write_ThenRead_GivesTheSame()
    {
        string inside = _folder[Path.Combine("in", "cat.png")], outside = Path.GetFullPath("/elsewhere/dog.png");
        ChatMessage[] messages =
        [
            ChatMessage.System("<b>\"quoted\" 👋 \u001B"),
            ChatMessage.User(
                [new ImagePart(null, inside), new VideoPart(null, null, outside), new AudioPart(null, "data:audio/wav;base64,AA=="), new TextPart("?")]),
            ChatMessage.Assistant("yes\n"),
            ChatMessage.User([new TextPart("parts")]),
        ];
        string path = _folder["chat.json"];
        ConversationFile.Write(path, messages);
        Assert.Contains("\"in/cat.png\"", File.ReadAllText(path), StringComparison.Ordinal);
        IReadOnlyList<ChatMessage> read = ConversationFile.Read(path);
        Assert.Equal(messages.Select(message => (message.Role, message.IsPlainText)), read.Select(message => (message.Role, message.IsPlainText)));
        Assert.Equal(messages.SelectMany(message => message.Parts), read.SelectMany(message => message.Parts));
        Assert.Single(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Write_MediaThatHaveBeenRead_ArePartsOfTheirSource()
    {
        var clip = new AudioClip([0f], 16_000);
        var frame = new RgbImage(1, 1, new byte[3]);
        ChatMessage message = ChatMessage.User([new LongAudioPart([clip, clip], _folder["long.wav"]), new VideoPart([frame, frame], [clip], _folder["film.mp4"])]);
        ConversationFile.Write(_folder["chat.json"], [message]);
        Assert.Equal(
            [new AudioPart(null, _folder["long.wav"]), new VideoPart(null, null, _folder["film.mp4"])],
            ConversationFile.Read(_folder["chat.json"])[0].Parts);
    }

    [Fact]
    public void Write_PictureFromMemory_IsRefusedAndNothingIsWritten()
    {
        ChatMessage message = ChatMessage.User([new ImagePart(new RgbImage(1, 1, new byte[3]))]);
        var error = Assert.Throws<ChatMessageException>(() => ConversationFile.Write(_folder["chat.json"], [message]));
        Assert.Contains("image of message 0", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Write_HalfASurrogate_IsReplaced()
    {
        ConversationFile.Write(_folder["chat.json"], [ChatMessage.User("a\uD800b")]);
        Assert.Equal("a\uFFFDb", ConversationFile.Read(_folder["chat.json"])[0].Text);
    }

    [Fact]
    public void Write_FolderThatIsNotThere_SaysSo()
    {
        var error = Assert.Throws<IOException>(() => ConversationFile.Write(_folder[Path.Combine("no", "chat.json")], [ChatMessage.User("a")]));
        Assert.Contains("its folder does not exist", error.Message, StringComparison.Ordinal);
    }

    IReadOnlyList<ChatMessage> Parse(string json) => ConversationFile.Parse(Encoding.UTF8.GetBytes(json), "chat.json", _folder.Path);
}
