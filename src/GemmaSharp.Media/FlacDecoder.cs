using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>Decodes FLAC. Frames whose checksum is wrong are passed over, and silence takes their place.</summary>
/// <remarks>Source: RFC 9639.</remarks>
internal static class FlacDecoder
{
    // Lost frames are made up by silence up to this much; a larger jump in the numbering is itself damage.
    const int MaxGapSeconds = 10;

    // A frame of ten bytes can stand for 65,535 samples, so a file made of wrong ones would take hours.
    const int MaxLost = 1000;

    /// <summary>Decodes the file from <c>fLaC</c> on.</summary>
    public static void Decode(ReadOnlySpan<byte> bytes, AudioSink sink)
    {
        FlacStreamInfo info = ReadMetadata(bytes, sink, out int position);
        sink.Begin(info.SampleRate, info.Channels);
        sink.Expect(info.TotalSamples);

        FlacFrame frame = new(info);
        long expected = 0;
        int lost = 0;
        bool isCut = false;
        while (position < bytes.Length)
        {
            int start = FlacFrame.FindSync(bytes, position);
            if (start < 0)
            {
                isCut = expected < info.TotalSamples;
                break;
            }

            lost += start > position ? 1 : 0;
            FlacFrameResult result = frame.Decode(bytes, start, out int end);
            if (result != FlacFrameResult.Good)
            {
                // A cut file ends inside its last frame; anything else is damage, or two bytes that only look like a frame.
                isCut = result == FlacFrameResult.Truncated && FlacFrame.FindSync(bytes, start + 2) < 0;
                lost += isCut ? 0 : 1;
                position = start + 2;
                if (lost > MaxLost)
                {
                    throw new MediaException($"{sink.Name} has more than {MaxLost} damaged FLAC frames; copy or download the file again.");
                }

                continue;
            }

            long gap = frame.FirstSample - expected;
            if (gap > 0 && gap <= (long)MaxGapSeconds * info.SampleRate)
            {
                Silence(gap, info.Channels, sink);
                expected += gap;
            }

            sink.Write(frame.Interleaved);
            expected += frame.BlockSize;
            position = end;
        }

        if (expected == 0)
        {
            throw new MediaException($"{sink.Name} begins as FLAC sound but no frame of it can be decoded; copy or download the file again.");
        }

        if (lost > 0)
        {
            sink.Notice($"{sink.Name}: damaged FLAC frames were passed over and replaced by silence.");
        }

        if (isCut || expected < info.TotalSamples)
        {
            sink.Notice($"{sink.Name} says {info.TotalSamples} samples and holds {expected}; what is there was used.");
        }
    }

    static FlacStreamInfo ReadMetadata(ReadOnlySpan<byte> bytes, AudioSink sink, out int position)
    {
        const int StreamInfoBytes = 34;
        position = 4;
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
