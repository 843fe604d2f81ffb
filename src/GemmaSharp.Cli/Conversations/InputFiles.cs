using System.Text;
using GemmaSharp.Files;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Text files and standard input as prompts.</summary>
static class InputFiles
{
    /// <summary>Far more than any context holds, and still little memory.</summary>
    const int LargestText = 16 << 20;

    /// <summary>The text of a file.</summary>
    /// <exception cref="CliException">It is missing, unreadable, too large or not UTF-8.</exception>
    public static string ReadText(string path)
    {
        try
        {
            byte[] bytes = BoundedFile.Read(path, LargestText) ?? throw CliException.Input($"{path} has more than {LargestText} bytes; give a shorter file.");
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(WithoutMark(bytes));
        }
        catch (DecoderFallbackException error)
        {
            throw CliException.Input($"{path} is not UTF-8 text; save it as UTF-8, or give pictures with --image and sound with --audio.", error);
        }
        catch (Exception error) when (BoundedFile.IsRefusal(error))
        {
            throw CliException.Input(BoundedFile.Unreadable(path, error), error);
        }
    }

    /// <summary>All of standard input, bounded.</summary>
    /// <exception cref="CliException">There is too much of it.</exception>
    public static string ReadAll(TextReader reader)
    {
        var text = new StringBuilder();
        char[] buffer = new char[8192];
        int count;
        while ((count = reader.Read(buffer, 0, buffer.Length)) > 0)
        {
            text.Append(buffer, 0, count);
            if (text.Length > LargestText)
            {
                throw CliException.Input($"Standard input has more than {LargestText} characters; shorten the prompt.");
            }
        }

        return text.ToString();
    }

    static ReadOnlySpan<byte> WithoutMark(byte[] bytes) => bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes;
}
