using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>
/// Decodes FLAC, also several files one behind the other. Frames whose checksum is wrong are passed over, and silence takes their place where they are there.
/// </summary>
/// <remarks>
/// Frames are numbered, but the numbers need not begin at 0: a piece cut out of a recording or a stream keeps them. So only a gap in which bytes lie that can
/// have been the missing frames is filled. Source: RFC 9639.
/// </remarks>
internal static class FlacDecoder
{
    // Lost frames are made up by silence up to this much; a larger jump in the numbering is itself damage.
    const int MaxGapSeconds = 10;

    // A frame of ten bytes can stand for 65,535 samples, so a file made of wrong ones would take hours.
    const int MaxLost = 1000;

    // How a file begins: its signature and the block of stream information.
    static readonly byte[] s_begin = [.. "fLaC"u8, 0, 0, 0, 0x22];

    /// <summary>Decodes the file from <c>fLaC</c> on.</summary>
    public static void Decode(ReadOnlySpan<byte> bytes, AudioSink sink)
    {
        long before = sink.Frames;
        int lost = 0;
        for (int position = 0; position < bytes.Length && !sink.IsDone;)
        {
            position = DecodeOne(bytes, position, sink, ref lost);
        }

        if (sink.Frames == before && !sink.IsDone)
        {
            throw new MediaException($"{sink.Name} begins as FLAC sound but no frame of it can be decoded; copy or download the file again.");
        }
    }

    /// <summary>Decodes one file, and gives the place behind it, where another may begin.</summary>
    static int DecodeOne(ReadOnlySpan<byte> bytes, int position, AudioSink sink, ref int lost)
    {
        FlacStreamInfo info = ReadMetadata(bytes, sink, ref position);
        sink.Begin(info.SampleRate, info.Channels);
        sink.Expect(info.TotalSamples);

        FlacFrame frame = new(info);
        long expected = -1, written = 0, goodBytes = 0;
        int good = position;
        bool isCut = false, isDamaged = false, isSilent = false, isMissing = false;
        while (position < bytes.Length && !sink.IsDone)
        {
            int start = FlacFrame.FindSync(bytes, position);
            int next = bytes[position..(start < 0 ? bytes.Length : start)].IndexOf(s_begin);
            if (next >= 0)
            {
                position += next;
                break;
            }

            if (start < 0)
            {
                // What stands behind the last frame of a whole file are tags.
                isCut |= written < info.TotalSamples;
                position = bytes.Length;
                break;
            }

            FlacFrameResult result = frame.Decode(bytes, start, out int end);
            if (result != FlacFrameResult.Good)
            {
                // Where nothing more looks like a frame the file ends inside its last one.
                position = start + 2;
                isCut = result == FlacFrameResult.Truncated && FlacFrame.FindSync(bytes, position) < 0;
                lost += isCut ? 0 : 1;
                isDamaged |= !isCut;
                if (lost > MaxLost)
                {
                    throw new MediaException($"{sink.Name} has more than {MaxLost} damaged FLAC frames; copy or download the file again.");
                }

                continue;
            }

            // Only as much silence as the bytes passed over can have been; half a frame's bytes may well have been a quiet frame.
            int passed = start - good;
            long gap = frame.FirstSample - Math.Max(expected, 0);
            double bytesPerSample = (goodBytes + end - start) / (double)(written + frame.BlockSize);
            bool isOne = expected >= 0 && gap <= frame.BlockSize;
            bool isThere = passed > 0 && (isOne || gap * bytesPerSample <= 2 * passed);
            if (gap > 0 && isThere && gap <= (long)MaxGapSeconds * info.SampleRate)
            {
                Silence(gap, info.Channels, sink);
                written += gap;
                isSilent = true;
            }
            else
            {
                isMissing |= gap > 0;
            }

            isDamaged |= passed > 0;
            sink.Write(frame.Interleaved);
            written += frame.BlockSize;
            goodBytes += end - start;
            expected = frame.FirstSample + frame.BlockSize;
            position = good = end;
        }

        if (sink.IsDone)
        {
            return position;
        }

        if (isDamaged)
        {
            sink.Notice($"{sink.Name}: damaged FLAC frames were passed over{(isSilent ? " and replaced by silence" : "")}.");
        }

        if (written < info.TotalSamples)
        {
            sink.Notice($"{sink.Name} says {info.TotalSamples} samples and holds {written}; what is there was used.");
        }
        else if (isCut)
        {
            sink.Notice($"{sink.Name} ends inside a frame; what comes before was used.");
        }
        else if (isMissing)
        {
            sink.Notice($"{sink.Name} is a part of a recording, by its frames' numbers; what is there was used.");
        }

        return position;
    }

    static FlacStreamInfo ReadMetadata(ReadOnlySpan<byte> bytes, AudioSink sink, ref int position)
    {
        const int StreamInfoBytes = 34;
        position += 4;
        FlacStreamInfo? info = null;
        bool isLast = false;
        while (!isLast && bytes.Length - position >= 4)
        {
            uint head = BinaryPrimitives.ReadUInt32BigEndian(bytes[position..]);
            int size = (int)(head & 0xFFFFFF);
            isLast = head >> 31 != 0;
            position += 4;
            if (((head >> 24) & 0x7F) == 0 && size >= StreamInfoBytes && bytes.Length - position >= StreamInfoBytes)
            {
                info = FlacStreamInfo.Read(bytes.Slice(position, StreamInfoBytes));
            }

            position = (int)Math.Min((long)position + size, bytes.Length);
        }

        return info ?? throw new MediaException($"{sink.Name} begins as FLAC sound but has no stream information; copy it again or save it anew.");
    }

    static void Silence(long frames, int channels, AudioSink sink)
    {
        float[] zeros = new float[Math.Min(frames, 8192) * channels];
        for (; frames > 0; frames -= 8192)
        {
            sink.Write(zeros.AsSpan(0, (int)Math.Min(frames, 8192) * channels));
        }
    }
}
