using System.CommandLine;

namespace GemmaSharp.Cli.Options;

/// <summary>The options of <c>gemma verify</c> that compare a checkpoint with another.</summary>
sealed class AgainstOptions
{
    readonly Option<string?> _against = new("--against")
    {
        HelpName = "PATH|ORG/NAME",
        Description = "Compare with this checkpoint, parameter by parameter, in whatever forms the two are stored."
    };
    readonly Option<double?> _tolerance = Numbers.Real(
        "--tolerance", "X", "With --against: the largest max|a − b| / max|b| of a parameter that counts as agreement. Default: 0, equal values.", x => x >= 0,
        "a number of 0 or more");
    readonly Option<string[]> _only = new("--only")
    {
        HelpName = "PATTERN",
        Description = "With --against: parameters by name, * for anything; a name stands for all below it. May be given several times."
    };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_against);
        command.Add(_tolerance);
        command.Add(_only);
    }

    /// <summary>The other checkpoint's folder and what to compare; <see langword="null"/> when no comparison is wanted.</summary>
    /// <param name="parse">The command line.</param>
    /// <param name="others">Options that mean nothing in a comparison.</param>
    /// <exception cref="CliException">The options do not go together.</exception>
    public (string Folder, CheckpointComparisonOptions Options)? Read(ParseResult parse, params ReadOnlySpan<Option> others)
    {
        if (parse.GetValue(_against) is not string other)
        {
            foreach (Option option in (ReadOnlySpan<Option>)[_tolerance, _only])
            {
                if (parse.GetResult(option) is not null)
                {
                    throw CliException.Usage($"{option.Name} is given without --against; name the checkpoint to compare with.");
                }
            }

            return null;
        }

        foreach (Option option in others)
        {
            if (parse.GetResult(option) is { Implicit: false })
            {
                throw CliException.Usage($"{option.Name} and --against are given; choose one.");
            }
        }

        return (ModelLocator.Find(other), new CheckpointComparisonOptions { Tolerance = parse.GetValue(_tolerance) ?? 0, Only = parse.GetValue(_only) ?? [] });
    }
}
