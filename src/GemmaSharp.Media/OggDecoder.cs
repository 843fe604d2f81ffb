namespace GemmaSharp.Media;

/// <summary>Decodes Opus and Vorbis in Ogg: every recording of the file, one behind the other, as internet radio and the joining of files leave them.</summary>
internal static class OggDecoder
{
    /// <summary>Decodes the file.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        IReadOnlyList<ReadOnlyMemory<byte>> links = OggLinks.Of(bytes);
        for (int i = 0; i < links.Count && !sink.IsDone; i++)
        {
            long before = sink.Frames;
            try
            {
                DecodeOne(links[i], i, sink);
            }
            catch (MediaException error) when (i + 1 < links.Count || before > 0)
            {
                // A limit ends everything; a recording that cannot be decoded ends itself.
                if (sink.IsTooLong)
                {
                    throw;
                }

                sink.Notice($"{sink.Name}: its recording {i + 1} of {links.Count} was left out: {error.Message}");
            }
        }
    }

    static void DecodeOne(ReadOnlyMemory<byte> bytes, int index, AudioSink sink)
    {
        MediaFormat format = MediaFormat.Detect(bytes.Span);
        if (format == MediaFormat.OggOpus)
        {
            OpusDecoder.Decode(bytes, sink);
        }
        else if (format == MediaFormat.OggVorbis)
        {
            VorbisDecoder.Decode(bytes, sink);
        }
        else
        {
            throw new MediaException($"recording {index + 1} is {format.Name}, and Opus or Vorbis is needed; save it anew.");
        }
    }
}
