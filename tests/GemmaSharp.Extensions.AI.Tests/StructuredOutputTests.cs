using System.ComponentModel;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>GetResponseAsync of types, on scripted answers and on the demo's own.</summary>
public sealed class StructuredOutputTests(Demo demo) : IClassFixture<Demo>
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"name":"Ada","age":36,"born":null}""")]
    [InlineData("""{"name":"Ada","age":36,"born":"1815-12-10T00:00:00+00:00"}""")]
    public async Task Object_WithNullable(string json)
    {
        Person person = await Read<Person>(json);
        Assert.Equal(("Ada", 36), (person.Name, person.Age));
        Assert.Equal(json.Contains("null", StringComparison.Ordinal), person.Born is null);
    }

    [Fact]
    public async Task Number_IsWrapped() => Assert.Equal(42, await Read<int>("""{"data":42}"""));

    [Fact]
    public async Task Truth_IsWrapped() => Assert.True(await Read<bool>("""{"data":true}"""));

    [Fact]
    public async Task Text_IsWrapped() => Assert.Equal("Grüße 🙂", await Read<string>("""{"data":"Grüße 🙂"}"""));

    [Fact]
    public async Task Enumeration_IsWrapped() => Assert.Equal(Shape.Circle, await Read<Shape>("""{"data":"Circle"}"""));

    [Fact]
    public async Task List_IsWrapped()
    {
        int[] list = await Read<int[]>("""{"data":[1,2,3]}""");
        Assert.Equal([1, 2, 3], list);
    }

    [Fact]
    public async Task Nested_WithEnumerationsAndLists()
    {
        Drawing drawing = await Read<Drawing>("""{"title":"x","shapes":[{"shape":"Circle","size":1.5},{"shape":"Square","size":2}],"author":null}""");
        Assert.Equal([new Piece(Shape.Circle, 1.5), new Piece(Shape.Square, 2)], drawing.Shapes);
        Assert.Null(drawing.Author);
    }

    [Fact]
    public async Task Recursive()
    {
        Tree tree = await Read<Tree>("""{"value":1,"children":[{"value":2,"children":[]},{"value":3,"children":[{"value":4,"children":[]}]}]}""");
        Assert.Equal(4, tree.Children[1].Children[0].Value);
    }

    [Fact]
    public async Task CutOff_Throws_AndTheReasonTellsWhy()
    {
        using var script = new ScriptedModel("""{"name":"Ada and so on and so on","age":36,"born":null}""");
        using IChatClient client = script.Client();
        ChatResponse<Person> response = await client.GetResponseAsync<Person>(
            "Who?", Options, new ChatOptions { Temperature = 0, MaxOutputTokens = 5 }, cancellationToken: Token);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.ThrowsAny<Exception>(() => response.Result);
        Assert.False(response.TryGetResult(out _));
    }

    /// <summary>The demo knows no JSON at all, so the form is the constraint's doing.</summary>
    [Fact]
    public async Task Demo_GivesTheFormWhateverItWouldSay()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 400 };
        ChatResponse<Choice> response = await client.GetResponseAsync<Choice>("What is the capital of Peru?", Options, options, cancellationToken: Token);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Contains(response.Result.Shape, Enum.GetValues<Shape>());
        Assert.True(response.Usage!.AdditionalCounts!["OutputTokenDetails.ForcedTokenCount"] > 0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Demo_GivesTheFormWhateverItDraws(int seed)
    {
        using IChatClient client = demo.Model.AsIChatClient();
        var options = new ChatOptions { Temperature = 3, TopK = 0, TopP = 1, Seed = seed, MaxOutputTokens = 400 };
        ChatResponse<Choice> response = await client.GetResponseAsync<Choice>("What is the capital of Peru?", Options, options, cancellationToken: Token);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Contains(response.Result.Shape, Enum.GetValues<Shape>());
    }

    [Fact]
    public async Task Unsupported_IsRefusedWithAllThatStandsAgainstIt()
    {
        using IChatClient client = demo.Model.AsIChatClient();
        JsonElement schema = JsonDocument.Parse(
            """
            {"type":"object","properties":{"a":{"type":"array","items":{"type":"string"},"uniqueItems":true},"b":{"$ref":"https://example.org/b"}}}
            """).RootElement;
        var options = new ChatOptions { ResponseFormat = ChatResponseFormat.ForJsonSchema(schema) };
        ConstraintException error = await Assert.ThrowsAsync<ConstraintException>(() => client.GetResponseAsync("Hello", options, Token));
        Assert.Equal(2, error.Problems.Count);
    }

    [Fact]
    public async Task Json_WithoutSchema_IsAnyObjectOrList()
    {
        using var script = new ScriptedModel("""{"a":[1,{"b":null}]}""");
        using IChatClient client = script.Client();
        ChatResponse response = await client.GetResponseAsync("JSON?", new ChatOptions { ResponseFormat = ChatResponseFormat.Json, Temperature = 0 }, Token);
        Assert.Equal("""{"a":[1,{"b":null}]}""", response.Text);
    }

    [Theory]
    [InlineData("""{"type":"object"}""", null, """{"a":1}""", """{"a":1}""")]
    [InlineData("""{"type":"object","properties":{"b":{"type":"null"}},"required":["b"]}""", null, """{"b":null,"a":1}""", """{"b":null}""")]
    [InlineData("""{"type":"object","properties":{"b":{"type":"null"}},"required":["b"]}""", false, """{"b":null,"a":1}""", """{"b":null,"a":1}""")]
    [InlineData("""{"type":"object"}""", true, """{"a":1}""", "{}")]
    public async Task Strict_HasNoPropertiesButTheDeclared(string schema, bool? strict, string said, string answer)
    {
        using var script = new ScriptedModel(said, said, said, said);
        using IChatClient client = script.Client();
        var options = new ChatOptions
        {
            Temperature = 0,
            MaxOutputTokens = 60,
            ResponseFormat = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(schema).RootElement),
            AdditionalProperties = strict is bool value ? new() { ["strict"] = value } : null,
        };
        ChatResponse response = await client.GetResponseAsync("Well?", options, Token);
        Assert.Equal(answer, response.Text);
    }

    static JsonSerializerOptions Options { get; } = new(AIJsonUtilities.DefaultOptions)
    {
        Converters = { new JsonStringEnumConverter() },
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
    };

    static async Task<T> Read<T>(string json)
    {
        using var script = new ScriptedModel(json);
        using IChatClient client = script.Client();
        ChatResponse<T> response = await client.GetResponseAsync<T>(
            "Well?", Options, new ChatOptions { Temperature = 0, MaxOutputTokens = 400 }, cancellationToken: Token);
        Assert.Equal(ChatFinishReason.Stop, response.FinishReason);
        Assert.Equal(0, script.Left);
        return response.Result;
    }

    enum Shape
    {
        Circle,
        Square,
        Triangle,
    }

    sealed record Person(string Name, int Age, DateTimeOffset? Born);

    sealed record Piece(Shape Shape, double Size);

    [Description("A drawing.")]
    sealed record Drawing(string Title, Piece[] Shapes, string? Author);

    sealed record Tree(int Value, Tree[] Children);

    sealed record Choice(Shape Shape, bool Filled);
}
