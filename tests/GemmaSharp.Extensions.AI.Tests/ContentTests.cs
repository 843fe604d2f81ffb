using System.Text.Json;
using GemmaSharp.Media;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Every kind of content and what it becomes.</summary>
public sealed class ContentTests
{
    static readonly byte[] s_png = File.ReadAllBytes(Demo.Golden("image-00.png"));
    static readonly byte[] s_wav = File.ReadAllBytes(Demo.Golden("audio-00.wav"));

    [Fact]
    public void Texts_ThatFollowEachOther_AreOne() =>
        Assert.Equal(new TextPart("Hello  world"), Only(new TextContent("Hel"), new TextContent("lo  "), new TextContent("world")).Part);

    public static TheoryData<string, AIContent, MediaKind> Media => new()
    {
        { "png", new DataContent(s_png, "image/png"), MediaKind.Image },
        { "wav", new DataContent(s_wav, "audio/wav"), MediaKind.Audio },
        { "x-wav", new DataContent(s_wav, "audio/x-wav"), MediaKind.Audio },
        { "mp4 sound", new DataContent(s_wav, "audio/mp4"), MediaKind.Audio },
        { "video", new DataContent(s_png, "video/mp4"), MediaKind.Video },
        { "bytes of a picture", new DataContent(s_png, "application/octet-stream"), MediaKind.Image },
        { "bytes of a sound", new DataContent(s_wav, "application/octet-stream"), MediaKind.Audio },
        { "data URI", new UriContent(new DataContent(s_png, "image/png").Uri, "image/png"), MediaKind.Image },
        { "file", new UriContent(new Uri(Demo.Golden("image-00.png")), "image/png"), MediaKind.Image },
        { "address", new UriContent("https://example.org/a.wav", "audio/wav"), MediaKind.Audio },
    };

    [Theory]
    [MemberData(nameof(Media))]
    public void Medium_IsReadByKind(string what, AIContent content, MediaKind kind)
    {
        UnreadMedia media = Only(content).Media!;
        Assert.True(kind == media.Kind, $"{what}: {media.Kind}");
    }

    [Theory]
    [InlineData("low", 256)]
    [InlineData("high", 768)]
    [InlineData("auto", 512)]
    [InlineData(null, 300)]
    public void Detail_IsASide_OrTheRequestsOwn(string? detail, int side)
    {
        var content = new DataContent(s_png, "image/png");
        if (detail is not null)
        {
            content.AdditionalProperties = new() { ["detail"] = detail };
        }

        Assert.Equal(side, Assert.Single(Assert.Single(MessageReader.Read([new(ChatRole.User, [content])], null, 300)).Pieces).Media!.Side);
    }

    [Theory]
    [InlineData("text/plain", "Grüße")]
    [InlineData("text/markdown; charset=utf-8", "Grüße")]
    [InlineData("application/json", "{\"a\":1}")]
    public void TextFile_IsText_ApartFromWhatStandsBeside(string type, string text)
    {
        UnreadPiece piece = Only(new TextContent("Read:"), new DataContent(System.Text.Encoding.UTF8.GetBytes(text), type), new TextContent("Well?"));
        Assert.Equal(new TextPart($"Read:\n\n{text}\n\nWell?"), piece.Part);
    }

    [Fact]
    public void TextFile_InLatin1_IsReadAsSuch() =>
        Assert.Equal(new TextPart("ü"), Only(new DataContent(new byte[] { 0xFC }, "text/plain; charset=iso-8859-1")).Part);

    public static TheoryData<AIContent, string> Refused => new()
    {
        { new HostedFileContent("f-1"), "HostedFileContent" },
        { new HostedVectorStoreContent("v-1"), "HostedVectorStoreContent" },
        { new Unknown(), "Unknown" },
        { new DataContent("%PDF-1.7"u8.ToArray(), "application/pdf"), "application/pdf" },
        { new DataContent(new byte[] { 1, 2, 3 }, "application/octet-stream"), "application/octet-stream" },
        { new UriContent("https://example.org/a?key=secret", "application/pdf"), "https://example.org/a is" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void ContentThatCannotBeTaken_IsRefusedByName(AIContent content, string name)
    {
        NotSupportedException error = Assert.Throws<NotSupportedException>(() => Read(content));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsSaidAboutAConversation_IsNoPartOfIt()
    {
        var call = new FunctionCallContent("1", "f");
        UnreadPiece piece = Only(
            new TextReasoningContent("hm"), new UsageContent(new UsageDetails()), new ErrorContent("oops"), new TextContent("yes"),
            new ToolApprovalRequestContent("1", call), new ToolApprovalResponseContent("1", true, call));
        Assert.Equal(new TextPart("yes"), piece.Part);
    }

    [Fact]
    public void EmptyMessage_IsAnEmptyText() => Assert.Equal(new TextPart(""), Only().Part);

    [Fact]
    public void Order_IsKept()
    {
        IReadOnlyList<UnreadPiece> pieces = Read(
            new TextContent("a"), new DataContent(s_png, "image/png"), new TextContent("b"), new DataContent(s_wav, "audio/wav"),
            new DataContent(s_png, "image/png"));
        Assert.Equal(["a", "Image", "b", "Audio", "Image"], pieces.Select(piece => piece.Part is TextPart text ? text.Text : piece.Media!.Kind.ToString()));
    }

    [Theory]
    [InlineData("system", "system")]
    [InlineData("developer", "system")]
    [InlineData("User", "user")]
    [InlineData("assistant", "assistant")]
    [InlineData("tool", "tool")]
    public void Role_IsTheModelsWord(string role, string word) =>
        Assert.Equal(word, Assert.Single(MessageReader.Read([new(new ChatRole(role), "x")], null, null)).Role);

    public static TheoryData<object?, Exception?, string> Results => new()
    {
        { "sunny", null, "sunny" },
        { null, null, "null" },
        { 21.5, null, "21.5" },
        { true, null, "true" },
        { JsonDocument.Parse("""{ "a" : [ 1, 2 ], "b" : "ü" }""").RootElement, null, """{"a":[1,2],"b":"ü"}""" },
        { new Dictionary<string, object?> { ["x"] = 1, ["y"] = null }, null, """{"x":1,"y":null}""" },
        { null, new InvalidOperationException("no such city"), "Error: no such city" },
        { "Error: Function failed.", new InvalidOperationException("secret"), "Error: Function failed." },
        { new TextContent("cloudy"), null, "cloudy" },
        { new List<AIContent> { new TextContent("a"), new TextContent("b") }, null, "ab" },
    };

    [Theory]
    [MemberData(nameof(Results))]
    public void Result_IsText(object? result, Exception? error, string expected)
    {
        UnreadPiece piece = Only(new FunctionResultContent("c-1", result) { Exception = error });
        Assert.Equal(new ToolResultPart("c-1", null, expected), piece.Part);
    }

    [Fact]
    public void Result_WithPicture_KeepsIt()
    {
        IReadOnlyList<UnreadPiece> pieces = Read(
            new FunctionResultContent("c-1", new AIContent[] { new TextContent("a map"), new DataContent(s_png, "image/png") }));
        Assert.Equal(new ToolResultPart("c-1", null, "a map"), pieces[0].Part);
        Assert.Equal(MediaKind.Image, pieces[1].Media!.Kind);
    }

    [Fact]
    public void Result_ThatCannotBeWritten_IsRefused() =>
        Assert.Throws<NotSupportedException>(() => Read(new FunctionResultContent("c-1", new Endless())));

    [Fact]
    public void Call_IsCompactJson()
    {
        var arguments = new Dictionary<string, object?> { ["city"] = "Zürich", ["days"] = 3, ["more"] = JsonDocument.Parse("[ 1.50 ]").RootElement };
        Assert.Equal(
            new ToolCallPart(new ToolCall("c-1", "f", """{"city":"Zürich","days":3,"more":[1.50]}""")),
            Only(new FunctionCallContent("c-1", "f", arguments)).Part);
        Assert.Equal(new ToolCallPart(new ToolCall("c-1", "f", "{}")), Only(new FunctionCallContent("c-1", "f")).Part);
    }

    [Fact]
    public void Call_OfTheModels_IsSpelledAsItDid_UnlessChanged()
    {
        const string Verbatim = """{"city": "Z\u00fcrich"}""";
        var content = FunctionCallContent.CreateFromParsedArguments(Verbatim, "c-1", "f", JsonText.Arguments);
        content.RawRepresentation = new ToolCall("c-1", "f", Verbatim);
        Assert.Equal(new ToolCallPart(new ToolCall("c-1", "f", Verbatim)), Only(content).Part);
        content.Arguments!["city"] = "Bern";
        Assert.Equal(new ToolCallPart(new ToolCall("c-1", "f", """{"city":"Bern"}""")), Only(content).Part);
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("{\"a\":")]
    [InlineData("")]
    public void Arguments_ThatAreNoObject_AreAnExceptionOfTheCall(string json)
    {
        FunctionCallContent content = FunctionCallContent.CreateFromParsedArguments(json, "c-1", "f", JsonText.Arguments);
        Assert.NotNull(content.Exception);
    }

    [Fact]
    public void NullMessage_IsRefused() => Assert.Throws<ArgumentException>(() => MessageReader.Read([null!], null, null));

    [Fact]
    public void Messages_AreReadOnce()
    {
        int times = 0;
        IEnumerable<AIMessage> Messages()
        {
            times++;
            yield return new(ChatRole.User, "Hello");
        }

        MessageReader.Read(Messages(), null, null);
        Assert.Equal(1, times);
    }

    static IReadOnlyList<UnreadPiece> Read(params AIContent[] contents) =>
        Assert.Single(MessageReader.Read([new(ChatRole.User, contents)], null, null)).Pieces;

    static UnreadPiece Only(params AIContent[] contents) => Assert.Single(Read(contents));

    sealed class Unknown : AIContent;

    sealed class Endless
    {
        public Endless Self => this;
    }
}
