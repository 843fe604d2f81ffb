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
    [InlineData("""[{"role": "user", "content": [{"type": "text", "text": "a", "image": "b.png"}]}]""", "$[0].content[0].image is not read")]
    [InlineData("""[{"role": "user", "content": [{"type": "smell", "smell": "a"}]}]""", "$[0].content[0].type is \"smell\"")]
    [InlineData("""[{"role": "user", "content": [{"type": "image_url", "image_url": {"detail": "low"}}]}]""", "$[0].content[0].image_url has no url")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "image": "a.png", "url": "b.png"}]}]""", "has image and url")]
    [InlineData("""[{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "no base64!"}}]}]""", "is no base64")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "url": "file://host/a.png"}]}]""", "file://host/a.png")]
    [InlineData("""[{"role": "user", "content": [{"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}]}]""", "application/pdf")]
    [InlineData("""[{"role": "user", "content": "a", "attachments": [{"path": "b.pdf"}]}]""", "$[0].attachments is not read")]
    [InlineData("""[{"role": "user", "content": "a", "image": "b.png"}]""", "$[0].image is not read")]
    [InlineData("""[{"role": "user", "content": [{"type": "text", "text": "a", "alt": "b"}]}]""", "$[0].content[0].alt is not read")]
    [InlineData("""{"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]}""", "$.tools is not read")]
    [InlineData("""[{"role": "user", "content": "a", "images": "b.png"}]""", "$[0].images is")]
    [InlineData("""[{"role": "assistant", "tool_calls": [3]}]""", "$[0].tool_calls[0] is 3")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "image": "a\u0000b.png"}]}]""", "$[0].content[0].image is \"a\\u0000b.png\"")]
    [InlineData("""[{"role": "user", "content": "\ud800"}]""", "Unicode")]
    public void Parse_Malformed_IsRefusedWithItsPlace(string json, string mention)
    {
        string message = Assert.Throws<ChatMessageException>(() => Parse(json)).Message;
        Assert.StartsWith("chat.json", message, StringComparison.Ordinal);
        Assert.Contains(mention, message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "§", "detail": "high"}}, {"type": "text", "text": "What?"}]}]""")]
    [InlineData("""[{"role": "user", "content": [{"type": "input_image", "image_url": "§"}, {"type": "input_text", "text": "What?"}]}]""")]
    [InlineData("""{"model": "x", "input": [{"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "§"}, "What?"]}]}""")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "url": "§"}, {"type": "text", "text": "What?"}]}]""")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "path": "§"}, {"type": "text", "text": "What?"}], "id": "m1", "metadata": {"a": 1}}]""")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "§"}}, {"type": "text", "text": "What?"}]}]""")]
    [InlineData("""[{"role": "user", "images": ["§"], "content": "What?"}]""")]
    [InlineData("""[{"type": "human", "data": {"content": [{"type": "image_url", "image_url": {"url": "§"}}, {"type": "text", "text": "What?"}]}}]""")]
    [InlineData("""{"contents": [{"role": "user", "parts": [{"fileData": {"mimeType": "image/png", "fileUri": "§"}}, {"text": "What?"}]}]}""")]
    [InlineData("""[{"role": "user", "content": [{"type": "file", "data": "§", "mediaType": "image/png"}, {"type": "text", "text": "What?"}]}]""")]
    [InlineData("""{"conversations": [{"from": "human", "value": [{"type": "image", "image": "§"}, {"type": "text", "text": "What?"}]}]}""")]
    public void Parse_FormsOfOthers_AreTheSamePicture(string json)
    {
        const string Source = "data:image/png;base64,iVBORw0KGgo=";
        ChatMessage message = Assert.Single(Parse(json.Replace("§", Source, StringComparison.Ordinal)));
        Assert.Equal(ChatMessage.UserRole, message.Role);
        Assert.Equal([new ImagePart(null, Source), new TextPart("What?")], message.Parts);
    }

    [Theory]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "base64": "§"}]}]""", "data:;base64,§")]
    [InlineData("""[{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "§"}}]}]""", "data:;base64,§")]
    [InlineData("""[{"role": "user", "content": "", "images": ["§§§§§§§§"]}]""", "data:;base64,§§§§§§§§")]
    [InlineData("""{"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": "§"}}], "role": "user"}]}""", "data:image/png;base64,§")]
    public void Parse_FileInBase64_BecomesADataAddress(string json, string source)
    {
        const string Base64 = "iVBORw0KGgo7";
        ChatMessage message = Assert.Single(Parse(json.Replace("§", Base64, StringComparison.Ordinal)));
        Assert.Equal(source.Replace("§", Base64, StringComparison.Ordinal), Assert.IsType<ImagePart>(message.Parts[0]).Source);
    }

    [Fact]
    public void Parse_AddressOfAFile_IsItsPath()
    {
        string path = _folder["my cat.png"];
        string json = $$$"""[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "{{{new Uri(path).AbsoluteUri}}}"}}]}]""";
        Assert.Equal(path, Assert.IsType<ImagePart>(Assert.Single(Parse(json)).Parts[0]).Source);
    }

    [Fact]
    public void Parse_SoundAndVideoOfOthers_AreRead()
    {
        ChatMessage message = Assert.Single(Parse("""
            [{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}, {"type": "audio_url", "audio_url": {"url": "https://host/a.mp3"}},
                                          {"type": "video_url", "video_url": {"url": "https://host/b.mp4"}}, {"type": "thinking", "thinking": "Hm."}]}]
            """));
        Assert.Equal(
            [new AudioPart(null, "data:;base64,UklGRg=="), new AudioPart(null, "https://host/a.mp3"), new VideoPart(null, null, "https://host/b.mp4")], message.Parts);
    }

    [Fact]
    public void Parse_CallsAndResults_AreReadAndWritten()
    {
        IReadOnlyList<ChatMessage> messages = Parse("""
            {"system": "Be brief.", "messages": [
              {"role": "user", "content": "Weather?"},
              {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Lima\"}"}}]},
              {"role": "tool", "tool_call_id": "c1", "name": "weather", "content": "21"},
              {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "22"}]}]}]}
            """);
        Assert.Equal(["system", "user", "assistant", "tool", "user"], messages.Select(message => message.Role));
        Assert.Equal([new ToolCallPart(new ToolCall("c1", "weather", """{"city":"Lima"}"""))], messages[2].Parts);
        Assert.Equal([new ToolResultPart("c1", "weather", "21")], messages[3].Parts);
        Assert.Equal([new ToolResultPart("c1", null, "22")], messages[4].Parts);
        string path = _folder["calls.json"];
        ConversationFile.Write(path, messages);
        IReadOnlyList<ChatMessage> read = ConversationFile.Read(path);
        Assert.Equal(messages.Select(message => message.Role), read.Select(message => message.Role));
        Assert.Equal(messages.SelectMany(message => message.Parts.Where(part => part is not ToolResultPart)), read.SelectMany(
            message => message.Parts.Where(part => part is not ToolResultPart)));
        Assert.Equal(["21", "22"], read.SelectMany(message => message.Parts.OfType<ToolResultPart>()).Select(part => part.Result));
    }

    [Theory]
    [InlineData("utf-16")]
    [InlineData("utf-16BE")]
    [InlineData("utf-32")]
    public void Read_OtherEncodings_AreWhatTheirMarksSay(string encoding)
    {
        string path = _folder["chat.json"];
        File.WriteAllText(path, """[{"role": "user", "content": "naïve café 👋"}]""", Encoding.GetEncoding(encoding));
        Assert.Equal("naïve café 👋", Assert.Single(ConversationFile.Read(path)).Text);
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
