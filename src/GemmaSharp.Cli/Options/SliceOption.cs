using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary><c>--slice</c>: the smaller model inside a checkpoint that is wanted.</summary>
sealed class SliceOption
{
    /// <summary>The option, to add to a command.</summary>
    public Option<string?> Option { get; } = new("--slice")
    {
        HelpName = "NAME|WIDTHS|FILE#NAME",
        Description = "A smaller model inside an E4B checkpoint (MatFormer): E2B, E2.54B …; widths such as \"8192*30;skip=20-24\"; or a row of a CSV or JSON "
            + "table.",
    };

    /// <summary>The slice; null for the whole model.</summary>
    /// <exception cref="CliException">There is no such slice.</exception>
    public MatFormerSlice? Read(ParseResult parse)
    {
        if (parse.GetValue(Option) is not string text)
        {
            return null;
        }

        try
        {
            return string.IsNullOrWhiteSpace(text)
                ? throw CliException.Usage("--slice is empty; give a name such as E2B, or leave it out.")
                : MatFormerSlice.Parse(text);
        }
        catch (SliceException error)
        {
            throw CliException.Usage(error.Message);
        }
    }
}
