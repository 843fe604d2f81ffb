namespace GemmaSharp.Media;

/// <summary>Finds the frames of an AAC stream (ADTS), which may begin and end in the middle of one.</summary>
/// <remarks>
/// A frame begins with twelve ones and the form of the stream, and says how long it is. Two frames of one form, where the first says the second begins, are no
/// chance: one in 10⁸ among random bytes. Source: ISO/IEC 14496-3, 1.A.2.2.
/// </remarks>
internal static class AdtsStream
{
    const int HeaderBytes = 7;

    /// <summary>Where the first frame begins that another follows; −1 where there is none.</summary>
    public static int Find(ReadOnlySpan<byte> bytes)
    {
        for (int at = 0; at + HeaderBytes <= bytes.Length; at++)
        {
            int found = bytes[at..].IndexOf((byte)0xFF);
            if (found < 0)
            {
                return -1;
            }

            at += found;
            int size = FrameBytes(bytes[at..]);
            if (size > 0 && at + size + HeaderBytes <= bytes.Length && FrameBytes(bytes[(at + size)..]) > 0 && IsAlike(bytes[at..], bytes[(at + size)..]))
            {
                return at;
            }
        }

        return -1;
    }

    /// <summary>Bytes up to the end of the last whole frame, or of what stands behind it; fewer than there are where the stream ends inside a frame.</summary>
    /// <param name="bytes">The stream from its first frame on.</param>
    public static int WholeBytes(ReadOnlySpan<byte> bytes)
    {
        int at = 0;
        while (at < bytes.Length)
        {
            ReadOnlySpan<byte> rest = bytes[at..];
            int size = FrameBytes(rest);
            if (size > rest.Length || (size == 0 && rest.Length < HeaderBytes && rest[0] == 0xFF))
            {
                return at;
            }

            if (size == 0)
            {
                // Damage or tags; the next frame shows where to go on.
                int next = Find(rest[1..]);
                size = next < 0 ? rest.Length : next + 1;
            }

            at += size;
        }

        return at;
    }

    /// <summary>Bytes of the frame that begins here; 0 where none does.</summary>
    static int FrameBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes || bytes[0] != 0xFF || (bytes[1] & 0xF6) != 0xF0 || ((bytes[2] >> 2) & 15) > 12)
        {
            return 0;
        }

        int size = ((bytes[3] & 3) << 11) | (bytes[4] << 3) | (bytes[5] >> 5);
        return size > HeaderBytes ? size : 0;
    }

    /// <summary>Whether two headers say the same of version, profile, rate and channels.</summary>
    static bool IsAlike(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other) =>
        one[1] == other[1] && ((one[2] ^ other[2]) & 0xFD) == 0 && ((one[3] ^ other[3]) & 0xF0) == 0;
}
