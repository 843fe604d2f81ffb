using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>What an MP3 encoder put before and behind the sound, from the tag that LAME and its kin leave in a silent first frame.</summary>
/// <param name="LeadIn">Samples to drop at the beginning: the encoder's delay and the decoder's.</param>
/// <param name="Samples">Samples of the sound itself; −1 where not said.</param>
/// <param name="TagOffset">Where the 24 bits of delay and padding lie; −1 without a tag.</param>
/// <remarks>Source: the LAME project's description of the "Mp3 Info Tag", revision 1.</remarks>
internal readonly record struct Mp3Gaps(int LeadIn, long Samples, int TagOffset)
{
    const int DecoderDelay = 529;

    /// <summary>Reads the tag of a file that begins with its first frame.</summary>
    public static Mp3Gaps Read(ReadOnlySpan<byte> bytes)
    {
        Mp3Gaps none = new(0, -1, -1);
        bytes = bytes[..Math.Min(bytes.Length, 4096)];
        int start = bytes.IndexOf((byte)0xFF);
        if (start < 0 || bytes.Length - start < 4 || (bytes[start + 1] & 0xE0) != 0xE0)
        {
            return none;
        }

        bool isVersion1 = (bytes[start + 1] & 0x18) == 0x18, isMono = (bytes[start + 3] & 0xC0) == 0xC0;
        int sideInformation = (isVersion1, isMono) switch { (true, false) => 32, (true, true) or (false, false) => 17, _ => 9 };
        int tag = start + 4 + sideInformation + ((bytes[start + 1] & 1) == 0 ? 2 : 0);
        if (tag + 8 > bytes.Length || !(bytes[tag..].StartsWith("Xing"u8) || bytes[tag..].StartsWith("Info"u8)))
        {
            return none;
        }

        int flags = bytes[tag + 7], lame = tag + 8;
        lame += ((flags & 1) != 0 ? 4 : 0) + ((flags & 2) != 0 ? 4 : 0) + ((flags & 4) != 0 ? 100 : 0) + ((flags & 8) != 0 ? 4 : 0);
        int at = lame + 21;
        if (at + 3 > bytes.Length || !(bytes[lame..].StartsWith("LAME"u8) || bytes[lame..].StartsWith("Lav"u8)))
        {
            return none;
        }

        int delay = (bytes[at] << 4) | (bytes[at + 1] >> 4), padding = ((bytes[at + 1] & 15) << 8) | bytes[at + 2];
        long samples = -1;
        if ((flags & 1) != 0)
        {
            long frames = BinaryPrimitives.ReadUInt32BigEndian(bytes[(tag + 8)..]);
            samples = (frames * (isVersion1 ? 1152 : 576)) - delay - padding;
        }

        return new(delay + DecoderDelay, samples > 0 ? samples : -1, at);
    }
}
