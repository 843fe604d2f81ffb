namespace GemmaSharp.Media;

/// <summary>Reads bits of MPEG audio, the most significant first; past the end there are zeros, as damaged frames ask for more than there is.</summary>
internal ref struct MpegBits(ReadOnlySpan<byte> bytes, int position = 0)
{
    readonly ReadOnlySpan<byte> _bytes = bytes;

    /// <summary>Index of the next bit.</summary>
    public int Position { get; set; } = position;

    /// <summary>The next bit.</summary>
    public int One()
    {
        int at = Position >> 3;
        int bit = (uint)at < (uint)_bytes.Length ? (_bytes[at] >> (7 - (Position & 7))) & 1 : 0;
        Position++;
        return bit;
    }

    /// <summary>The next bits as an unsigned number.</summary>
    /// <param name="count">0 to 24.</param>
    public int Read(int count)
    {
        if (count == 0)
        {
            return 0;
        }

        int at = Position >> 3;
        uint window = 0;
        for (int i = 0; i < 4; i++)
        {
            window = (window << 8) | ((uint)(at + i) < (uint)_bytes.Length ? _bytes[at + i] : 0u);
        }

        int value = (int)((window << (Position & 7)) >> (32 - count));
        Position += count;
        return value;
    }
}
