using System.Diagnostics;
using System.Text.Json;

namespace GemmaSharp.Server.Tests.Security;

/// <summary>Schemas, expressions and grammars that were made to take for ever.</summary>
public sealed class FormTests(SharedServer shared) : IClassFixture<SharedServer>
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData("(a+)+$")]
    [InlineData("(a|a)*b")]
    [InlineData("(a*)*")]
    [InlineData("((a{1,1000}){1,1000}){1,1000}")]
    [InlineData("a{0,2147483647}")]
    [InlineData("a{99999999999}")]
    [InlineData("(((((((((((a?){9}){9}){9}){9}){9}){9}){9}){9}){9}){9}){9}")]
    [InlineData("[\\s\\S]{1000}x[\\s\\S]{1000}")]
    [InlineData("(x+x+)+y")]
    [InlineData("(?=a)b")]
    [InlineData("(a)\\1")]
    [InlineData("(")]
    [InlineData("[z-a]")]
    [InlineData("*a")]
    [InlineData("\\")]
    [InlineData("(?<n>a)\\k<n>")]
    [InlineData("")]
    public Task Expression_neither_hangs_nor_kills(string pattern) => BoundedAsync($"\"guided_regex\":{JsonSerializer.Serialize(pattern)}");

    [Fact]
    public async Task Nested_expressions_neither_hang_nor_kill()
    {
        foreach (string pattern in (string[])[
            new string('(', 100_000) + new string(')', 100_000), new string('(', 100_000), new string('[', 100_000), string.Concat(Enumerable.Repeat("(a|b)?", 5000)),
            string.Join('|', Enumerable.Range(0, 20_000).Select(i => $"word{i}")), string.Concat(Enumerable.Repeat("(a?", 2000)) + new string(')', 2000),
            string.Concat(Enumerable.Repeat("a{1,1000}", 500)), new string('a', 200_000), ".*" + string.Concat(Enumerable.Repeat("a.{20}", 200)), ".*a.{30}", "(.*a.{18})+",
            "\\p{L}{1,5000}\\p{N}{1,5000}"])
        {
            await BoundedAsync($"\"guided_regex\":{JsonSerializer.Serialize(pattern)}");
            await BoundedAsync(Schema($$"""{"type":"string","pattern":{{JsonSerializer.Serialize(pattern)}} }"""));
        }
    }

    [Fact]
    public async Task Schemas_that_go_in_circles_neither_hang_nor_kill()
    {
        string doubling = string.Join(',', Enumerable.Range(0, 40).Select(i => $$"""
            "d{{i}}":{"anyOf":[{"type":"array","items":{"$ref":"#/$defs/d{{i + 1}}"} },{"type":"object","properties":{"a":{"$ref":"#/$defs/d{{i + 1}}"},"b":{"$ref":"#/$defs/d{{i + 1}}"} } }]}
            """));
        string allOf = string.Join(',', Enumerable.Range(0, 24).Select(i => $$"""
            "d{{i}}":{"allOf":[{"$ref":"#/$defs/d{{i + 1}}"},{"$ref":"#/$defs/d{{i + 1}}"}]}
            """));
        string nested = string.Concat(Enumerable.Repeat("{\"type\":\"array\",\"items\":", 29)) + "{}" + new string('}', 29);
        string oneOf = string.Join(',', Enumerable.Range(0, 30).Select(i => $$"""{"properties":{"p{{i}}":{"type":"string"} } }"""));
        foreach (string schema in (string[])[
            """{"$ref":"#"}""", """{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}""", """{"allOf":[{"$ref":"#"}]}""", """{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}""",
            """{"not":{"$ref":"#"}}""", """{"type":"array","items":{"$ref":"#"},"minItems":1}""", """{"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]}""",
            $$"""{"$ref":"#/$defs/d0","$defs":{ {{doubling}},"d40":{"type":"null"} } }""", $$"""{"$ref":"#/$defs/d0","$defs":{ {{allOf}},"d24":{"type":"object"} } }""", nested,
            $$"""{"oneOf":[{{oneOf}}]}""", $$"""{"allOf":[{{string.Join(',', Enumerable.Repeat($$"""{"anyOf":[{{oneOf}}]}""", 10))}}]}""",
            """{"type":"array","minItems":2147483647}""", """{"type":"array","maxItems":2147483647,"uniqueItems":true}""", """{"type":"string","minLength":2147483647}""",
            """{"type":"string","maxLength":100000000}""", """{"type":"integer","minimum":-1e308,"maximum":1e308}""", """{"type":"number","multipleOf":1e-300}""",
            """{"type":"integer","multipleOf":9007199254740993}""", """{"type":"object","minProperties":1000000}""", """{"$ref":"http://127.0.0.1:1/schema.json"}""",
            """{"$ref":"file:///etc/passwd"}""", """{"$schema":"http://evil.example/","$id":"http://evil.example/a","type":"string"}""",
            $$"""{"enum":[{{string.Join(',', Enumerable.Range(0, 20_000))}}]}""",
            $$"""{"type":"object","properties":{ {{string.Join(',', Enumerable.Range(0, 3000).Select(i => $"\"p{i}\":{{\"type\":\"integer\"}}"))}} } }""",
            $$"""{"type":"object","patternProperties":{ {{string.Join(',', Enumerable.Range(0, 60).Select(i => $"\"(a|b){{{i}}}c*\":{{\"type\":\"integer\"}}"))}} } }"""])
        {
            await BoundedAsync(Schema(schema));
            await BoundedAsync($$$"""
                "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{{{schema}}} } } } }],"tool_choice":"required"
                """);
        }
    }

    [Theory]
    [InlineData("root ::= root")]
    [InlineData("root ::= root root | \"a\"")]
    [InlineData("root ::= a\na ::= b\nb ::= a")]
    [InlineData("root ::= (root | \"a\")* (root | \"a\")*")]
    [InlineData("root ::= \"a\"{1000000000}")]
    [InlineData("root ::= ((\"a\"*)*)*")]
    [InlineData("root ::= [")]
    [InlineData("root ::= missing")]
    [InlineData("a ::= \"b\"")]
    [InlineData("")]
    [InlineData("root ::= \"\\xZZ\"")]
    public Task Grammar_neither_hangs_nor_kills(string grammar) => BoundedAsync($"\"grammar\":{JsonSerializer.Serialize(grammar)}");

    [Fact]
    public async Task Nested_grammars_neither_hang_nor_kill()
    {
        foreach (string grammar in (string[])[
            "root ::= " + new string('(', 60_000) + "\"a\"" + new string(')', 60_000), "root ::= " + string.Join(" | ", Enumerable.Repeat("\"a\"", 30_000)),
            string.Join('\n', Enumerable.Range(0, 8000).Select(i => $"r{i} ::= r{i + 1} r{i + 1}")) + "\nr8000 ::= \"a\"\nroot ::= r0",
            "root ::= " + string.Concat(Enumerable.Repeat("(\"a\" | ", 20_000)) + "\"b\"" + new string(')', 20_000)])
        {
            await BoundedAsync($"\"grammar\":{JsonSerializer.Serialize(grammar)}");
        }
    }

    [Fact]
    public async Task Names_of_tools_take_no_time_however_they_are()
    {
        foreach (string name in (string[])["", " ", "a b", "../../a", "a\u0000b", new string('a', 60_000), "<script>", "é", "(a+)+", "a\nb"])
        {
            RawResponse response = await AskAsync($$$"""
                "tools":[{"type":"function","function":{"name":{{{JsonSerializer.Serialize(name)}}} } }]
                """);
            Assert.True(response.Status == 400, $"{name}: {response.Body}");
        }
    }

    [Fact]
    public async Task History_of_calls_that_are_none_does_no_harm()
    {
        foreach (string arguments in (string[])["not json", "{", "[]", "\"a\"", "{\"a\":NaN}", new string('[', 10_000), "{\"a\":" + new string('{', 5000), "{\"\\ud800\":1}", "null", "1e999"])
        {
            RawResponse response = await shared.Server.RawPostAsync(
                RawRequests.Chat,
                $$$"""
                {"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":{{{JsonSerializer.Serialize(arguments)}}} } }]},
                {"role":"tool","tool_call_id":"c","content":"b"}],"max_tokens":1,"tools":[{"type":"function","function":{"name":"f"} }]}
                """);
            Assert.True(response.Status is 200 or 400, $"{arguments[..Math.Min(20, arguments.Length)]}: {response.Status} {response.Body}");
        }
    }

    static string Schema(string schema) => $$"""
        "response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{{schema}} } }
        """;

    Task<RawResponse> AskAsync(string field) => shared.Server.RawPostAsync(
        RawRequests.Chat, $$"""{"messages":[{"role":"user","content":"a"}],"max_tokens":2,"temperature":0,{{field}} }""");

    async Task BoundedAsync(string field)
    {
        var watch = Stopwatch.StartNew();
        RawResponse response = await AskAsync(field);
        Assert.True(response.Status is 200 or 400, $"{response.Status} {response.Body}: {field[..Math.Min(field.Length, 300)]}");
        Assert.True(watch.Elapsed < s_patience, $"{field[..Math.Min(field.Length, 300)]} took {watch.Elapsed}.");
        Assert.True(response.Body.Length < 20_000, "The refusal is as long as what is refused.");

        // And others are still answered.
        Assert.Equal(200, (await shared.Server.RawGetAsync("/health")).Status);
    }
}
