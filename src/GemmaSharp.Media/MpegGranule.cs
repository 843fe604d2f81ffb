namespace GemmaSharp.Media;

/// <summary>What Layer III's side information says of one channel of a granule, and its scale factors.</summary>
/// <remarks>Source: ISO/IEC 11172-3, 2.4.1.7, 2.4.2.7 and 2.4.3.4; ISO/IEC 13818-3, 2.4.1.7 and 2.4.3.2.</remarks>
internal sealed class MpegGranule
{
    int _scaleBits;

    /// <summary>Bits of scale factors and code words.</summary>
    public int PartBits { get; private set; }

    /// <summary>Lines of the part with values beyond 1.</summary>
    public int BigValues { get; private set; }

    /// <summary>The step size, in quarters of a power of two.</summary>
    public int GlobalGain { get; private set; }

    /// <summary>0 long, 1 start, 2 short, 3 stop.</summary>
    public int BlockType { get; private set; }

    /// <summary>Whether the lowest two subbands of a short block are long.</summary>
    public bool IsMixed { get; private set; }

    /// <summary>The code tables of the three regions.</summary>
    public int[] Tables { get; } = new int[3];

    /// <summary>Lines before the second and the third region.</summary>
    public int[] Regions { get; } = new int[2];

    /// <summary>Step sizes of the three short blocks.</summary>
    public int[] SubblockGain { get; } = new int[3];

    /// <summary>Whether the scale factors of high bands are raised by a fixed table.</summary>
    public bool IsPreEmphasised { get; private set; }

    /// <summary>Whether scale factors count whole powers of two, not half ones.</summary>
    public bool IsCoarse { get; private set; }

    /// <summary>Whether the last part uses the second table of quads.</summary>
    public bool UsesSecondQuads { get; private set; }

    /// <summary>Scale factors: of long bands first, then three for each short band.</summary>
    public int[] Scale { get; } = new int[39];

    /// <summary>The scale factors that mean "no intensity" where they are intensity positions.</summary>
    public int[] Illegal { get; } = new int[39];

    /// <summary>Whether MPEG-2's intensity goes by the finer steps.</summary>
    public bool HasFineIntensity => (_scaleBits & 1) == 0;

    /// <summary>Whether it is three short blocks.</summary>
    public bool IsShort => BlockType == MpegHybrid.Short;

    /// <summary>How many scale factors of long bands there are.</summary>
    public int LongScales(bool isVersion1) => !IsShort ? 21 : IsMixed ? (isVersion1 ? 8 : 6) : 0;

    /// <summary>Reads the side information.</summary>
    public void ReadSide(ref MpegBits bits, MpegHeader header)
    {
        PartBits = bits.Read(12);
        BigValues = Math.Min(2 * bits.Read(9), MpegLayer3.Lines);
        GlobalGain = bits.Read(8);
        _scaleBits = bits.Read(header.IsVersion1 ? 4 : 9);
        (BlockType, IsMixed) = (0, false);
        SubblockGain.AsSpan().Clear();
        if (bits.One() == 1)
        {
            BlockType = bits.Read(2);
            IsMixed = bits.One() == 1;
            Tables[0] = bits.Read(5);
            Tables[1] = bits.Read(5);
            Tables[2] = 0;
            for (int i = 0; i < 3; i++)
            {
                SubblockGain[i] = bits.Read(3);
            }

            Regions[0] = MpegBands.WindowedRegion(header, IsShort);
            Regions[1] = MpegLayer3.Lines;
        }
        else
        {
            for (int i = 0; i < 3; i++)
            {
                Tables[i] = bits.Read(5);
            }

            int first = bits.Read(4) + 1, second = first + bits.Read(3) + 1;
            ReadOnlySpan<int> bands = MpegBands.Long(header);
            Regions[0] = bands[Math.Min(first, 22)];
            Regions[1] = bands[Math.Min(second, 22)];
        }

        IsPreEmphasised = header.IsVersion1 && bits.One() == 1;
        IsCoarse = bits.One() == 1;
        UsesSecondQuads = bits.One() == 1;
    }

    /// <summary>Reads MPEG-1's scale factors.</summary>
    /// <param name="bits">Where they are.</param>
    /// <param name="before">The granule before, whose scale factors may be used again.</param>
    /// <param name="shared">Which quarters are, four bits.</param>
    public void ReadScale(ref MpegBits bits, MpegGranule? before, int shared)
    {
        Illegal.AsSpan().Fill(7);
        int low = s_lowBits[_scaleBits], high = s_highBits[_scaleBits];
        int at = 0;
        if (IsShort)
        {
            int lows = IsMixed ? 8 + 9 : 18;
            for (; at < lows + 18; at++)
            {
                Scale[at] = bits.Read(at < lows ? low : high);
            }
        }
        else
        {
            for (int quarter = 0; quarter < 4; quarter++)
            {
                int end = s_quarters[quarter];
                for (; at < end; at++)
                {
                    bool isShared = before is not null && (shared & (8 >> quarter)) != 0;
                    Scale[at] = isShared ? before!.Scale[at] : bits.Read(quarter < 2 ? low : high);
                }
            }
        }

        Scale.AsSpan(at).Clear();
    }

    /// <summary>Reads MPEG-2's scale factors.</summary>
    /// <param name="bits">Where they are.</param>
    /// <param name="isIntensity">Whether they are the second channel's of a pair with intensity.</param>
    public void ReadHalfScale(ref MpegBits bits, bool isIntensity)
    {
        int code = isIntensity ? _scaleBits >> 1 : _scaleBits;
        (int row, int a, int b, int c, int d) = isIntensity
            ? code switch
            {
                < 180 => (3, code / 36, code % 36 / 6, code % 6, 0),
                < 244 => (4, (code - 180) >> 4, ((code - 180) >> 2) & 3, (code - 180) & 3, 0),
                _ => (5, (code - 244) / 3, (code - 244) % 3, 0, 0),
            }
            : code switch
            {
                < 400 => (0, (code >> 4) / 5, (code >> 4) % 5, (code >> 2) & 3, code & 3),
                < 500 => (1, ((code - 400) >> 2) / 5, ((code - 400) >> 2) % 5, (code - 400) & 3, 0),
                _ => (2, (code - 500) / 3, (code - 500) % 3, 0, 0),
            };
        IsPreEmphasised = row == 2;
        ReadOnlySpan<int> lengths = [a, b, c, d];
        ReadOnlySpan<byte> counts = s_counts.AsSpan(((row * 3) + (!IsShort ? 0 : IsMixed ? 2 : 1)) * 4, 4);
        int at = 0;
        for (int part = 0; part < 4; part++)
        {
            for (int i = 0; i < counts[part]; i++, at++)
            {
                Scale[at] = bits.Read(lengths[part]);
                Illegal[at] = (1 << lengths[part]) - 1;
            }
        }

        Scale.AsSpan(at).Clear();
        Illegal.AsSpan(at).Clear();
    }

    static readonly byte[] s_lowBits = [0, 0, 0, 0, 3, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4];
    static readonly byte[] s_highBits = [0, 1, 2, 3, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 2, 3];
    static readonly byte[] s_quarters = [6, 11, 16, 21];

    // For each of six ways: long, short, mixed.
    static readonly byte[] s_counts =
    [
        6, 5, 5, 5, 9, 9, 9, 9, 6, 9, 9, 9,
        6, 5, 7, 3, 9, 9, 12, 6, 6, 9, 12, 6,
        11, 10, 0, 0, 18, 18, 0, 0, 15, 18, 0, 0,
        7, 7, 7, 0, 12, 12, 12, 0, 6, 15, 12, 0,
        6, 6, 6, 3, 12, 9, 9, 6, 6, 12, 9, 6,
        8, 8, 5, 0, 15, 12, 9, 0, 6, 18, 9, 0,
    ];
}
