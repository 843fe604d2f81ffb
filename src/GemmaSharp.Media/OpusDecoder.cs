using System.Buffers.Binary;
using Concentus;

namespace GemmaSharp.Media;

/// <summary>Decodes Opus in Ogg at 48 kHz, with the lead-in cut off and the end where the file says.</summary>
/// <remarks>Source: RFC 7845; the codec itself is Concentus.</remarks>
internal static class OpusDecoder
{
    const int Rate = 48_000;
    const int MaxPacketSamples = 5760;

    static OpusDecoder() => OpusCodecFactory.AttemptToUseNativeLibrary = false;

    /// <summary>Decodes one recording.</summary>
    public static void Decode(ReadOnlyMemory<byte> bytes, AudioSink sink)
    {
        OggReader reader = new(bytes, [.. "OpusHead"u8]);
        byte[] head = reader.Next() ?? [];
        if (head.Length < 19 || !head.AsSpan().StartsWith("OpusHead"u8))
        {
            throw new MediaException($"{sink.Name} begins as Opus sound but its header is damaged; copy or download the file again.");
        }

        int channels = head[9];
        int skip = BinaryPrimitives.ReadUInt16LittleEndian(head.AsSpan(10));
        int skipAtStart = skip;
        float gain = MathF.Pow(10, BinaryPrimitives.ReadInt16LittleEndian(head.AsSpan(16)) / (20f * 256));
        sink.Begin(Rate, channels);
        long before = sink.Frames;
        Func<byte[], float[], int> decode = Decoder(head, channels, sink.Name);

        reader.Next(); // the tags
        float[] samples = new float[MaxPacketSamples * channels];
        int damaged = 0, last = 960;
        float[] held = [];
        for (byte[]? packet = reader.Next(); packet is not null && !sink.IsDone; packet = reader.Next())
        {
            sink.Write(held);
            int count = decode(packet, samples);
            if (count <= 0)
            {
                damaged++;
                count = last;
                Array.Clear(samples);
            }

            last = count;
            int drop = Math.Min(skip, count);
            skip -= drop;
            held = samples.AsSpan(drop * channels, (count - drop) * channels).ToArray();
            for (int i = 0; i < held.Length; i++)
            {
                held[i] *= gain;
            }
        }

        if (sink.IsDone)
        {
            return;
        }

        // The last page's position counts the lead-in; it cuts the last packet, and only that.
        long surplus = reader.IsEnded ? sink.Frames - before + (held.Length / channels) - (reader.Granule - skipAtStart) : 0;
        bool isPlausible = surplus > 0 && surplus <= held.Length / channels;
        sink.Write(isPlausible ? held.AsSpan(0, held.Length - (int)(surplus * channels)) : held);
        if (sink.Frames == before)
        {
            throw new MediaException($"{sink.Name} begins as Opus sound but none of it can be decoded; copy or download the file again.");
        }

        Tell(sink, reader, damaged);
    }

    static void Tell(AudioSink sink, OggReader reader, int damaged)
    {
        if (damaged > 0 || reader.LostPages > 0)
        {
            sink.Notice($"{sink.Name}: damaged Opus packets were passed over.");
        }

        if (!reader.IsEnded)
        {
            sink.Notice($"{sink.Name} ends before its last page; what is there was used.");
        }
    }

    /// <summary>A function that decodes a packet and gives the samples per channel, or −1 for a damaged one.</summary>
    static Func<byte[], float[], int> Decoder(byte[] head, int channels, string name)
    {
        int family = head[18];
        try
        {
            if (family == 0)
            {
                IOpusDecoder decoder = OpusCodecFactory.CreateDecoder(Rate, channels);
                return (packet, samples) => Try(() => decoder.Decode(packet, samples, MaxPacketSamples, false));
            }

            if (head.Length >= 21 + channels)
            {
                IOpusMultiStreamDecoder decoder = OpusCodecFactory.CreateMultiStreamDecoder(
                    Rate, channels, head[19], head[20], head[21..(21 + channels)]);
                return (packet, samples) => Try(() => decoder.DecodeMultistream(packet, samples, MaxPacketSamples, false));
            }
        }
        catch (Exception error) when (error is ArgumentException or OpusException)
        {
            throw new MediaException($"{name} has an Opus header that no decoder takes ({error.Message.TrimEnd('.')}); save it anew.", error);
        }

        throw new MediaException($"{name} has an Opus header that is cut off; copy or download the file again.");
    }

    /// <summary>Concentus meets damaged packets with several kinds of exception; all mean the same.</summary>
    static int Try(Func<int> decode)
    {
        try
        {
            return decode();
        }
        catch (Exception error) when (error is OpusException or ArgumentException or IndexOutOfRangeException
            or InvalidOperationException or ArithmeticException or NullReferenceException)
        {
            return -1;
        }
    }
}
