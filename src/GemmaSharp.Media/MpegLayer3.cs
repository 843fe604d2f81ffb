namespace GemmaSharp.Media;

/// <summary>Decodes the frames of MPEG audio's Layer III to samples of the 32 subbands.</summary>
/// <remarks>
/// Source: ISO/IEC 11172-3, 2.4.3.4; ISO/IEC 13818-3, 2.4.3.2. A frame's code words may begin in the frames before it, so frames are given in order.
/// A granule whose code words are not all there is silent.
/// </remarks>
internal sealed class MpegLayer3
{
    /// <summary>Frequency lines of a granule.</summary>
    public const int Lines = 576;

    // The furthest that a frame's code words may reach back.
    const int Furthest = 511;

    readonly MpegGranule[] _granules = [new(), new(), new(), new()];
    readonly MpegHybrid[] _hybrids = [new(), new()];
    readonly float[][] _lines = [new float[Lines], new float[Lines]];
    readonly int[] _ends = new int[2];
    readonly float[] _reordered = new float[Lines];
    byte[] _main = [];
    int _mainBytes;

    /// <summary>Decodes a frame.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="body">What follows the header and the checksum.</param>
    /// <param name="output">Receives, channel by channel, 18 rows of 32 for each granule.</param>
    public void Decode(MpegHeader header, ReadOnlySpan<byte> body, Span<float> output)
    {
        int side = Math.Min(header.SideBytes, body.Length), granules = header.IsVersion1 ? 2 : 1, channels = header.Channels;
        MpegBits bits = new(body[..side]);
        int back = bits.Read(header.IsVersion1 ? 9 : 8);
        bits.Position += (header.IsVersion1, header.IsMono) switch { (true, true) => 5, (true, false) => 3, (false, true) => 1, _ => 2 };
        Span<int> shared = stackalloc int[2];
        for (int channel = 0; header.IsVersion1 && channel < channels; channel++)
        {
            shared[channel] = bits.Read(4);
        }

        for (int i = 0; i < granules * channels; i++)
        {
            _granules[(i / channels * 2) + (i % channels)].ReadSide(ref bits, header);
        }

        Append(body[side..]);
        int start = (_mainBytes - (body.Length - side) - back) * 8;
        MpegBits main = new(_main.AsSpan(0, _mainBytes));
        for (int granule = 0; granule < granules; granule++)
        {
            for (int channel = 0; channel < channels; channel++)
            {
                MpegGranule info = _granules[(granule * 2) + channel];
                int end = start + info.PartBits;
                _lines[channel].AsSpan().Clear();
                _ends[channel] = 0;
                if (start >= 0 && end <= _mainBytes * 8)
                {
                    main.Position = start;
                    if (header.IsVersion1)
                    {
                        info.ReadScale(ref main, granule == 0 ? null : _granules[channel], shared[channel]);
                    }
                    else
                    {
                        info.ReadHalfScale(ref main, channel == 1 && header.IsJoint && (header.ModeExtension & 1) != 0);
                    }

                    _ends[channel] = ReadLines(ref main, end, info, _lines[channel]);
                    Scale(header, info, _lines[channel], _ends[channel]);
                }

                start = end;
            }

            if (header.IsJoint && channels == 2)
            {
                Join(header, _granules[granule * 2], _granules[(granule * 2) + 1]);
            }

            for (int channel = 0; channel < channels; channel++)
            {
                MpegGranule info = _granules[(granule * 2) + channel];
                Span<float> lines = _lines[channel];
                Reorder(header, info, lines);
                Unalias(info, lines);
                Span<float> rows = output.Slice(((channel * granules) + granule) * Lines, Lines);
                _hybrids[channel].Transform(lines, info.BlockType, info.IsShort && info.IsMixed ? 2 : 0, rows);
            }
        }
    }

    /// <summary>Forgets what frames before said, where another recording begins or frames are missing.</summary>
    public void Forget() => _mainBytes = 0;

    void Append(ReadOnlySpan<byte> data)
    {
        int keep = Math.Min(_mainBytes, Furthest);
        if (_main.Length < keep + data.Length)
        {
            Array.Resize(ref _main, keep + data.Length);
        }

        _main.AsSpan(_mainBytes - keep, keep).CopyTo(_main);
        data.CopyTo(_main.AsSpan(keep));
        _mainBytes = keep + data.Length;
    }

    /// <summary>Reads the code words of a channel.</summary>
    /// <returns>The line behind the last that is not zero.</returns>
    static int ReadLines(ref MpegBits bits, int end, MpegGranule info, Span<float> lines)
    {
        int at = 0;
        while (at < info.BigValues && bits.Position < end)
        {
            int region = at < info.Regions[0] ? 0 : at < info.Regions[1] ? 1 : 2, select = info.Tables[region];
            if (MpegHuffman.Pairs(select) is MpegHuffman table)
            {
                int pair = table.Read(ref bits), escape = MpegHuffman.EscapeBits(select);
                lines[at] = Value(ref bits, pair >> 4, escape);
                lines[at + 1] = Value(ref bits, pair & 15, escape);
            }

            at += 2;
        }

        at = info.BigValues;
        MpegHuffman quads = MpegHuffman.Quads(info.UsesSecondQuads);
        while (at <= Lines - 4 && bits.Position < end)
        {
            int quad = quads.Read(ref bits);
            for (int i = 0; i < 4; i++)
            {
                lines[at + i] = (quad & (8 >> i)) != 0 ? Value(ref bits, 1, 0) : 0;
            }

            if (bits.Position > end)
            {
                // What reaches beyond the end is stuffing.
                lines.Slice(at, 4).Clear();
                break;
            }

            at += 4;
        }

        return lines.LastIndexOfAnyExcept(0f) + 1;
    }

    static float Value(ref MpegBits bits, int value, int escapeBits)
    {
        if (value == 0)
        {
            return 0;
        }

        if (value == 15)
        {
            value += bits.Read(escapeBits);
        }

        float power = s_powers[value];
        return bits.One() != 0 ? -power : power;
    }

    /// <summary>Multiplies each line by its step size.</summary>
    static void Scale(MpegHeader header, MpegGranule info, Span<float> lines, int end)
    {
        int perScale = info.IsCoarse ? 4 : 2, gain = info.GlobalGain - 210;
        int longScales = info.LongScales(header.IsVersion1), line = 0;
        ReadOnlySpan<int> bands = MpegBands.Long(header), pre = MpegBands.PreEmphasis;
        int longBands = info.IsShort ? longScales : 22;
        for (int band = 0; band < longBands && line < end; band++)
        {
            int scale = (band < longScales ? info.Scale[band] : 0) + (info.IsPreEmphasised ? pre[band] : 0);
            float step = Step(gain - (perScale * scale));
            for (int stop = bands[band + 1]; line < stop; line++)
            {
                lines[line] *= step;
            }
        }

        if (!info.IsShort)
        {
            return;
        }

        bands = MpegBands.Short(header);
        for (int band = info.IsMixed ? 3 : 0; band < 13 && line < end; band++)
        {
            for (int window = 0; window < 3; window++)
            {
                int at = longScales + ((band - (info.IsMixed ? 3 : 0)) * 3) + window;
                float step = Step(gain - (8 * info.SubblockGain[window]) - (perScale * (band < 12 ? info.Scale[at] : 0)));
                for (int stop = line + bands[band + 1] - bands[band]; line < stop && line < Lines; line++)
                {
                    lines[line] *= step;
                }
            }
        }
    }

    /// <summary>2 to a quarter of the number.</summary>
    static float Step(int quarters) => MathF.ScaleB(s_quarterPowers[quarters & 3], quarters >> 2);

    /// <summary>Makes left and right of what the channels share.</summary>
    void Join(MpegHeader header, MpegGranule left, MpegGranule right)
    {
        bool isMidSide = (header.ModeExtension & 2) != 0;
        if ((header.ModeExtension & 1) == 0)
        {
            if (isMidSide)
            {
                MidSide(0, Lines);
            }

            return;
        }

        // Intensity holds where the second channel is zero from there to the top, in whole bands, and for each short block by itself.
        int longScales = right.LongScales(header.IsVersion1);
        bool isAbove = true;
        if (right.IsShort)
        {
            ReadOnlySpan<int> bands = MpegBands.Short(header);
            int first = right.IsMixed ? 3 : 0;
            Span<bool> isZero = [true, true, true];
            for (int band = 12; band >= first; band--)
            {
                int width = bands[band + 1] - bands[band];
                for (int window = 2; window >= 0; window--)
                {
                    int from = (3 * bands[band]) + (window * width), to = from + width;
                    isZero[window] &= !_lines[1].AsSpan(from, width).ContainsAnyExcept(0f);
                    int at = longScales + ((Math.Min(band, 11) - first) * 3) + window;
                    Band(header, right, from, to, isZero[window] ? at : -1, isMidSide);
                }
            }

            isAbove = isZero[0] && isZero[1] && isZero[2];
        }

        ReadOnlySpan<int> wide = MpegBands.Long(header);
        for (int band = right.IsShort ? longScales - 1 : 21; band >= 0; band--)
        {
            isAbove &= !_lines[1].AsSpan(wide[band], wide[band + 1] - wide[band]).ContainsAnyExcept(0f);
            Band(header, right, wide[band], wide[band + 1], isAbove ? Math.Min(band, 20) : -1, isMidSide);
        }
    }

    void Band(MpegHeader header, MpegGranule right, int from, int to, int scale, bool isMidSide)
    {
        int position = scale < 0 ? 0 : right.Scale[scale];
        bool isIllegal = scale < 0 || (position == right.Illegal[scale] && (header.IsVersion1 || position > 0));
        if (isIllegal)
        {
            if (isMidSide)
            {
                MidSide(from, to);
            }

            return;
        }

        (float ofLeft, float ofRight) = header.IsVersion1 ? Pan(position) : HalfPan(position, right.HasFineIntensity);
        for (int i = from; i < to; i++)
        {
            _lines[1][i] = _lines[0][i] * ofRight;
            _lines[0][i] *= ofLeft;
        }
    }

    static (float Left, float Right) Pan(int position)
    {
        // Six is wholly left; its tangent has no value.
        double ratio = Math.Tan(position * Math.PI / 12);
        return position >= 6 ? (1, 0) : ((float)(ratio / (1 + ratio)), (float)(1 / (1 + ratio)));
    }

    static (float Left, float Right) HalfPan(int position, bool isFine)
    {
        float step = (float)Math.Pow(2, (isFine ? -0.25 : -0.5) * ((position + 1) / 2));
        return position == 0 ? (1, 1) : (position & 1) != 0 ? (step, 1) : (1, step);
    }

    void MidSide(int from, int to)
    {
        float half = MathF.Sqrt(0.5f);
        float[] first = _lines[0], second = _lines[1];
        for (int i = from; i < to; i++)
        {
            (first[i], second[i]) = ((first[i] + second[i]) * half, (first[i] - second[i]) * half);
        }
    }

    /// <summary>Brings the lines of three short blocks, which lie one behind the other in each band, into the order of their frequency.</summary>
    void Reorder(MpegHeader header, MpegGranule info, Span<float> lines)
    {
        if (!info.IsShort)
        {
            return;
        }

        ReadOnlySpan<int> bands = MpegBands.Short(header);
        for (int band = info.IsMixed ? 3 : 0; band < 13; band++)
        {
            int start = bands[band], width = bands[band + 1] - start;
            for (int i = 0; i < 3 * width; i++)
            {
                _reordered[(3 * start) + (i % width * 3) + (i / width)] = lines[(3 * start) + i];
            }
        }

        int from = info.IsMixed ? 3 * bands[3] : 0;
        _reordered.AsSpan(from).CopyTo(lines[from..]);
    }

    /// <summary>Takes back the aliasing between neighbouring long subbands.</summary>
    static void Unalias(MpegGranule info, Span<float> lines)
    {
        int borders = !info.IsShort ? 31 : info.IsMixed ? 1 : 0;
        for (int border = MpegHybrid.Lines; border <= borders * MpegHybrid.Lines; border += MpegHybrid.Lines)
        {
            for (int i = 0; i < 8; i++)
            {
                float below = lines[border - 1 - i], above = lines[border + i];
                lines[border - 1 - i] = (below * s_keep[i]) - (above * s_cross[i]);
                lines[border + i] = (above * s_keep[i]) + (below * s_cross[i]);
            }
        }
    }

    // x^(4/3) up to the largest escape.
    static readonly float[] s_powers = [.. Enumerable.Range(0, 8192 + 15).Select(value => (float)Math.Pow(value, 4 / 3.0))];
    static readonly float[] s_quarterPowers = [.. Enumerable.Range(0, 4).Select(i => (float)Math.Pow(2, i / 4.0))];

    static readonly double[] s_alias = [-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037];
    static readonly float[] s_keep = [.. s_alias.Select(c => (float)(1 / Math.Sqrt(1 + (c * c))))];
    static readonly float[] s_cross = [.. s_alias.Select(c => (float)(c / Math.Sqrt(1 + (c * c))))];
}
