using System.Globalization;
using System.Text;
using GemmaSharp.Files;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Text files and standard input as prompts.</summary>
static class InputFiles
{
    /// <summary>Far more than any context holds, and still little memory.</summary>
    const int LargestText = 16 << 20;

    /// <summary>How long a pipe beside a prompt may be silent.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>The text of a file.</summary>
    /// <exception cref="CliException">It is missing, unreadable, too large or no text.</exception>
    public static string ReadText(string path)
    {
        try
        {
            byte[] bytes = BoundedFile.Read(path, LargestText) ?? throw CliException.Input($"{path} has more than {LargestText} bytes; give a shorter file.");
            return EncodedText.Decode(bytes);
        }
        catch (DecoderFallbackException error)
        {
            throw CliException.Input(
                $"{path} is not UTF-8 text, nor has it the byte order mark of another encoding; save it as UTF-8, or give pictures with --image "
                + "and sound with --audio.", error);
        }
        catch (Exception error) when (BoundedFile.IsRefusal(error))
        {
            throw CliException.Input(BoundedFile.Unreadable(path, error), error);
        }
    }

    /// <summary>All of standard input, bounded.</summary>
    /// <exception cref="CliException">There is too much of it, or it is no text.</exception>
    public static string ReadAll(TextReader reader) => ReadAll(reader, () => { });

    /// <summary>All that is piped in beside a prompt; null where nothing is.</summary>
    /// <remarks>
    /// Programs that start this one often leave it an input that never says anything and never ends. So what has not begun after a while is not waited for,
    /// and that is said.
    /// </remarks>
    /// <exception cref="CliException">There is too much of it, or it is no text.</exception>
    public static string? ReadBeside(CliConsole console)
    {
        if (console.InputIsTerminal)
        {
            return null;
        }

        using var begun = new ManualResetEventSlim();
        Task<string> reading = Task.Run(() =>
        {
            try
            {
                return ReadAll(console.In, begun.Set);
            }
            finally
            {
                begun.Set();
            }
        });
        if (!begun.Wait(s_patience))
        {
            console.Notice(string.Create(
                CultureInfo.InvariantCulture,
                $"gemma: notice: nothing has come on standard input for {s_patience.TotalSeconds:0} s, so the prompt is used alone; ")
                + "give - as the prompt to wait for it, or redirect it from /dev/null.");
            return null;
        }

        string text = reading.GetAwaiter().GetResult();
        return string.IsNullOrWhiteSpace(text) ? null : text;
    }

    static string ReadAll(TextReader reader, Action onBegin)
    {
        try
        {
            var text = new StringBuilder();
            char[] buffer = new char[8192];
            int count;
            while ((count = reader.Read(buffer, 0, buffer.Length)) > 0)
            {
                onBegin();
                text.Append(buffer, 0, count);
                if (text.Length > LargestText)
                {
                    throw CliException.Input($"Standard input has more than {LargestText} characters; shorten the prompt.");
                }
            }

            // Text of two bytes a character without a mark decodes well, as letters with nothing between them.
            string read = text.ToString();
            return read.Count(c => c == '\0') * 4 < Math.Max(1, read.Length) ? read
                : throw CliException.Input("Standard input is full of NUL characters, as UTF-16 without its byte order mark is; convert it to UTF-8.");
        }
        catch (DecoderFallbackException error)
        {
            throw NoText(error);
        }
    }

    /// <summary>The refusal of standard input that is no text.</summary>
    public static CliException NoText(DecoderFallbackException error) => CliException.Input(
        "Standard input is not UTF-8 text, nor has it the byte order mark of another encoding; convert it, or give pictures with --image and "
        + "sound with --audio.", error);
}
