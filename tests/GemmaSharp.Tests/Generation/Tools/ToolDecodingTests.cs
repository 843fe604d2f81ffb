using System.Text;
using System.Text.Json;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Tools;
using GemmaSharp.Prompting.Tools;
using GemmaSharp.Tests.Generation.Constraints.Json;

namespace GemmaSharp.Tests.Generation.Tools;

/// <summary>Calls among what a model writes, token by token.</summary>
public sealed class ToolDecodingTests
{
    static readonly ToolDefinition s_weather = new("get_weather", "The weather of a city.", JsonDocument.Parse(
        """{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":1}},"required":["city"]}""").RootElement);

    static readonly ToolDefinition s_time = new("now");

    [Theory]
    [InlineData(ToolFormat.Json, """[{"name":"get_weather","parameters":{"city":"Lima"}}]""")]
    [InlineData(ToolFormat.Json, """{"name": "get_weather", "arguments": {"city": "Lima"}}""")]
    [InlineData(ToolFormat.Json, "```json\n[ {\"name\" : \"get_weather\", \"parameters\" : {\"city\":\"Lima\"} } ]\n```")]
    [InlineData(ToolFormat.Json, "\n [{\"name\":\"get_weather\",\"parameters\":{\"city\":\"Lima\"}}]")]
    [InlineData(ToolFormat.Pythonic, "[get_weather(city=\"Lima\")]")]
    [InlineData(ToolFormat.Pythonic, "get_weather(city=\"Lima\")")]
    [InlineData(ToolFormat.ToolCode, "```tool_code\nget_weather(city=\"Lima\")\n```")]
    public void Call_IsHeldBackAndRead(ToolFormat format, string text)
    {
        (string released, IReadOnlyList<ToolCall>? calls, string rest, _) = Write(New(format), text);
        Assert.Equal(("", ""), (released, rest));
        ToolCall call = Assert.Single(calls!);
        Assert.Equal(("get_weather", """{"city":"Lima"}"""), (call.Name, call.Arguments.Replace(" ", "", StringComparison.Ordinal)));
        Assert.Matches("^call_[A-Za-z0-9]{24}$", call.Id);
    }

    [Theory]
    [InlineData("The weather is fine.")]
    [InlineData("[1, 2, 3] are numbers.")]
    [InlineData("{\"name\": \"Alice\", \"age\": 7}")]
    [InlineData("```json\n{\"a\": 1}\n```")]
    [InlineData("[{\"name\":\"get_weathers\",\"parameters\":{}}]")]
    [InlineData("{ roses are red }")]
    [InlineData("")]
    public void Text_ThatIsNoCall_IsReleased(string text)
    {
        (string released, IReadOnlyList<ToolCall>? calls, string rest, _) = Write(New(ToolFormat.Json), text);
        Assert.Null(calls);
        Assert.Equal(text, released + rest);
    }

    [Fact]
    public void Text_IsReleased_AsSoonAsItCannotBeACall()
    {
        ToolDecoding decoding = New(ToolFormat.Json);
        var released = new StringBuilder();
        foreach (int id in Ids("[1, 2, 3] are numbers."))
        {
            released.Append(decoding.Push(id, JsonText.Tokenizer.Decode([id])));
            if (released.Length > 0)
            {
                break;
            }
        }

        Assert.StartsWith("[1", released.ToString(), StringComparison.Ordinal);
        Assert.True(released.Length < 8);
    }

    [Fact]
    public void Call_CutOff_IsText()
    {
        const string Cut = """[{"name":"get_weather","parameters":{"city":"Li""";
        (string released, IReadOnlyList<ToolCall>? calls, string rest, _) = Write(New(ToolFormat.Json), Cut);
        Assert.Null(calls);
        Assert.Equal(Cut, released + rest);
    }

    [Fact]
    public void Auto_KeepsToTheParameters_OnceTheToolIsNamed()
    {
        ToolDecoding decoding = New(ToolFormat.Json);
        Assert.Null(decoding.Matcher);
        Push(decoding, """[{"name":"get_""");
        Assert.Null(decoding.Matcher);
        Push(decoding, """weather","parameters":""");
        Matcher matcher = decoding.Matcher!;
        Assert.False(matcher.Clone().TryAdvance("""{"town":"""u8));
        Assert.False(matcher.Clone().TryAdvance("""{"days":0"""u8));
        Assert.True(matcher.TryAdvance("""{"days":12,"city":"Lima"}}]"""u8));
        Assert.True(matcher.CanEnd);
    }

    [Fact]
    public void Required_KeepsToACall_FromTheFirstToken()
    {
        var decoding = new ToolDecoding(Options(ToolFormat.Json) with { Choice = ToolChoice.Required }, null, JsonText.Trie);
        Assert.False(decoding.Matcher!.Clone().TryAdvance("The"u8));
        Assert.True(decoding.Matcher!.Clone().TryAdvance("""[{"name":"now","parameters":{}}]"""u8));
        var named = new ToolDecoding(Options(ToolFormat.Json) with { Choice = ToolChoice.Named("now") }, null, JsonText.Trie);
        Assert.False(named.Matcher!.Clone().TryAdvance("""[{"name":"g"""u8));
        Assert.True(named.Matcher!.TryAdvance("""[{"name":"now","parameters":{}}]"""u8));
        Assert.True(named.Matcher.MustEnd);
    }

    [Fact]
    public void Parallel_AllowsEightCalls_AndOneIsOne()
    {
        const string Call = """{"name":"now","parameters":{}}""";
        var one = new ToolDecoding(Options(ToolFormat.Json) with { Choice = ToolChoice.Required }, null, JsonText.Trie);
        Assert.False(one.Matcher!.TryAdvance(Encoding.UTF8.GetBytes($"[{Call},")));
        ToolOptions options = Options(ToolFormat.Json) with { Choice = ToolChoice.Required, Parallel = true };
        string eight = "[" + string.Join(',', Enumerable.Repeat(Call, 8)) + "]";
        (_, IReadOnlyList<ToolCall>? calls, _, _) = Write(new ToolDecoding(options, null, JsonText.Trie), eight);
        Assert.Equal(8, calls!.Count);
        Assert.Equal(8, calls.DistinctBy(call => call.Id).Count());
        var nine = new ToolDecoding(options, null, JsonText.Trie);
        Assert.False(nine.Matcher!.TryAdvance(Encoding.UTF8.GetBytes("[" + string.Join(',', Enumerable.Repeat(Call, 9)))));
    }

    [Fact]
    public void AnswerWithASchema_IsACallOrValid()
    {
        var answer = Constraint.JsonSchema("""{"type":"object","properties":{"rain":{"type":"boolean"}},"required":["rain"],"additionalProperties":false}""");
        (string released, IReadOnlyList<ToolCall>? calls, string rest, _) = Write(new ToolDecoding(Options(ToolFormat.Json), answer, JsonText.Trie), """{"rain":true}""");
        Assert.Null(calls);
        Assert.Equal("""{"rain":true}""", released + rest);
        (released, calls, rest, _) = Write(new ToolDecoding(Options(ToolFormat.Json), answer, JsonText.Trie), """[{"name":"now","parameters":{}}]""");
        Assert.Equal("now", Assert.Single(calls!).Name);
        Assert.False(new ToolDecoding(Options(ToolFormat.Json), answer, JsonText.Trie).Matcher!.TryAdvance("It"u8));
    }

    [Theory]
    [InlineData(ToolFormat.Json)]
    [InlineData(ToolFormat.Pythonic)]
    [InlineData(ToolFormat.ToolCode)]
    public void History_OfACall_IsWhatWasWritten(ToolFormat format)
    {
        // The conversation that goes on from a call begins with the very tokens of the answer.
        ToolCall[] made = [new("1", "get_weather", """{"city":"São Paulo \"SP\"","days":3}"""), new("2", "now", "{}")];
        string text = ToolPrompt.Calls(made, format);
        var decoding = new ToolDecoding(Options(format) with { Choice = ToolChoice.Required, Parallel = true }, null, JsonText.Trie);
        (_, IReadOnlyList<ToolCall>? calls, _, bool kept) = Write(decoding, text);
        Assert.True(kept);
        Assert.Equal(made.Select(call => (call.Name, call.Arguments)), calls!.Select(call => (call.Name, call.Arguments)));
        Assert.Equal(text, ToolPrompt.Calls(calls!, format));
    }

    [Fact]
    public void Tools_ThatCannotBe_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => new ToolDefinition("no spaces"));
        Assert.Throws<ArgumentException>(() => new ToolDefinition(""));
        Assert.Throws<ConstraintException>(() => new ToolDefinition("f", null, JsonDocument.Parse("""{"type":"string"}""").RootElement));
        Assert.Throws<ConstraintException>(() => new ToolDefinition("f", null, JsonDocument.Parse("[]").RootElement));
        Assert.Contains("f cannot be used", Assert.Throws<ConstraintException>(() => new ToolDefinition("f", null, JsonDocument.Parse(
            """{"type":"object","properties":{"a":{"$ref":"https://example.com/x"}}}""").RootElement)).Message, StringComparison.Ordinal);
        Refused(new ToolOptions { Tools = [s_time, s_time] });
        Refused(new ToolOptions { Tools = [.. Enumerable.Range(0, 129).Select(i => new ToolDefinition($"f{i}"))] });
        Refused(new ToolOptions { Tools = [s_time], Choice = ToolChoice.Named("later") });
        Refused(new ToolOptions { Choice = ToolChoice.Required });

        static void Refused(ToolOptions tools) => Assert.Throws<ArgumentException>(() => new GenerationOptions { Tools = tools }.Validate());
    }

    static ToolOptions Options(ToolFormat format) => new() { Tools = [s_weather, s_time], Format = format };

    static ToolDecoding New(ToolFormat format) => new(Options(format), null, JsonText.Trie);

    static int[] Ids(string text) => JsonText.Tokenizer.EncodeToIds(text, allowSpecial: false);

    static void Push(ToolDecoding decoding, string text)
    {
        foreach (int id in Ids(text))
        {
            decoding.Push(id, JsonText.Tokenizer.Decode([id]));
        }
    }

    /// <summary>Writes a text, and whether every token was one that was allowed.</summary>
    static (string Released, IReadOnlyList<ToolCall>? Calls, string Due, bool Kept) Write(ToolDecoding decoding, string text)
    {
        var released = new StringBuilder();
        bool kept = true;
        foreach (int id in Ids(text))
        {
            kept &= decoding.Matcher?.Accepts(id) != false;
            released.Append(decoding.Push(id, JsonText.Tokenizer.Decode([id])));
        }

        IReadOnlyList<ToolCall>? calls = decoding.Finish(out string rest);
        return (released.ToString(), calls, rest, kept);
    }
}
