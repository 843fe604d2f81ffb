namespace GemmaSharp.Media;

/// <summary>Decodes MPEG audio (MP3 and its older layers), without the silence that encoder and decoder put in front.</summary>
/// <remarks>
/// Lead-in and padding come from the tag in the first frame, where there is one. Files that were joined are read to their end: only the first one's lead-in
/// is dropped, and no padding, since its tag tells nothing of the rest. Source: ISO/IEC 11172-3 and 13818-3.
/// </remarks>
internal static class Mp3Decoder
{
    /// <summary>Decodes the file.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        Survey survey = Look(bytes.Span);
        if (survey.Frames == 0)
        {
            throw new MediaException($"{sink.Name} begins as MP3 sound but no frame of it can be decoded; copy or download the file again.");
        }

        Mp3Tag tag = survey.Tag;
        long left = tag.IsExact && tag.Frames == survey.Frames ? Math.Max(0, survey.Samples - tag.LeadIn - Math.Max(0, tag.Padding)) : long.MaxValue;
        Play(bytes.Span, tag.LeadIn, left, sink);
        Tell(survey, sink);
    }

    static Survey Look(ReadOnlySpan<byte> bytes)
    {
        MpegStream stream = new(bytes);
        Mp3Tag tag = new(-1, false, 0, 0);
        long frames = 0, samples = 0;
        MpegHeader first = default;
        bool isFirst = true;
        while (stream.Next(out MpegHeader header, out ReadOnlySpan<byte> frame))
        {
            if (!isFirst || !Mp3Tag.TryRead(header, frame, out tag))
            {
                frames++;
                samples += header.Samples;
            }

            first = isFirst ? header : first;
            isFirst = false;
        }

        return new(tag, first, frames, samples, stream.BytesBefore, stream.BytesBetween, stream.IsCut);
    }

    static void Play(ReadOnlySpan<byte> bytes, long skip, long left, AudioSink sink)
    {
        const int Most = 1152;
        MpegLayer3 layer3 = new();
        MpegSynthesis[] filters = [new(), new()];
        float[] rows = new float[2 * Most], channel = new float[Most], samples = new float[2 * Most];
        MpegStream stream = new(bytes);
        MpegHeader form = default;
        bool isFirst = true;
        while (!sink.IsDone && stream.Next(out MpegHeader header, out ReadOnlySpan<byte> frame))
        {
            if (isFirst || !header.Fits(form))
            {
                sink.Begin(header.Rate, header.Channels);
                (layer3, filters, form) = (new(), [new(), new()], header);
            }

            if (isFirst)
            {
                isFirst = false;
                if (Mp3Tag.TryRead(header, frame, out _))
                {
                    continue;
                }
            }

            if (stream.IsBehindGap)
            {
                layer3.Forget();
            }

            int channels = header.Channels, count = header.Samples;
            ReadOnlySpan<byte> body = frame[Math.Min(header.HeadBytes, frame.Length)..];
            if (header.Layer == 3)
            {
                layer3.Decode(header, body, rows);
            }
            else
            {
                MpegSubbands.Decode(header, body, rows);
            }

            for (int c = 0; c < channels; c++)
            {
                for (int at = 0; at < count; at += MpegSynthesis.Bands)
                {
                    filters[c].Step(rows.AsSpan((c * count) + at, MpegSynthesis.Bands), channel.AsSpan(at, MpegSynthesis.Bands));
                }

                for (int i = 0; i < count; i++)
                {
                    samples[(i * channels) + c] = channel[i];
                }
            }

            int drop = (int)Math.Min(skip, count);
            skip -= drop;
            int take = (int)Math.Min(count - drop, left);
            left -= take;
            sink.Write(samples.AsSpan(drop * channels, take * channels));
        }
    }

    static void Tell(Survey survey, AudioSink sink)
    {
        if (survey.BytesBefore > 0)
        {
            sink.Notice($"{sink.Name}: {survey.BytesBefore} byte(s) before the first whole MP3 frame were passed over.");
        }

        if (survey.BytesBetween > 0)
        {
            sink.Notice($"{sink.Name} is damaged: {survey.BytesBetween} byte(s) between its MP3 frames were passed over.");
        }

        // Some encoders count the frame of the tag itself.
        long missing = survey.Tag.Frames - survey.Frames;
        if (missing > (survey.Tag.IsExact ? 0 : 1))
        {
            double perFrame = survey.First.Samples / (double)survey.First.Rate;
            sink.Notice(
                $"{sink.Name} is cut short: its header counts {AudioSink.Length(survey.Tag.Frames * perFrame)} and "
                    + $"{AudioSink.Length(survey.Frames * perFrame)} are there; what is there was used.");
        }
        else if (survey.IsCut)
        {
            sink.Notice($"{sink.Name} ends within an MP3 frame; what comes before was used.");
        }
    }

    /// <summary>What a file holds, before anything is decoded.</summary>
    readonly record struct Survey(
        Mp3Tag Tag, MpegHeader First, long Frames, long Samples, int BytesBefore, int BytesBetween, bool IsCut);
}
