using System.CommandLine;
using System.Globalization;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma tokenize</c>: text to ids and back.</summary>
static class TokenizeCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var text = new Argument<string[]>(
            "TEXT")
        {
            Description = "The text, or with --decode the ids. Without any, standard input is read if it is redirected.",
            Arity = ArgumentArity.ZeroOrMore
        };
        var decode = new Option<bool>("--decode", "-d") { Description = "From ids to text." };
        var plain = new Option<bool>("--plain") { Description = "Text that spells a control token such as <start_of_turn> is ordinary text, as in a chat." };
        var skipSpecial = new Option<bool>("--skip-special") { Description = "With --decode: leave out special tokens." };
        var bos = new Option<bool>("--bos") { Description = "Begin with the token that begins a sequence." };
        var ids = new Option<bool>("--ids") { Description = "Print only the ids, separated by blanks." };
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command("tokenize", "Text to token ids with their pieces, or ids to text.") { text, decode, plain, skipSpecial, bos, ids, json };
        command.SetAction(parse =>
        {
            string[] given = parse.GetValue(text) ?? [];
            string input = given.Length > 0 && given is not ["-"]
                ? InputFiles.ReadBeside(console) is null ? string.Join(' ', given)
                    : throw CliException.Usage("There is text as an argument and on standard input; leave out one of them.")
                : console.InputIsTerminal && given.Length == 0
                    ? throw CliException.Usage("There is no text; give it as an argument or on standard input.")
                    : InputFiles.ReadAll(console.In);
            Tokenizer tokenizer = Tokenizer.Load(ModelLocator.Find(parse.GetValue(global.Model)));
            if (parse.GetValue(decode))
            {
                Decode(console, tokenizer, ParseIds(input, tokenizer), parse.GetValue(skipSpecial), parse.GetValue(json));
            }
            else
            {
                Encode(console, tokenizer, input, parse.GetValue(bos), parse.GetValue(plain), parse.GetValue(ids), parse.GetValue(json));
            }

            return ExitCode.Done;
        });
        return new CliCommand(
            command,
            "gemma tokenize \"What is 8 + 9?\"",
            "gemma tokenize --ids --bos < prompt.txt",
            "gemma tokenize --decode 283 454 340",
            "gemma tokenize --json --model google/gemma-3n-E2B-it \"naïve café 👋\"");
    }

    static void Encode(CliConsole console, Tokenizer tokenizer, string text, bool bos, bool plain, bool idsOnly, bool json)
    {
        int[] ids = tokenizer.EncodeToIds(text, bos, allowSpecial: !plain);
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("text", text);
                writer.WriteNumbers("ids", ids.Select(id => (long)id));
                writer.WriteStartArray("pieces");
                foreach (int id in ids)
                {
                    writer.WriteStringValue(tokenizer.IdToPiece(id));
                }

                writer.WriteEndArray();
                writer.WriteEndObject();
            });
            return;
        }

        if (idsOnly)
        {
            console.Out.WriteLine(string.Join(' ', ids));
            return;
        }

        Table table = new Table().Border(TableBorder.Simple).AddColumn(new TableColumn("id").RightAligned()).AddColumn("piece");
        foreach (int id in ids)
        {
            table.AddRow(new Spectre.Console.Text(id.ToString(CultureInfo.InvariantCulture)),
                new Spectre.Console.Text(AnswerWriter.Visible(tokenizer.IdToPiece(id) ?? "").Replace('\n', '␊').Replace('\t', '␉')));
        }

        console.Styled.Write(table);
        console.Out.WriteLine(Show.Text($"{ids.Length} tokens"));
    }

    static void Decode(CliConsole console, Tokenizer tokenizer, int[] ids, bool skipSpecial, bool json)
    {
        string text = tokenizer.Decode(ids, skipSpecial);
        if (json)
        {
            JsonOutput.Print(console, writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("text", text);
                writer.WriteNumbers("ids", ids.Select(id => (long)id));
                writer.WriteEndObject();
            });
            return;
        }

        console.Out.WriteLine(console.OutputIsTerminal ? AnswerWriter.Visible(text) : text);
    }

    static int[] ParseIds(string input, Tokenizer tokenizer)
    {
        string[] words = input.Split([' ', ',', '[', ']', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        int[] ids = new int[words.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (!int.TryParse(words[i], NumberStyles.None, CultureInfo.InvariantCulture, out ids[i]) || ids[i] >= tokenizer.VocabularySize)
            {
                throw CliException.Usage($"\"{words[i]}\" is no token id; whole numbers from 0 to {tokenizer.VocabularySize - 1} are needed.");
            }
        }

        return ids;
    }
}
