namespace GemmaSharp.Cli.Tests.CommandLine;

public class GemmaCommandLineTests
{
    [Theory]
    [InlineData("run --temprature 1 hi", "--temprature is no option of \"gemma run\"; did you mean --temperature? Or see \"gemma run --help\".")]
    [InlineData("run a b", "\"b\" is one argument more than \"gemma run\" takes; put a text with spaces into quotes, or see \"gemma run --help\".")]
    [InlineData("run hi --seed", "--seed has no value; give it one, or see \"gemma run --help\".")]
    [InlineData("run hi --seed 1 --seed 2", "--seed is given 2 times; give it once.")]
    [InlineData("run hi --prompt ho", "The prompt is given twice, as an argument and with --prompt; leave out one of them.")]
    [InlineData("run hi --raw --system ho", "--raw is given with --image, --audio, --video, --system or --messages, which need the chat template; leave out one of them.")]
    [InlineData("run hi --logprobs 3", "--logprobs is given without --json, which prints them; add --json.")]
    [InlineData("trace hi", "--output is missing; see \"gemma trace --help\".")]
    [InlineData("diff a", "B is missing; see \"gemma diff --help\".")]
    [InlineData("insect", "\"insect\" is no command of gemma; did you mean inspect? Or see \"gemma --help\".")]
    [InlineData("run hi --model=", "--model has no value; give it one, or see \"gemma run --help\".")]
    [InlineData("run --temprature", "--temprature is no option of \"gemma run\"; did you mean --temperature? Or see \"gemma run --help\".")]
    public async Task RunAsync_WrongUsage_IsOneSentenceAndExitCode2(string arguments, string message) =>
        Assert.Equal((ExitCode.Usage, "", $"gemma: {message}\n"), await TestConsole.RunAsync("", arguments.Split(' ')));

    [Fact]
    public async Task RunAsync_PromptThatBeginsWithAt_IsNoResponseFile() =>
        Assert.Equal((ExitCode.Done, "{\"text\":\"@home\",\"ids\":"), Part(await TestConsole.RunAsync("", "tokenize", "--json", "@home")));

    [Fact]
    public async Task RunAsync_Version_IsPrinted()
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "--version");
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        Assert.Matches(@"^\d+\.\d+\.\d+", output);
    }

    [Fact]
    public async Task RunAsync_ChatThroughPipes_Answers() =>
        Assert.Equal((ExitCode.Done, "The capital of Peru is Lima.\n", ""), await TestConsole.RunAsync("What is the capital of Peru?\n", "chat", "--temperature", "0"));

    static (int, string) Part((int ExitCode, string Output, string Error) result) => (result.ExitCode, result.Output[..result.Output.IndexOf('[', StringComparison.Ordinal)]);
}
