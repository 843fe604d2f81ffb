namespace GemmaSharp.Cli.Tests.Options;

public sealed class ConstraintOptionsTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Run_Regex_IsWhatTheAnswerIs()
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync(
            "", "run", "What is the capital of Peru?", "--temperature", "0", "--regex", "(Quito|Lima), of course");
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        Assert.Matches("^(Quito|Lima), of course\n$", output);
    }

    [Fact]
    public async Task Run_Schema_IsWhatTheAnswerIs()
    {
        string file = Write("""{"type":"object","properties":{"sum":{"enum":[16,17,18]}},"required":["sum"],"additionalProperties":false}""");
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "run", "What is 8 + 9?", "--temperature", "0", "--schema", file);
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        Assert.Matches("^\\{\"sum\":1[678](\\.0)?\\}\n$", output);
    }

    [Theory]
    [InlineData("--schema", "--regex", "--schema and --regex are given; an answer has one form, so leave out one of them.")]
    [InlineData("--regex", "--grammar", "--regex and --grammar are given; an answer has one form, so leave out one of them.")]
    public async Task Run_TwoForms_AreRefused(string one, string other, string message)
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "run", "Hi", one, "a", other, "b", "--model", "/no/such/model");
        Assert.Equal((ExitCode.Usage, "", $"gemma: {message}\n"), (exitCode, output, error));
    }

    [Theory]
    [InlineData("{\"type\":\"strin\"}", "strin")]
    [InlineData("{\"unevaluatedItems\":false}", "unevaluatedItems")]
    [InlineData("{", "no JSON")]
    [InlineData("\u00ff", "no JSON")]
    public async Task Run_SchemaThatCannotBe_IsRefusedBeforeAnything(string schema, string mention)
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "run", "Hi", "--schema", Write(schema), "--model", "/no/such/model");
        Assert.Equal((ExitCode.InputRefused, ""), (exitCode, output));
        Assert.StartsWith("gemma: ", error, StringComparison.Ordinal);
        Assert.Contains(mention, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--schema", "/no/such/file.json")]
    [InlineData("--grammar", "/no/such/file.gbnf")]
    public async Task Run_FileThatIsNot_IsRefused(string option, string path)
    {
        (int exitCode, _, string error) = await TestConsole.RunAsync("", "run", "Hi", option, path, "--model", "/no/such/model");
        Assert.Equal((ExitCode.InputRefused, $"gemma: {path} does not exist; give the path of a readable file.\n"), (exitCode, error));
    }

    [Fact]
    public async Task Run_RegexThatIsNone_IsRefused()
    {
        (int exitCode, _, string error) = await TestConsole.RunAsync("", "run", "Hi", "--regex", "(?=a)b", "--model", "/no/such/model");
        Assert.Equal(ExitCode.InputRefused, exitCode);
        Assert.StartsWith("gemma: ", error, StringComparison.Ordinal);
    }

    string Write(string text)
    {
        string file = Path.Combine(_folder.FullName, "schema.json");
        File.WriteAllText(file, text);
        return file;
    }
}
