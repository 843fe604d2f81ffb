using System.Buffers.Binary;
using System.Text;

namespace GemmaSharp.Media;

/// <summary>What lies behind the samples of a file made of chunks.</summary>
internal enum ChunkTail
{
    /// <summary>Nothing, padding, more chunks, or tags: the samples end where the header says.</summary>
    Chunks,

    /// <summary>Another file of the same kind.</summary>
    Recording,

    /// <summary>Nothing of that; more samples, most likely.</summary>
    Other,
}

/// <summary>Looks at what lies behind the samples, to find out whether their size is right.</summary>
internal static class ChunkTails
{
    // Chunks that stand behind samples in real files; only of these one may be cut off.
    static readonly string[] s_known =
    [
        "LIST", "list", "INFO", "id3 ", "ID3 ", "bext", "iXML", "ixml", "cue ", "smpl", "fact", "PEAK", "JUNK", "junk", "PAD ", "FLLR", "inst", "acid",
        "strc", "_PMX", "axml", "chna", "umid", "afsp", "DISP", "minf", "elm1", "regn", "levl", "cart", "plst", "LGWV", "SAUR", "MARK", "INST", "MIDI",
        "AESD", "APPL", "COMT", "NAME", "AUTH", "(c) ", "ANNO", "SAXL", "FVER", "COMM", "fmt ",
    ];

    /// <summary>Looks at the bytes from a position to the end; the stream's own position does not stay.</summary>
    /// <param name="stream">A stream that can seek.</param>
    /// <param name="end">Where the samples end.</param>
    /// <param name="size">Their size; behind an odd one a byte of padding may stand.</param>
    /// <param name="isBig">Whether sizes have their most significant byte first.</param>
    public static ChunkTail Of(Stream stream, long end, long size, bool isBig)
    {
        ChunkTail tail = At(stream, end, size > 0, isBig);
        return tail == ChunkTail.Other && size % 2 != 0 ? At(stream, end + 1, true, isBig) : tail;
    }

    /// <summary>Looks for one chunk of a file whose chunks have sizes of 64 bits, which samples cannot be taken for.</summary>
    /// <param name="stream">A stream that can seek.</param>
    /// <param name="at">Where the chunk would be.</param>
    /// <param name="head">Bytes of a chunk's head, the last eight of which are the size.</param>
    /// <param name="isBig">Whether the size has its most significant byte first.</param>
    /// <param name="mayBePadding">Whether zeros may be padding, because there are samples already.</param>
    public static ChunkTail OfWide(Stream stream, long at, int head, bool isBig, bool mayBePadding)
    {
        byte[] bytes = new byte[head];
        stream.Position = at;
        if (PcmStream.Fill(stream, bytes) < head)
        {
            return mayBePadding ? ChunkTail.Chunks : ChunkTail.Other;
        }

        ReadOnlySpan<byte> field = bytes.AsSpan(head - 8);
        long size = isBig ? BinaryPrimitives.ReadInt64BigEndian(field) : BinaryPrimitives.ReadInt64LittleEndian(field);
        bool isChunk = size >= 0 && size <= stream.Length - at && !bytes.AsSpan(0, 4).ContainsAnyExceptInRange((byte)' ', (byte)'~');
        return isChunk || (mayBePadding && IsZero(stream, at)) ? ChunkTail.Chunks : ChunkTail.Other;
    }

    static ChunkTail At(Stream stream, long at, bool mayBePadding, bool isBig)
    {
        Span<byte> head = stackalloc byte[8];
        bool isFirst = true;
        while (stream.Length - at >= head.Length)
        {
            stream.Position = at;
            PcmStream.Fill(stream, head);
            ReadOnlySpan<byte> id = head[..4];
            if (id.StartsWith("TAG"u8) || id.StartsWith("ID3"u8) || head.SequenceEqual("APETAGEX"u8))
            {
                return ChunkTail.Chunks;
            }

            if (id.SequenceEqual("RIFF"u8) || id.SequenceEqual("RIFX"u8) || id.SequenceEqual("FORM"u8) || id.SequenceEqual("RF64"u8))
            {
                return ChunkTail.Recording;
            }

            if (id.ContainsAnyExceptInRange((byte)' ', (byte)'~'))
            {
                // Where there are no samples yet, what only begins like a chunk may be samples.
                return mayBePadding && (!isFirst || IsZero(stream, at)) ? ChunkTail.Chunks : ChunkTail.Other;
            }

            long size = isBig ? BinaryPrimitives.ReadUInt32BigEndian(head[4..]) : BinaryPrimitives.ReadUInt32LittleEndian(head[4..]);
            at += head.Length + size;
            if (at > stream.Length)
            {
                return !isFirst || s_known.Contains(Encoding.ASCII.GetString(id)) ? ChunkTail.Chunks : ChunkTail.Other;
            }

            at += size % 2;
            isFirst = false;
        }

        // Fewer bytes than a chunk's head are scraps where there are samples already.
        return !isFirst || mayBePadding || at >= stream.Length ? ChunkTail.Chunks : ChunkTail.Other;
    }

    /// <summary>Whether nothing but zeros follows.</summary>
    public static bool IsZero(Stream stream, long at)
    {
        byte[] buffer = new byte[65_536];
        stream.Position = at;
        int read;
        while ((read = PcmStream.Fill(stream, buffer)) > 0)
        {
            if (buffer.AsSpan(0, read).ContainsAnyExcept((byte)0))
            {
                return false;
            }
        }

        return true;
    }
}
