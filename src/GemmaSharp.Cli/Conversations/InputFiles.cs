using System.Text;

namespace GemmaSharp.Cli.Conversations;

/// <summary>Text files and standard input as prompts.</summary>
static class InputFiles
{
    /// <summary>Far more than any context holds, and still little memory.</summary>
    const int LargestText = 16 << 20;

    /// <summary>Whether a source is an address rather than a path.</summary>
    public static bool IsAddress(string source) =>
        source.StartsWith("data:", StringComparison.OrdinalIgnoreCase)
        || source.StartsWith("http://", StringComparison.OrdinalIgnoreCase)
        || source.StartsWith("https://", StringComparison.OrdinalIgnoreCase);

    /// <summary>The text of a file.</summary>
    /// <exception cref="CliException">It is missing, unreadable, too large or not UTF-8.</exception>
    public static string ReadText(string path)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(WithoutMark(ReadBytes(path, LargestText)));
        }
        catch (DecoderFallbackException error)
        {
            throw CliException.Input($"{path} is not UTF-8 text; save it as UTF-8, or give pictures with --image and sound with --audio.", error);
        }
    }

    /// <summary>The bytes of a file, which may also be a pipe.</summary>
    /// <exception cref="CliException">It is missing, unreadable or longer than <paramref name="most"/> bytes.</exception>
    public static byte[] ReadBytes(string path, int most)
    {
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            using var content = new MemoryStream();
            byte[] buffer = new byte[81920];
            int count;
            while ((count = stream.Read(buffer)) > 0)
            {
                content.Write(buffer, 0, count);
                if (content.Length > most)
                {
                    throw CliException.Input($"{path} has more than {most} bytes; give a shorter file.");
                }
            }

            return content.ToArray();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw CliException.Input(CannotRead(path, error), error);
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

    /// <summary>Why a file cannot be read, as a sentence.</summary>
    public static string CannotRead(string path, Exception error)
    {
        string reason = error switch
        {
            FileNotFoundException or DirectoryNotFoundException => "does not exist",
            UnauthorizedAccessException when Directory.Exists(path) => "is a folder",
            UnauthorizedAccessException => "may not be read",
            _ => $"cannot be read ({error.Message.TrimEnd('.')})",
        };
        return $"{path} {reason}; give the path of a readable file.";
    }

    static ReadOnlySpan<byte> WithoutMark(byte[] bytes) => bytes.AsSpan().StartsWith("\uFEFF"u8) ? bytes.AsSpan(3) : bytes;
}
