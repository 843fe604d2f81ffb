namespace GemmaSharp.Media;

/// <summary>Decodes the frames of MPEG audio's Layers I and II to samples of the 32 subbands.</summary>
/// <remarks>Source: ISO/IEC 11172-3, 2.4.1.5, 2.4.1.6, 2.4.3.1 to 2.4.3.3 and tables B.1 and B.2; ISO/IEC 13818-3, table B.1.</remarks>
internal static class MpegSubbands
{
    const int Bands = MpegSynthesis.Bands;

    /// <summary>Decodes a frame.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="body">What follows the header and the checksum.</param>
    /// <param name="output">Receives, channel by channel, 36 rows of 32 (Layer II) or 12 rows of 32 (Layer I).</param>
    public static void Decode(MpegHeader header, ReadOnlySpan<byte> body, Span<float> output)
    {
        output.Clear();
        MpegBits bits = new(body);
        if (header.Layer == 1)
        {
            Layer1(header, ref bits, output);
        }
        else
        {
            Layer2(header, ref bits, output);
        }
    }

    static void Layer1(MpegHeader header, ref MpegBits bits, Span<float> output)
    {
        int channels = header.Channels, bound = Bound(header, Bands);
        Span<int> allocation = stackalloc int[2 * Bands];
        Span<float> scale = stackalloc float[2 * Bands];
        for (int band = 0; band < Bands; band++)
        {
            for (int channel = 0; channel < channels; channel++)
            {
                // Above the bound the channels share it.
                allocation[(2 * band) + channel] = channel == 1 && band >= bound ? allocation[2 * band] : bits.Read(4);
            }
        }

        for (int i = 0; i < 2 * Bands; i++)
        {
            // 15 is not allowed: it would be the sync's beginning.
            allocation[i] = allocation[i] is > 0 and < 15 ? allocation[i] + 1 : 0;
            scale[i] = allocation[i] > 0 && i % 2 < channels ? s_scale[bits.Read(6)] : 0;
        }

        for (int row = 0; row < 12; row++)
        {
            for (int band = 0; band < Bands; band++)
            {
                int code = 0;
                for (int channel = 0; channel < channels; channel++)
                {
                    int count = allocation[(2 * band) + channel];
                    if (count > 0)
                    {
                        code = channel == 1 && band >= bound ? code : bits.Read(count);
                        output[(((channel * 12) + row) * Bands) + band] = Value(code, (1 << count) - 1) * scale[(2 * band) + channel];
                    }
                }
            }
        }
    }

    static void Layer2(MpegHeader header, ref MpegBits bits, Span<float> output)
    {
        int channels = header.Channels;
        (int limit, Group[] groups) = Table(header);
        int bound = Bound(header, limit);
        Span<int> levels = stackalloc int[2 * Bands];
        Span<int> shared = stackalloc int[2 * Bands];
        Span<float> scale = stackalloc float[3 * 2 * Bands];
        for (int band = 0; band < limit; band++)
        {
            Group group = Of(groups, band);
            for (int channel = 0; channel < channels; channel++)
            {
                levels[(2 * band) + channel] = channel == 1 && band >= bound ? levels[2 * band] : group.Levels[bits.Read(group.Bits)];
            }
        }

        for (int i = 0; i < 2 * limit; i++)
        {
            shared[i] = levels[i] > 0 ? bits.Read(2) : 0;
        }

        for (int i = 0; i < 2 * limit; i++)
        {
            if (levels[i] > 0)
            {
                Span<float> three = scale.Slice(3 * i, 3);
                three[0] = s_scale[bits.Read(6)];
                three[1] = shared[i] is 0 or 3 ? s_scale[bits.Read(6)] : three[0];
                three[2] = shared[i] is 0 or 1 ? s_scale[bits.Read(6)] : three[1];
            }
        }

        Span<int> codes = stackalloc int[3];
        for (int triple = 0; triple < 12; triple++)
        {
            for (int band = 0; band < limit; band++)
            {
                for (int channel = 0; channel < channels; channel++)
                {
                    int at = (2 * band) + channel, count = levels[at];
                    if (count == 0)
                    {
                        continue;
                    }

                    if (channel == 0 || band < bound)
                    {
                        Codes(ref bits, count, codes);
                    }

                    for (int i = 0; i < 3; i++)
                    {
                        output[(((channel * 36) + (3 * triple) + i) * Bands) + band] = Value(codes[i], count) * scale[(3 * at) + (triple / 4)];
                    }
                }
            }
        }
    }

    /// <summary>Three samples in a row; those of few levels are written as one number.</summary>
    static void Codes(ref MpegBits bits, int levels, scoped Span<int> codes)
    {
        if (levels is 3 or 5 or 9)
        {
            int number = bits.Read(levels switch { 3 => 5, 5 => 7, _ => 10 });
            for (int i = 0; i < 3; i++)
            {
                codes[i] = number % levels;
                number /= levels;
            }

            return;
        }

        int count = 32 - int.LeadingZeroCount(levels);
        for (int i = 0; i < 3; i++)
        {
            codes[i] = bits.Read(count);
        }
    }

    /// <summary>The fraction of full scale that one of an odd number of levels stands for.</summary>
    static float Value(int code, int levels) => ((2 * code) - (levels - 1)) / (float)levels;

    /// <summary>The first subband whose samples both channels share.</summary>
    static int Bound(MpegHeader header, int limit) => header.IsJoint ? Math.Min(limit, 4 * (header.ModeExtension + 1)) : limit;

    static Group Of(Group[] groups, int band)
    {
        int at = 0;
        while (band >= groups[at].End)
        {
            at++;
        }

        return groups[at];
    }

    static (int Limit, Group[] Groups) Table(MpegHeader header)
    {
        if (!header.IsVersion1)
        {
            return (30, s_half);
        }

        int each = header.BitRate / header.Channels;
        if (header.IsFreeFormat)
        {
            return (header.Rate == 48_000 ? 27 : 30, s_rich);
        }

        return each <= 48 ? (header.Rate == 32_000 ? 12 : 8, s_poor)
            : header.Rate == 48_000 || each <= 80 ? (27, s_rich)
            : (30, s_rich);
    }

    /// <summary>Subbands with the same choice of levels.</summary>
    /// <param name="End">The first subband behind them.</param>
    /// <param name="Bits">Bits of the choice.</param>
    /// <param name="Levels">The number of levels for each choice.</param>
    sealed record Group(int End, int Bits, int[] Levels);

    // 2^(1 − i/3).
    static readonly float[] s_scale = [.. Enumerable.Range(0, 64).Select(i => (float)Math.Pow(2, 1 - (i / 3.0)))];

    static readonly Group[] s_rich =
    [
        new(3, 4, [0, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191, 16383, 32767, 65535]),
        new(11, 4, [0, 3, 5, 7, 9, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191, 65535]),
        new(23, 3, [0, 3, 5, 7, 9, 15, 31, 65535]),
        new(30, 2, [0, 3, 5, 65535]),
    ];

    static readonly Group[] s_poor =
    [
        new(2, 4, [0, 3, 5, 9, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191, 16383, 32767]),
        new(12, 3, [0, 3, 5, 9, 15, 31, 63, 127]),
    ];

    static readonly Group[] s_half =
    [
        new(4, 4, [0, 3, 5, 7, 9, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 8191, 16383]),
        new(11, 3, [0, 3, 5, 9, 15, 31, 63, 127]),
        new(30, 2, [0, 3, 5, 9]),
    ];
}
