using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli;

/// <summary>Everything a command reads from and writes to, so that tests can stand in for the terminal.</summary>
public sealed class CliConsole
{
    /// <summary>Wide enough that no table is folded when nobody looks at it through a window.</summary>
    const int PipeWidth = 1000;

    readonly Lazy<IAnsiConsole> _styled;
    readonly Lazy<IAnsiConsole> _styledError;

    /// <summary>Wraps streams.</summary>
    /// <param name="input">Standard input.</param>
    /// <param name="output">Standard output: results only.</param>
    /// <param name="error">Standard error: errors, notices, progress.</param>
    public CliConsole(TextReader input, TextWriter output, TextWriter error)
    {
        In = input;
        Out = output;
        Error = error;
        _styled = new Lazy<IAnsiConsole>(() => Style(Out, OutputIsTerminal, Colors));
        _styledError = new Lazy<IAnsiConsole>(() => Style(Error, ErrorIsTerminal, CanMove));
    }

    /// <summary>Standard input.</summary>
    public TextReader In { get; }

    /// <summary>Standard output.</summary>
    public TextWriter Out { get; }

    /// <summary>Standard error.</summary>
    public TextWriter Error { get; }

    /// <summary>Whether a person types the input.</summary>
    public bool InputIsTerminal { get; init; }

    /// <summary>Whether a person sees the output.</summary>
    public bool OutputIsTerminal { get; init; }

    /// <summary>Whether a person sees the errors.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Whether colours are welcome where a person looks: not with <c>NO_COLOR</c> or <c>TERM=dumb</c>.</summary>
    public bool Colors { get; init; }

    /// <summary>Whether the terminal can write a line again, for progress: not with <c>TERM=dumb</c>.</summary>
    public bool CanMove { get; init; } = true;

    /// <summary>Ctrl-C.</summary>
    public Interrupts Interrupts { get; } = new();

    /// <summary>Standard output for tables and colours; plain text when it is no terminal.</summary>
    public IAnsiConsole Styled => _styled.Value;

    /// <summary>Standard error for colours and spinners; plain text when it is no terminal.</summary>
    public IAnsiConsole StyledError => _styledError.Value;

    /// <summary>Writes a line to standard error.</summary>
    /// <remarks>Messages quote files, and file names may hold anything: control characters are shown as what they are, for a terminal would obey
    /// them.</remarks>
    public void Notice(string line)
    {
        Error.WriteLine(AnswerWriter.Visible(line.ReplaceLineEndings("\n")));
        Error.Flush();
    }

    IAnsiConsole Style(TextWriter writer, bool terminal, bool escapes)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(writer),
            Ansi = terminal && escapes ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = terminal && Colors ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = terminal && escapes ? InteractionSupport.Yes : InteractionSupport.No,
        });
        if (!terminal)
        {
            console.Profile.Width = PipeWidth;
        }

        return console;
    }
}
