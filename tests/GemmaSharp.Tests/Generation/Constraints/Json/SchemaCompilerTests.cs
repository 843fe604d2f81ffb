using System.Text.Json;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Constraints.Json;
using Json.Schema;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

public sealed class SchemaCompilerTests
{
    public static TheoryData<string> Names => [.. SchemaCases.All.Select(each => each.Name)];

    public static TheoryData<string> ForValidator => [.. SchemaCases.All.Select(each => each.Name).Except(SchemaCases.BeyondValidator)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Texts_OfCase_AreJudgedRightly(string name)
    {
        (_, string schema, string[] valid, string[] invalid) = SchemaCases.All.Single(each => each.Name == name);
        Assert.All(valid, text => Assert.True(JsonText.Accepts(schema, text), text));
        Assert.All(invalid, text => Assert.False(JsonText.Accepts(schema, text), text));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Tokens_OfValidTexts_AreInEveryMask(string name)
    {
        (_, string schema, string[] valid, string[] invalid) = SchemaCases.All.Single(each => each.Name == name);
        Constraint constraint = Constraint.JsonSchema(schema);
        var mask = new TokenMask(JsonText.Tokenizer.VocabularySize);
        foreach (string text in valid)
        {
            using JsonDocument document = JsonDocument.Parse(text);
            Assert.True(JsonText.AcceptsTokens(constraint, document.RootElement, mask), text);

            // However it is divided into tokens: here a byte at a time.
            Assert.True(JsonText.Accepts(schema, CompactJson.Write(document.RootElement)), text);
        }

        foreach (string text in invalid.Where(IsJson))
        {
            using JsonDocument document = JsonDocument.Parse(text);
            Assert.False(HasNoTwins(document.RootElement) && JsonText.AcceptsTokens(constraint, document.RootElement, mask), text);
        }
    }

    [Theory]
    [MemberData(nameof(ForValidator))]
    public void Verdicts_OfCase_AreThoseOfAValidator(string name)
    {
        (_, string schema, string[] valid, string[] invalid) = SchemaCases.All.Single(each => each.Name == name);

        var validator = JsonSchema.FromText(schema, new BuildOptions { SchemaRegistry = new SchemaRegistry() });
        var options = new EvaluationOptions { RequireFormatValidation = true };
        foreach ((string text, bool expected) in valid.Select(text => (text, true)).Concat(invalid.Where(IsJson).Select(text => (text, false))))
        {
            using JsonDocument document = JsonDocument.Parse(text);
            if (HasNoTwins(document.RootElement))
            {
                Assert.True(expected == validator.Evaluate(document.RootElement, options).IsValid, text);
            }
        }
    }

    [Theory]
    [InlineData("{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}", true)]
    [InlineData("{ \"a\" : [ ] , \"b\" : { } }", true)]
    [InlineData("{\n\n\"a\":[],\"b\":{}}", false)]
    [InlineData("{\n                \"a\":[],\"b\":{}}", true)]
    [InlineData("{\n                 \"a\":[],\"b\":{}}", false)]
    [InlineData("{\t\"a\":[],\"b\":{}}", false)]
    public void Whitespace_Flexible_IsBounded(string text, bool expected)
    {
        const string Schema = """{"type":"object","required":["a","b"]}""";
        Assert.Equal(expected, JsonText.Accepts(Schema, text, new JsonSchemaOptions { Whitespace = JsonWhitespace.Flexible }));
        Assert.False(JsonText.Accepts(Schema, text));
    }

    [Fact]
    public void Order_Declared_IsTheOnlyOne()
    {
        const string Schema = """{"type":"object","properties":{"b":{"const":1},"a":{"const":2},"c":{"const":3}},"required":["a","d"]}""";
        var declared = new JsonSchemaOptions { PropertyOrder = JsonPropertyOrder.Declared };
        Assert.All(
            (string[])["{\"b\":1,\"a\":2,\"c\":3,\"d\":0,\"x\":0}", "{\"a\":2,\"d\":0}"], text => Assert.True(JsonText.Accepts(Schema, text, declared), text));
        Assert.All(
            (string[])["{\"a\":2,\"b\":1,\"d\":0}", "{\"d\":0,\"a\":2}", "{\"x\":0,\"a\":2,\"d\":0}"],
            text => Assert.Equal((false, true), (JsonText.Accepts(Schema, text, declared), JsonText.Accepts(Schema, text))));
    }

    [Fact]
    public void Order_Declared_ForcesNames()
    {
        Matcher matcher = JsonText.Matcher(
            """{"type":"object","properties":{"first":{"const":1},"second":{"const":2}},"required":["first","second"],"additionalProperties":false}""",
            new JsonSchemaOptions { PropertyOrder = JsonPropertyOrder.Declared, Strict = true });
        var ids = new List<int>();
        matcher.ForcedTokens(text => JsonText.Tokenizer.EncodeToIds(text, allowSpecial: false), ids);
        Assert.StartsWith("{\"first\":1,\"sec", JsonText.Tokenizer.Decode([.. ids]), StringComparison.Ordinal);
    }

    [Fact]
    public void Strict_ClosesWhatSaysNothing()
    {
        const string Schema = """{"type":"object","properties":{"a":{"type":"integer"},"o":{"type":"object","properties":{},"additionalProperties":true}}}""";
        var strict = new JsonSchemaOptions { Strict = true };
        Assert.True(JsonText.Accepts(Schema, "{\"a\":1,\"o\":{\"x\":1}}", strict));
        Assert.False(JsonText.Accepts(Schema, "{\"x\":1}", strict));
        Assert.False(JsonText.Accepts(Schema, "{\"a\":1.0}", strict));
        Assert.True(JsonText.Accepts(Schema, "{\"x\":1,\"a\":1.0}"));
    }

    [Fact]
    public void Json_IsAnyObjectOrArray()
    {
        Assert.All((string[])["{}", "[]", "[1,{\"a\":null}]"], text => Assert.True(Accepts(text), text));
        Assert.All((string[])["1", "\"a\"", "null", "[1", "{a:1}"], text => Assert.False(Accepts(text), text));

        static bool Accepts(string text)
        {
            var matcher = new Matcher(Constraint.Json.Compiled, JsonText.Trie);
            return matcher.TryAdvance(System.Text.Encoding.UTF8.GetBytes(text)) && matcher.CanEnd;
        }
    }

    [Fact]
    public void Instruction_IsTheSchemaWithoutItsDialect()
    {
        const string Schema = """{ "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "integer", "title": "é" }""";
        string? instruction = Constraint.JsonSchema(Schema).Instruction;
        Assert.EndsWith("\n{\"type\":\"integer\",\"title\":\"é\"}", instruction, StringComparison.Ordinal);
        Assert.Null(Constraint.JsonSchema(Schema, new JsonSchemaOptions { InjectIntoPrompt = false }).Instruction);
    }

    [Fact]
    public void Compiled_Again_IsTheSame()
    {
        string schema = """{"type":"string","description":"COMPILED"}""".Replace("COMPILED", Guid.NewGuid().ToString(), StringComparison.Ordinal);
        Assert.Same(Constraint.JsonSchema(schema).Compiled, Constraint.JsonSchema(schema).Compiled);
        Assert.NotSame(Constraint.JsonSchema(schema).Compiled, Constraint.JsonSchema(schema, new JsonSchemaOptions { Strict = true }).Compiled);
    }

    static bool IsJson(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    static bool HasNoTwins(JsonElement element) =>
        element.ValueKind != JsonValueKind.Object || element.EnumerateObject().DistinctBy(each => each.Name).Count() == element.EnumerateObject().Count();
}
