using System.CommandLine;
using System.Text;

namespace GemmaSharp.Cli.Tests.CommandLine;

/// <summary>Every <c>gemma …</c> that README, docs and help show is one that the program takes.</summary>
public sealed class DocumentedCommandTests
{
    static readonly string s_texts = Path.Combine(AppContext.BaseDirectory, "readme");

    public static TheoryData<string> Pages() =>
    [
        .. Directory.EnumerateFiles(s_texts, "*.md", SearchOption.AllDirectories)
            .Where(path => Commands(File.ReadAllText(path)).Any())
            .Select(path => Path.GetRelativePath(s_texts, path))
            .Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void Page_EveryCommand_Parses(string page)
    {
        string[] commands = [.. Commands(File.ReadAllText(Path.Combine(s_texts, page)))];
        Assert.True(page != "README.md" || commands.Length >= 12, $"{commands.Length} commands were found in {page}.");
        Assert.All(commands, AssertParses);
    }

    [Fact]
    public void Help_EveryExample_Parses()
    {
        using var console = new TestConsole();
        string[] examples = [.. CommandTable.Create(new GlobalOptions(), console.Console).SelectMany(command => command.Examples)];
        Assert.True(examples.Length > 20, $"There are {examples.Length} examples.");
        Assert.All(examples, AssertParses);
    }

    [Theory]
    [InlineData("gemma run --imag x.png hi")]
    [InlineData("gemma walk")]
    [InlineData("gemma run --seed many hi")]
    public void Command_ThatIsNone_IsFound(string command) => Assert.ThrowsAny<Xunit.Sdk.XunitException>(() => AssertParses(command));

    static void AssertParses(string line)
    {
        using var console = new TestConsole();
        string[] words = Words(line);
        ParseResult parse = GemmaCommandLine.Parse(words[(Array.IndexOf(words, "gemma") + 1)..], console.Console);
        Assert.True(parse.Errors.Count == 0, $"{line}: {string.Join(" ", parse.Errors.Select(error => error.Message))}");
        Assert.True(UsageErrors.UnknownOption(parse) is null, $"{line}: {UsageErrors.UnknownOption(parse)}");
    }

    /// <summary>The lines of shell blocks that run the program, under its name or from source.</summary>
    static IEnumerable<string> Commands(string page)
    {
        const string FromSource = "dotnet run -c Release --project src/GemmaSharp.Cli -- ";
        bool shell = false;
        foreach (string line in page.ReplaceLineEndings("\n").Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                shell = line is "```bash" or "```sh";
            }
            else if (shell)
            {
                string command = line.Replace(FromSource, "gemma ", StringComparison.Ordinal);
                if (Array.IndexOf(Words(command), "gemma") >= 0)
                {
                    yield return command;
                }
            }
        }
    }

    /// <summary>A line as a shell splits it, without its comment, up to where its output goes elsewhere.</summary>
    static string[] Words(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        bool open = false;
        char quote = '\0';
        foreach (char c in line + " ")
        {
            if (quote != '\0')
            {
                if (c == quote)
                {
                    quote = '\0';
                }
                else
                {
                    word.Append(c);
                }
            }
            else if (c is '"' or '\'')
            {
                (quote, open) = (c, true);
            }
            else if (c == ' ' || (c is '|' or '<' or '>' && !open))
            {
                if (open)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    open = false;
                }

                // What stands before the program's name is another's.
                if (c is '<' or '>' || (c == '|' && words.Contains("gemma")))
                {
                    break;
                }
            }
            else if (c == '#' && !open)
            {
                break;
            }
            else
            {
                word.Append(c);
                open = true;
            }
        }

        return [.. words];
    }
}
