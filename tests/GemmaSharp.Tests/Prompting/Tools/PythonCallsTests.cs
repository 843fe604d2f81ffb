using System.Text.Json;
using CsCheck;
using GemmaSharp.Prompting.Tools;

namespace GemmaSharp.Tests.Prompting.Tools;

public sealed class PythonCallsTests
{
    [Theory]
    [InlineData("f()", "f", "{}")]
    [InlineData("[f(a=1)]", "f", """{"a":1}""")]
    [InlineData("f(a='it\\'s', b=\"\\u00e9\\n\")", "f", """{"a":"it's","b":"é\n"}""")]
    [InlineData("f(a=[1, 2.5, -3e4], b={'x': None, \"y\": (True, False)})", "f", """{"a":[1,2.5,-3e4],"b":{"x":null,"y":[true,false]}}""")]
    [InlineData("my.tool-1( a = 1 , )", "my.tool-1", """{"a":1}""")]
    public void Read_OneCall(string text, string name, string arguments)
    {
        (string Name, string Arguments) call = Assert.Single(PythonCalls.Read(text)!);
        Assert.Equal(name, call.Name);
        Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(arguments).RootElement, JsonDocument.Parse(call.Arguments).RootElement), call.Arguments);
    }

    [Theory]
    [InlineData("f(a=1) g()", 2)]
    [InlineData("[f(), g(), h(x=[])]", 3)]
    [InlineData("f()\ng()", 2)]
    public void Read_SeveralCalls(string text, int count) => Assert.Equal(count, PythonCalls.Read(text)!.Count);

    [Theory]
    [InlineData("")]
    [InlineData("f")]
    [InlineData("f(1)")]
    [InlineData("f(a=b)")]
    [InlineData("f(a=1")]
    [InlineData("[f()")]
    [InlineData("[f() g()]")]
    [InlineData("f(a='x)")]
    [InlineData("f(a=1+1)")]
    [InlineData("import os; f()")]
    [InlineData("f(a=__import__('os'))")]
    public void Read_AnythingElse_IsNoCall(string text) => Assert.Null(PythonCalls.Read(text));

    [Fact]
    public void Read_NestedWithoutEnd_IsNoCall() => Assert.Null(PythonCalls.Read("f(a=" + new string('[', 100_000)));

    [Fact]
    public void Written_IsReadBack()
    {
        Gen<string> scalars = Gen.OneOf(
            Gen.String.Select(text => JsonSerializer.Serialize(text.Replace("\0", "", StringComparison.Ordinal))),
            Gen.Int.Select(i => i.ToString(System.Globalization.CultureInfo.InvariantCulture)),
            Any("true", "false", "null", "[]", "{}", "[1,[2,{\"a\":null}]]"));
        Gen.Dictionary(Gen.String[Gen.Char["abc_"], 1, 6], scalars)[0, 5].Sample(arguments =>
        {
            string json = "{" + string.Join(',', arguments.Select(each => $"\"{each.Key}\":{each.Value}")) + "}";
            (string Name, string Arguments) call = Assert.Single(PythonCalls.Read(PythonCalls.Write(new ToolCall("", "f", json)))!);
            Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(json).RootElement, JsonDocument.Parse(call.Arguments).RootElement), call.Arguments);
        });
    }

    static Gen<string> Any(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
