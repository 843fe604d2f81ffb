using System.CommandLine;
using System.Text;
using GemmaSharp.Files;

namespace GemmaSharp.Cli.Options;

/// <summary>What the answer has to be.</summary>
sealed class ConstraintOptions
{
    const int LargestFile = 4 << 20;

    readonly Option<string?> _schema = new("--schema")
    {
        HelpName = "FILE",
        Description = "The answer is JSON that is valid under this JSON schema, which the model is also told.",
    };
    readonly Option<string?> _regex = new("--regex") { HelpName = "PATTERN", Description = "The whole answer matches this regular expression." };
    readonly Option<string?> _grammar = new("--grammar") { HelpName = "FILE|TEXT", Description = "The answer is a text of this GBNF grammar." };

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_schema);
        command.Add(_regex);
        command.Add(_grammar);
    }

    /// <summary>The chosen constraint; null for none.</summary>
    /// <exception cref="CliException">Two are given, or a file cannot be read.</exception>
    /// <exception cref="ConstraintException">What is given is no schema, expression or grammar, or uses what is not supported.</exception>
    public Constraint? Read(ParseResult parse)
    {
        string? schema = parse.GetValue(_schema), regex = parse.GetValue(_regex), grammar = parse.GetValue(_grammar);
        string[] given = [.. schema is null ? [] : (string[])["--schema"], .. regex is null ? [] : (string[])["--regex"], .. grammar is null
            ? [] : (string[])["--grammar"]];
        if (given.Length > 1)
        {
            throw CliException.Usage($"{given[0]} and {given[1]} are given; an answer has one form, so leave out one of them.");
        }

        if (schema is "" || grammar is "")
        {
            throw CliException.Usage($"{given[0]} is empty; give the path of a file, or leave it out.");
        }

        return schema is not null ? Constraint.JsonSchema(ReadFile(schema))
            : regex is not null ? Constraint.Regex(regex)
            : grammar is not null ? Constraint.Grammar(grammar.Contains("::=", StringComparison.Ordinal) ? grammar : ReadFile(grammar))
            : null;
    }

    static string ReadFile(string path)
    {
        try
        {
            return BoundedFile.Read(path, LargestFile) is byte[] bytes
                ? EncodedText.Decode(bytes)
                : throw new CliException(ExitCode.InputRefused, $"{path} has more than {LargestFile >> 20} MB; give a smaller file.");
        }
        catch (DecoderFallbackException)
        {
            throw new CliException(ExitCode.InputRefused, $"{path} is not UTF-8 text, nor has it the byte order mark of another encoding; save it as UTF-8.");
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CliException(ExitCode.InputRefused, BoundedFile.Unreadable(path, e));
        }
    }
}
