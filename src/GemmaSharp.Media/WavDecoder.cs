using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>
/// Decodes WAV (RIFF, RIFX, RF64, BW64): PCM of 8 to 32 bits, float, A-law and µ-law, plain or extensible. Reads forward only, so pipes do.
/// </summary>
/// <remarks>
/// Tolerates what real files have: sizes that a program could not fill in, because it wrote into a pipe or was ended while it recorded, missing padding
/// bytes, chunks of any kind in any order, and data that ends early. What was not as the header says is told in a notice. Source: Microsoft RIFF and
/// WAVEFORMATEXTENSIBLE; EBU Tech 3306 (RF64).
/// </remarks>
internal static class WavDecoder
{
    const long Unsaid = uint.MaxValue;

    /// <summary>Decodes the file.</summary>
    /// <returns><see langword="false"/> where the samples are compressed in a way that is not decoded here; nothing is written to the sink then.</returns>
    public static bool Decode(Stream stream, AudioSink sink)
    {
        Span<byte> head = stackalloc byte[12];
        if (PcmStream.Fill(stream, head) < 12)
        {
            throw Truncated(sink.Name, "its header");
        }

        bool isBig = head.StartsWith("RIFX"u8);
        long riffBytes = UInt32(head[4..], isBig);
        long? wideBytes = null;
        PcmFormat? format = null;
        int channels = 0;
        while (NextChunk(stream, isBig, out uint id, out long size))
        {
            if (id == Id("ds64"u8))
            {
                byte[] sizes = new byte[(int)Math.Min(size, 16)];
                int read = PcmStream.Fill(stream, sizes);
                wideBytes = read == 16 ? BinaryPrimitives.ReadInt64LittleEndian(sizes.AsSpan(8)) : null;
                PcmStream.Skip(stream, Padded(size) - read);
            }
            else if (id == Id("fmt "u8))
            {
                byte[] fields = new byte[(int)Math.Min(size, 40)];
                int read = PcmStream.Fill(stream, fields);
                if (read < 16)
                {
                    throw Truncated(sink.Name, "its format");
                }

                PcmStream.Skip(stream, Padded(size) - read);
                format = Format(fields.AsSpan(0, read), isBig, sink, out channels);
                if (format is null)
                {
                    return false;
                }
            }
            else if (id == Id("data"u8))
            {
                if (format is null)
                {
                    throw new MediaException($"{sink.Name} has its samples before its format, so they cannot be read; save it anew.");
                }

                long said = size == Unsaid ? Math.Max(0, wideBytes ?? 0) : size;
                bool isConfirmed = stream.CanSeek && Math.Abs(stream.Position + said - (riffBytes + 8)) <= 1;

                // A program that writes into a pipe cannot come back to fill the sizes in, and leaves ones or zeros.
                long bytes = size == Unsaid && wideBytes is null ? long.MaxValue : SampleExtent.Of(
                    stream, said, isConfirmed, size == 0 && riffBytes is 0 or Unsaid, end => ChunkTails.Of(stream, end, said, isBig), sink);
                PcmStream.PourAll(stream, bytes, format.Value, channels, sink);
                return true;
            }
            else if (!PcmStream.Skip(stream, size) || !SkipPadding(stream, size))
            {
                break;
            }
        }

        throw new MediaException($"{sink.Name} is a WAV file without samples (no data chunk); record or save it anew.");
    }

    /// <summary>Reads the format chunk; <see langword="null"/> for a compression that is not decoded here.</summary>
    internal static PcmFormat? Format(ReadOnlySpan<byte> fields, bool isBig, AudioSink sink, out int channels)
    {
        const int Pcm = 1, Float = 3, ALaw = 6, MuLaw = 7, Extensible = 0xFFFE;
        int tag = UInt16(fields, isBig);
        channels = UInt16(fields[2..], isBig);
        long rate = UInt32(fields[4..], isBig);
        int align = UInt16(fields[12..], isBig), bits = UInt16(fields[14..], isBig);
        if (tag == Extensible && fields.Length >= 40)
        {
            // The GUID of a format with a tag is the tag and then always the same.
            tag = fields[28..40].SequenceEqual(s_guidTail) ? UInt16(fields[24..], isBig) : 0;
        }

        if (tag is not (Pcm or Float or ALaw or MuLaw))
        {
            return null;
        }

        sink.Begin(rate, channels);

        // 12 bits lie in two bytes and 20 in three, left-justified; the alignment tells the bytes where it makes sense.
        int bytes = align % channels == 0 && align / channels * 8 >= bits ? align / channels : (bits + 7) / 8;
        bytes = bytes is >= 1 and <= 8 ? bytes : (bits + 7) / 8;
        return (tag, bytes) switch
        {
            (ALaw, 1) => new PcmFormat(PcmEncoding.ALaw, 1, isBig),
            (MuLaw, 1) => new PcmFormat(PcmEncoding.MuLaw, 1, isBig),
            (Float, 4 or 8) => new PcmFormat(PcmEncoding.Float, bytes, isBig),
            (Pcm, 1) => new PcmFormat(PcmEncoding.Unsigned8, 1, isBig),
            (Pcm, 2 or 3 or 4) => new PcmFormat(PcmEncoding.Signed, bytes, isBig),
            _ => throw new MediaException(
                $"{sink.Name} has samples of {bits} bits in {bytes} bytes; 8, 16, 24 or 32 bits, or float of 32 or 64, are needed: save it as 16-bit WAV."),
        };
    }

    static bool NextChunk(Stream stream, bool isBig, out uint id, out long size)
    {
        Span<byte> head = stackalloc byte[8];
        bool isWhole = PcmStream.Fill(stream, head) == 8;
        id = BinaryPrimitives.ReadUInt32BigEndian(head);
        size = UInt32(head[4..], isBig);
        return isWhole;
    }

    /// <summary>After a chunk of odd length stands one byte of padding, which some programs forget.</summary>
    static bool SkipPadding(Stream stream, long size)
    {
        if (size % 2 == 0)
        {
            return true;
        }

        int padding = stream.ReadByte();
        if (padding > 0 && stream.CanSeek)
        {
            stream.Position--;
        }

        return padding >= 0;
    }

    static long Padded(long size) => size + (size % 2);

    static uint Id(ReadOnlySpan<byte> name) => BinaryPrimitives.ReadUInt32BigEndian(name);

    static int UInt16(ReadOnlySpan<byte> bytes, bool isBig) =>
        isBig ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    static uint UInt32(ReadOnlySpan<byte> bytes, bool isBig) =>
        isBig ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    static MediaException Truncated(string name, string where) =>
        new($"{name} ends in the middle of {where} and at least one sample is needed; copy or download the file again.");

    static readonly byte[] s_guidTail = [0, 0, 0x10, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71];
}
