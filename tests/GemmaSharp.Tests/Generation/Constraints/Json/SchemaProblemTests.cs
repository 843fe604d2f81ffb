using System.Text;
using System.Text.Json;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

/// <summary>What is refused, and that it is told whole; and schemas meant to break the compiler.</summary>
public sealed class SchemaProblemTests
{
    [Fact]
    public void Problems_OfSchema_AreAllListedWithPointers()
    {
        ConstraintException e = Assert.Throws<ConstraintException>(() => Constraint.JsonSchema("""
            {"properties":{"a":{"unevaluatedProperties":false},"b/c":{"items":{"type":"array","uniqueItems":true}},"d":{"pattern":"(?=x)"},
             "e":{"format":"regex"},"f":{"$ref":"https://example.org/x"},"g":{"$dynamicRef":"#x"},"h":{"type":"text"},"i":{"minimum":"1"},"j":7}}
            """));
        Assert.Equal(
            [
                ("/properties/a", "unevaluatedProperties"), ("/properties/b~1c/items", "uniqueItems"), ("/properties/d", "pattern"),
                ("/properties/e", "format"),
                ("/properties/f", "$ref"), ("/properties/g", "$dynamicRef"), ("/properties/h", "type"), ("/properties/i", "minimum"), ("/properties/j", ""),
            ],
            e.Problems.Select(problem => (problem.Pointer, problem.Keyword)));
        Assert.All(e.Problems, problem => Assert.NotEmpty(problem.Message));
    }

    [Fact]
    public void Lenient_PassesOverWhatIsNotSupported()
    {
        const string Schema = """{"type":"array","items":{"type":"object","unevaluatedProperties":false},"uniqueItems":true}""";
        Assert.Throws<ConstraintException>(() => Constraint.JsonSchema(Schema));
        Assert.True(JsonText.Accepts(Schema, "[{},{}]", new JsonSchemaOptions { Lenient = true }));
        Assert.False(JsonText.Accepts(Schema, "[1]", new JsonSchemaOptions { Lenient = true }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("null")]
    [InlineData("\"a\"")]
    [InlineData("false")]
    [InlineData("{\"type\":\"string\",\"enum\":[1]}")]
    [InlineData("{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}")]
    [InlineData("{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":false}}")]
    [InlineData("{\"$ref\":\"#\"}")]
    [InlineData("{\"not\":{}}")]
    [InlineData("{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"minItems\":1}")]
    [InlineData("{\"enum\":[\"\\ud800\"]}")]
    [InlineData("{\"properties\":{\"\\udc00\":{}}}")]
    [InlineData("{\"minLength\":-1}")]
    [InlineData("{\"multipleOf\":0}")]
    [InlineData("{\"minimum\":1e999999}")]
    [InlineData("{\"type\":\"string\",\"pattern\":\"(\"}")]
    public void Schema_ThatIsNone_OrAllowsNothing_IsRefused(string schema)
    {
        // One that only refers to itself says nothing, which is no contradiction.
        if (schema == "{\"$ref\":\"#\"}")
        {
            Assert.True(JsonText.Accepts(schema, "1"));
            return;
        }

        ConstraintException e = Assert.Throws<ConstraintException>(() => Constraint.JsonSchema(schema));
        Assert.EndsWith(".", e.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string> Hostile =>
    [
        "deep nesting", "deep properties", "long chain of references", "ring of references", "large enum",
        "enum of prefixes", "enum of objects", "product of anyOf", "product of oneOf", "product of allOf",
        "negations", "negated chain", "many items", "long text", "many patterns",
        "many properties", "repetition of repetition", "many dependencies", "long numbers", "self under not",
        "oneOf of itself",
    ];

    [Theory]
    [MemberData(nameof(Hostile))]
    public void Schema_ThatIsHostile_CompilesOrIsRefused(string name)
    {
        string schema = Make(name);
        ConstraintException? refused = null;
        try
        {
            Constraint constraint = Constraint.JsonSchema(schema, new JsonSchemaOptions { InjectIntoPrompt = false });
            Assert.True(constraint.Compiled.Bytes < 256 << 20);
        }
        catch (ConstraintException e)
        {
            refused = e;
        }

        Assert.True(refused is null || refused.Message.Length < 2000);
        if (name is "large enum" or "many items" or "long text" or "many properties" or "long chain of references" or "enum of prefixes")
        {
            Assert.Null(refused);
        }
    }

    static string Make(string name)
    {
        static string Join(int count, Func<int, string> part) => string.Join(',', Enumerable.Range(0, count).Select(part));
        return name switch
        {
            "deep nesting" => Repeat("{\"items\":", 10_000) + "{}" + new string('}', 10_000),
            "deep properties" => Repeat("{\"properties\":{\"a\":", 200) + "{}" + Repeat("}}", 200),
            "long chain of references" =>
                $"{{\"$ref\":\"#/$defs/0\",\"$defs\":{{{Join(5000, i => $"\"{i}\":{{\"$ref\":\"#/$defs/{i + 1}\"}}")},\"5000\":{{\"type\":\"null\"}}}}}}",
            "ring of references" => $"{{\"$ref\":\"#/$defs/0\",\"$defs\":{{{Join(100, i => $"\"{i}\":{{\"$ref\":\"#/$defs/{(i + 1) % 100}\"}}")}}}}}",
            "large enum" => $"{{\"enum\":[{Join(60_000, i => $"\"value {i * 7919 % 1_000_003}\"")}]}}",
            "enum of prefixes" => $"{{\"enum\":[{Join(1000, i => $"\"{new string('a', i)}\"")}]}}",
            "enum of objects" => $"{{\"enum\":[{Join(20_000, i => $"{{\"a\":{i}}}")}]}}",
            "product of anyOf" =>
                $"{{\"allOf\":[{Join(40, i => $"{{\"anyOf\":[{Join(10, j => $"{{\"properties\":{{\"p{i}\":{{\"const\":{j}}}}}}}")}]}}")}]}}",
            "product of oneOf" => $"{{\"allOf\":[{Join(20, i => $"{{\"oneOf\":[{Join(8, j => $"{{\"properties\":{{\"p{i}\":{{\"maximum\":{j}}}}}}}")}]}}")}]}}",
            "product of allOf" =>
                "{\"$ref\":\"#/$defs/0\",\"$defs\":{"
                + Join(60, i => $"\"{i}\":{{\"allOf\":[{{\"$ref\":\"#/$defs/{i + 1}\"}},{{\"$ref\":\"#/$defs/{i + 1}\"}}]}}") + ",\"60\":{}}}",
            "negations" => $"{{\"not\":{{\"allOf\":[{Join(200, i => $"{{\"not\":{{\"properties\":{{\"p{i}\":{{\"not\":{{\"const\":{i}}}}}}}}}}}")}]}}}}",
            "negated chain" =>
                "{\"not\":{\"$ref\":\"#/$defs/0\"},\"$defs\":{"
                + Join(20_000, i => $"\"{i}\":{{\"properties\":{{\"a\":{{\"$ref\":\"#/$defs/{i + 1}\"}}}}}}") + ",\"20000\":{\"type\":\"null\"}}}",
            "many items" => """{"type":"array","items":{"type":"integer"},"minItems":1000000,"maxItems":2000000}""",
            "long text" => """{"type":"string","minLength":1000000,"maxLength":2000000}""",
            "many patterns" => $"{{\"patternProperties\":{{{Join(30, i => $"\"{(char)('a' + (i % 26))}.*{i}\":{{\"const\":{i}}}")}}}}}",
            "many properties" =>
                $"{{\"type\":\"object\",\"properties\":{{{Join(5000, i => $"\"property{i}\":{{\"type\":\"integer\"}}")}}},\"additionalProperties\":false}}",
            "repetition of repetition" => """{"type":"string","pattern":"^((((a{1,100}){1,100}){1,100}b?){1,100}c*)*$","maxLength":100000}""",
            "many dependencies" => $"{{\"type\":\"object\",\"dependentRequired\":{{{Join(60, i => $"\"p{i}\":[\"q{i}\"]")}}}}}",
            "long numbers" => $"{{\"type\":\"number\",\"minimum\":{new string('9', 700)},\"multipleOf\":0.{new string('0', 300)}7}}",
            "self under not" => """{"not":{"$ref":"#"}}""",
            _ => """{"oneOf":[{"$ref":"#"},{"type":"integer"},{"items":{"$ref":"#"}}]}""",
        };
    }

    static string Repeat(string text, int count) => new StringBuilder().Insert(0, text, count).ToString();

    [Fact]
    public void Element_NestedTooDeeply_IsRefused()
    {
        string schema = Repeat("{\"items\":", 2000) + "{}" + new string('}', 2000);
        using JsonDocument document = JsonDocument.Parse(schema, new JsonDocumentOptions { MaxDepth = 5000 });
        Assert.Throws<ConstraintException>(() => Constraint.JsonSchema(document.RootElement));
    }

    [Fact]
    public void Items_BeyondTheirCount_AreCounted()
    {
        const string Schema = """{"type":"array","items":{"const":1},"minItems":3000,"maxItems":3001}""";
        string Ones(int count) => "[" + string.Join(',', Enumerable.Repeat("1", count)) + "]";
        Assert.Equal([false, true, true, false], ((int[])[2999, 3000, 3001, 3002]).Select(count => JsonText.Accepts(Schema, Ones(count))));
    }
}
