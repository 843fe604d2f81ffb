using GemmaSharp.Media;

namespace GemmaSharp.Cli.Tests.CommandLine;

public class ErrorReportTests
{
    public static TheoryData<Exception, int> Errors => new()
    {
        { CliException.Usage("a"), 2 },
        { new CheckpointException("a"), 3 },
        { new ConfigurationException("config.json", "$", "a"), 3 },
        { new MediaException("a"), 4 },
        { new GenerationException("a"), 1 },
        { new ArgumentException("MaxTokens is 0; it must be 1 or more.", "MaxTokens"), 2 },
        { new OperationCanceledException(), 130 },
        { new IOException("Broken pipe", 32), 0 },
        { new IOException("No space left on device", 28), 1 },
        { new AggregateException(new MediaException("a")), 4 },
        { new InvalidOperationException("a"), 1 },
    };

    [Theory]
    [MemberData(nameof(Errors), DisableDiscoveryEnumeration = true)]
    public void Write_Error_GivesItsExitCodeAndNoTrace(Exception error, int exitCode)
    {
        using var console = new TestConsole();
        Assert.Equal(exitCode, ErrorReport.Write(error, console.Console, verbose: false));
        Assert.Equal("", console.Output);
        Assert.DoesNotContain("   at ", console.Error, StringComparison.Ordinal);
        Assert.Equal(exitCode is 0 or 130 ? 0 : 1, console.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void Write_ArgumentOfTheLibrary_NamesTheOption()
    {
        using var console = new TestConsole();
        ErrorReport.Write(new ArgumentException("MaxTokens is 0; it must be 1 or more.", "MaxTokens"), console.Console, verbose: false);
        Assert.Equal("gemma: --max-tokens is 0; it must be 1 or more.\n", console.Error);
    }
}
