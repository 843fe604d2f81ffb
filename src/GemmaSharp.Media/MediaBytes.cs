using System.Buffers.Text;
using GemmaSharp.Files;

namespace GemmaSharp.Media;

/// <summary>Gets at the bytes of a source, never more of them than allowed.</summary>
internal static class MediaBytes
{
    /// <summary>The whole file.</summary>
    public static byte[] ReadFile(string path, MediaOptions options)
    {
        try
        {
            using FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            return ReadStream(stream, Path.GetFileName(path), options);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw CannotOpen(path, error);
        }
    }

    /// <summary>Everything from the stream's position on.</summary>
    public static byte[] ReadStream(Stream stream, string name, MediaOptions options)
    {
        if (stream.CanSeek && stream.Length - stream.Position > Math.Min(options.MaxFileBytes, Array.MaxLength - 1))
        {
            throw TooLarge(name, stream.Length - stream.Position, options);
        }

        long most = Math.Min(options.MaxFileBytes, Array.MaxLength - 1);
        return BoundedFile.ReadAll(stream, most) ?? throw TooLarge(name, most + 1, options);
    }

    /// <summary>Whether the text is a <c>data:</c> URL.</summary>
    public static bool IsDataUrl(string source) => source.StartsWith("data:", StringComparison.OrdinalIgnoreCase);

    /// <summary>The bytes that a <c>data:</c> URL carries, base64 or percent-encoded.</summary>
    public static byte[] ReadDataUrl(string url, MediaOptions options)
    {
        if (!IsDataUrl(url))
        {
            throw new MediaException(
                $"The address begins with \"{url[..Math.Min(url.Length, 20)]}\" and a data URL with data:; write data:image/png;base64,… .");
        }

        int comma = url.IndexOf(',', StringComparison.Ordinal);
        if (comma < 0)
        {
            throw new MediaException("The data URL has no comma, which stands before the data; write data:image/png;base64,… .");
        }

        ReadOnlySpan<char> header = url.AsSpan(5, comma - 5);
        ReadOnlySpan<char> data = url.AsSpan(comma + 1);
        if (data.Length / 4L * 3 > options.MaxFileBytes)
        {
            throw TooLarge("The data URL", data.Length / 4L * 3, options);
        }

        if (!header.TrimEnd().EndsWith(";base64", StringComparison.OrdinalIgnoreCase))
        {
            return UnescapeBytes(data);
        }

        string text = data.Contains('%') ? Uri.UnescapeDataString(data) : data.ToString();
        text = text.Replace('-', '+').Replace('_', '/').TrimEnd();
        int missing = (4 - (text.Length % 4)) % 4;
        if (missing is 1 or 2 && Base64.IsValid(text + new string('=', missing)))
        {
            text += new string('=', missing);
        }

        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException error)
        {
            throw new MediaException(
                $"The data URL's {data.Length} characters are not base64; encode the file's bytes with A–Z, a–z, 0–9, + and /.", error);
        }
    }

    /// <summary>The refusal of a source beyond <see cref="MediaOptions.MaxFileBytes"/>.</summary>
    public static MediaException TooLarge(string name, long bytes, MediaOptions options) => new(options.MaxFileBytes < Array.MaxLength
        ? $"{name} has at least {bytes} bytes and {options.MaxFileBytes} are allowed; use a smaller file or raise MaxFileBytes (--max-file)."
        : $"{name} has at least {bytes} bytes and {Array.MaxLength - 1} are the most that are read at once; cut it into pieces.");

    /// <summary>The refusal of a path that the system does not open.</summary>
    public static MediaException CannotOpen(string path, Exception error)
    {
        string reason = error switch
        {
            FileNotFoundException or DirectoryNotFoundException => "does not exist",
            UnauthorizedAccessException when Directory.Exists(path) => "is a folder",
            UnauthorizedAccessException => "may not be read by this user",
            ArgumentException when path.Length == 0 => "The path is empty",
            _ => "cannot be opened (" + error.Message.TrimEnd('.') + ")",
        };
        return new MediaException($"{path}{(path.Length > 0 ? " " : "")}{reason}; give the path of a picture, sound or video file.", error);
    }

    static byte[] UnescapeBytes(ReadOnlySpan<char> data)
    {
        List<byte> bytes = new(data.Length);
        for (int i = 0; i < data.Length; i++)
        {
            if (data[i] == '%' && i + 2 < data.Length && char.IsAsciiHexDigit(data[i + 1]) && char.IsAsciiHexDigit(data[i + 2]))
            {
                bytes.Add(Convert.ToByte(data.Slice(i + 1, 2).ToString(), 16));
                i += 2;
            }
            else if (data[i] <= 0x7F)
            {
                bytes.Add((byte)data[i]);
            }
            else
            {
                throw new MediaException(
                    $"The data URL has '{data[i]}', which is no byte; encode the file's bytes as base64 and write ;base64 before the comma.");
            }
        }

        return [.. bytes];
    }
}
