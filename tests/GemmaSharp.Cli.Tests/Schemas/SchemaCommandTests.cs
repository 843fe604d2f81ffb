using System.Text.Json;

namespace GemmaSharp.Cli.Tests.Schemas;

public sealed class SchemaCommandTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Test_Json_HasTheCountsTheTimesAndTheRefused()
    {
        (int exitCode, string output, string error) = await TestAsync(
            "--json",
            """{"name":"one","schema":{"type":"integer","maximum":5},"tests":[{"data":3,"valid":true},{"data":6,"valid":false},{"data":7,"valid":true}]}""",
            "",
            """{"name":"two","schema":{"properties":{"a/b":{"unevaluatedItems":false}}},"tests":[{"data":{},"valid":true}]}""",
            """{"schema":true,"tests":[{"data":[1],"valid":false}]}""");
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        using JsonDocument result = JsonDocument.Parse(output);
        JsonElement root = result.RootElement;
        Assert.Equal(
            [3, 1, 4, 1, 1, 2],
            ((string[])["schemas", "refused", "instances", "wrongly_accepted", "wrongly_rejected", "passed"])
                .Select(name => root.GetProperty(name).GetInt32()));
        Assert.Equal(["mean", "p50", "p99", "max"], root.GetProperty("mask_microseconds").EnumerateObject().Select(each => each.Name));
        Assert.Equal(["p50", "p99", "max"], root.GetProperty("compile_milliseconds").EnumerateObject().Select(each => each.Name));
        JsonElement refused = Assert.Single(root.GetProperty("refused_schemas").EnumerateArray());
        Assert.Equal("two", refused.GetProperty("name").GetString());
        JsonElement problem = Assert.Single(refused.GetProperty("problems").EnumerateArray());
        Assert.Equal(("/properties/a~1b", "unevaluatedItems"), (problem.GetProperty("pointer").GetString(), problem.GetProperty("keyword").GetString()));
        Assert.Equal(("4", 0), Instance(root.GetProperty("wrongly_accepted_instances")));
        Assert.Equal(("one", 2), Instance(root.GetProperty("wrongly_rejected_instances")));

        static (string?, int) Instance(JsonElement list)
        {
            JsonElement only = Assert.Single(list.EnumerateArray());
            return (only.GetProperty("name").GetString(), only.GetProperty("index").GetInt32());
        }
    }

    [Fact]
    public async Task Test_ForPeople_IsATable()
    {
        (int exitCode, string output, _) = await TestAsync(
            "--declared-order", """{"name":"n","schema":{"type":"string"},"tests":[{"data":"é😀\u0001","valid":true}]}""");
        Assert.Equal(ExitCode.Done, exitCode);
        Assert.Matches(@"(?m)^schemas +1$", output);
        Assert.Matches(@"(?m)^passed +1$", output);
        Assert.Matches(@"(?m)^mask +\d+\.\d µs mean", output);
    }

    [Theory]
    [InlineData("{\"schema\":", "Line 2 is no JSON")]
    [InlineData("7", "Line 2 is no object with a schema")]
    [InlineData("{\"name\":\"x\"}", "Line 2 is no object with a schema")]
    [InlineData("{\"schema\":{},\"tests\":[{\"valid\":true}]}", "Line 2 has a test without data and valid")]
    [InlineData("{\"schema\":{},\"tests\":[{\"data\":1,\"valid\":1}]}", "Line 2 has a test without data and valid")]
    public async Task Test_BadLine_IsNamed(string line, string message)
    {
        (int exitCode, string output, string error) = await TestAsync("--json", """{"schema":{}}""", line);
        Assert.Equal((ExitCode.Usage, ""), (exitCode, output));
        Assert.StartsWith("gemma: " + message, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Test_WithoutSchemas_IsRefused()
    {
        (int exitCode, _, string error) = await TestAsync("--json", "");
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("has no schema", error, StringComparison.Ordinal);
    }

    async Task<(int, string, string)> TestAsync(string option, params string[] lines)
    {
        string file = Path.Combine(_folder.FullName, "schemas.jsonl");
        await File.WriteAllLinesAsync(file, lines, TestContext.Current.CancellationToken);
        return await TestConsole.RunAsync("", "schema", "test", file, option);
    }
}
