using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>What an encoder left in a silent first frame: how many frames follow, and what it put before and behind the sound.</summary>
/// <param name="Frames">Frames that follow; −1 where not said.</param>
/// <param name="IsExact">Whether lead-in and padding are known; the frames are counted well then, too.</param>
/// <param name="LeadIn">Samples to drop at the beginning: the encoder's delay and the decoder's.</param>
/// <param name="Padding">Samples to drop at the end, less those that the decoder's delay has used.</param>
/// <remarks>Source: the LAME project's description of the "Mp3 Info Tag", revision 1; the VBRI header as Fraunhofer's encoders write it.</remarks>
internal readonly record struct Mp3Tag(long Frames, bool IsExact, int LeadIn, int Padding)
{
    const int DecoderDelay = 529;
    const int VbriOffset = 36;

    /// <summary>Reads the tag of a frame.</summary>
    /// <returns>Whether the frame is one with a tag, and so no sound.</returns>
    public static bool TryRead(MpegHeader header, ReadOnlySpan<byte> frame, out Mp3Tag tag)
    {
        tag = new(-1, false, 0, 0);
        if (header.Layer != 3)
        {
            return false;
        }

        if (frame.Length >= VbriOffset + 18 && frame[VbriOffset..].StartsWith("VBRI"u8))
        {
            tag = tag with { Frames = BinaryPrimitives.ReadUInt32BigEndian(frame[(VbriOffset + 14)..]) };
            return true;
        }

        // LAME counts a checksum's two bytes as none when it puts the tag into a protected frame.
        int at = IsTag(frame, header.HeadBytes + header.SideBytes) ? header.HeadBytes + header.SideBytes : MpegHeader.Size + header.SideBytes;
        if (!IsTag(frame, at))
        {
            return false;
        }

        int flags = frame[at + 7], lame = at + 8;
        lame += ((flags & 1) != 0 ? 4 : 0) + ((flags & 2) != 0 ? 4 : 0) + ((flags & 4) != 0 ? 100 : 0) + ((flags & 8) != 0 ? 4 : 0);
        if ((flags & 1) != 0 && at + 12 <= frame.Length)
        {
            tag = tag with { Frames = BinaryPrimitives.ReadUInt32BigEndian(frame[(at + 8)..]) };
        }

        int gaps = lame + 21;
        if (gaps + 3 <= frame.Length && (frame[lame..].StartsWith("LAME"u8) || frame[lame..].StartsWith("Lav"u8)))
        {
            int delay = (frame[gaps] << 4) | (frame[gaps + 1] >> 4), padding = ((frame[gaps + 1] & 15) << 8) | frame[gaps + 2];
            tag = tag with { IsExact = true, LeadIn = delay + DecoderDelay, Padding = padding - DecoderDelay };
        }

        return true;
    }

    static bool IsTag(ReadOnlySpan<byte> frame, int at) =>
        at + 8 <= frame.Length && (frame[at..].StartsWith("Xing"u8) || frame[at..].StartsWith("Info"u8));
}
