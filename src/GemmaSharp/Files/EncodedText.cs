using System.Text;

namespace GemmaSharp.Files;

/// <summary>Text in any of Unicode's encodings: that of its byte order mark, UTF-16 where every other byte is zero, else UTF-8. Stateless.</summary>
static class EncodedText
{
    /// <summary>The text without its mark.</summary>
    /// <param name="bytes">All of it.</param>
    /// <exception cref="DecoderFallbackException">The bytes are none of that encoding.</exception>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        (Encoding encoding, int mark) = Detect(bytes);
        return encoding.GetString(bytes[mark..]);
    }

    /// <summary>The same text in UTF-8; bytes that are none are left for whoever reads them.</summary>
    /// <exception cref="DecoderFallbackException">The bytes are none of the encoding that they say they are in.</exception>
    public static ReadOnlyMemory<byte> ToUtf8(ReadOnlyMemory<byte> bytes)
    {
        (Encoding encoding, int mark) = Detect(bytes.Span);
        return encoding is UTF8Encoding ? bytes[mark..] : Encoding.UTF8.GetBytes(encoding.GetString(bytes.Span[mark..]));
    }

    static (Encoding Encoding, int Mark) Detect(ReadOnlySpan<byte> bytes)
    {
        // The mark of UTF-32 begins as that of UTF-16 does.
        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE, 0, 0]) || bytes.StartsWith((ReadOnlySpan<byte>)[0, 0, 0xFE, 0xFF]))
        {
            return (new UTF32Encoding(bigEndian: bytes[0] == 0, byteOrderMark: false, throwOnInvalidCharacters: true), 4);
        }

        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xFE]) || bytes.StartsWith((ReadOnlySpan<byte>)[0xFE, 0xFF]))
        {
            return (new UnicodeEncoding(bigEndian: bytes[0] == 0xFE, byteOrderMark: false, throwOnInvalidBytes: true), 2);
        }

        bool isMarked = bytes.StartsWith("\uFEFF"u8);
        return !isMarked && ZeroSide(bytes) is int side
            ? (new UnicodeEncoding(bigEndian: side == 0, byteOrderMark: false, throwOnInvalidBytes: true), 0)
            : (new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true), isMarked ? 3 : 0);
    }

    /// <summary>At which of the even (0) and odd (1) places Latin text in UTF-16 has its zeros; null where it is none.</summary>
    static int? ZeroSide(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 2 || bytes.Length % 2 != 0)
        {
            return null;
        }

        Span<int> zeros = stackalloc int[2];
        for (int i = 0; i < bytes.Length; i++)
        {
            zeros[i % 2] += bytes[i] == 0 ? 1 : 0;
        }

        return zeros[0] == 0 && zeros[1] > bytes.Length / 4 ? 1 : zeros[1] == 0 && zeros[0] > bytes.Length / 4 ? 0 : null;
    }
}
