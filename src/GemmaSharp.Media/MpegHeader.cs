namespace GemmaSharp.Media;

/// <summary>The four bytes that begin each frame of MPEG audio.</summary>
/// <param name="Bits">The bytes, the first in the highest bits.</param>
/// <remarks>Source: ISO/IEC 11172-3, 2.4.2.3; ISO/IEC 13818-3 for half the rates; the common extension "2.5" for a quarter of them.</remarks>
internal readonly record struct MpegHeader(uint Bits)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 4;

    // What is the same in all frames of a recording: sync, version, layer and rate.
    const uint FixedBits = 0xFFFE_0C00;

    /// <summary>MPEG-1; otherwise MPEG-2, or 2.5.</summary>
    public bool IsVersion1 => (Bits & 0x0018_0000) == 0x0018_0000;

    /// <summary>1, 2 or 3.</summary>
    public int Layer => 4 - (int)((Bits >> 17) & 3);

    /// <summary>Samples per second.</summary>
    public int Rate => s_rates[RateIndex];

    /// <summary>0 to 2 for 44.1, 48, 32 kHz, 3 to 5 for half and 6 to 8 for a quarter of these.</summary>
    public int RateIndex => (int)((Bits >> 10) & 3) + (((Bits >> 19) & 3) switch { 3 => 0, 2 => 3, _ => 6 });

    /// <summary>1 or 2.</summary>
    public int Channels => IsMono ? 1 : 2;

    /// <summary>Whether there is one channel.</summary>
    public bool IsMono => (Bits & 0xC0) == 0xC0;

    /// <summary>Whether the two channels may share what they have in common.</summary>
    public bool IsJoint => (Bits & 0xC0) == 0x40;

    /// <summary>What the channels share; of meaning where <see cref="IsJoint"/>.</summary>
    public int ModeExtension => (int)((Bits >> 4) & 3);

    /// <summary>Whether two bytes of checksum follow.</summary>
    public bool HasChecksum => (Bits & 0x0001_0000) == 0;

    /// <summary>Kilobits per second; 0 where the header does not say.</summary>
    public int BitRate => BitRateIndex == 0 ? 0 : Layer switch
    {
        1 when IsVersion1 => 32 * BitRateIndex,
        1 => s_layer1Half[BitRateIndex - 1],
        2 when IsVersion1 => s_layer2[BitRateIndex - 1],
        3 when IsVersion1 => s_layer3[BitRateIndex - 1],
        _ => s_layer23Half[BitRateIndex - 1],
    };

    /// <summary>Whether the bit rate is one that the header cannot say.</summary>
    public bool IsFreeFormat => BitRateIndex == 0;

    /// <summary>Samples of each channel.</summary>
    public int Samples => Layer switch { 1 => 384, 3 when !IsVersion1 => 576, _ => 1152 };

    /// <summary>Bytes of the frame with its header; only the padding where <see cref="IsFreeFormat"/>.</summary>
    public int Bytes => Layer == 1
        ? ((12_000 * BitRate / Rate) + Padding) * 4
        : (Samples / 8 * 1000 * BitRate / Rate) + Padding;

    /// <summary>Bytes between the header and Layer III's side information's end, without the checksum.</summary>
    public int SideBytes => (IsVersion1, IsMono) switch { (true, false) => 32, (false, true) => 9, _ => 17 };

    /// <summary>Bytes of the header and its checksum.</summary>
    public int HeadBytes => Size + (HasChecksum ? 2 : 0);

    int BitRateIndex => (int)((Bits >> 12) & 15);

    int Padding => (int)((Bits >> 9) & 1);

    /// <summary>Reads the header at the beginning of the bytes.</summary>
    /// <returns>Whether there is one.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out MpegHeader header)
    {
        header = default;
        if (bytes.Length < Size || bytes[0] != 0xFF || bytes[1] < 0xE0)
        {
            return false;
        }

        uint bits = ((uint)bytes[0] << 24) | ((uint)bytes[1] << 16) | ((uint)bytes[2] << 8) | bytes[3];
        bool isReserved = (bits & 0x0018_0000) == 0x0008_0000 || (bits & 0x0006_0000) == 0 || (bits & 0xF000) == 0xF000 || (bits & 0x0C00) == 0x0C00;
        header = new MpegHeader(bits);
        return !isReserved;
    }

    /// <summary>Whether both can be frames of one recording.</summary>
    public bool Fits(MpegHeader other) => ((Bits ^ other.Bits) & FixedBits) == 0 && IsMono == other.IsMono && IsFreeFormat == other.IsFreeFormat;

    static readonly int[] s_rates = [44_100, 48_000, 32_000, 22_050, 24_000, 16_000, 11_025, 12_000, 8_000];
    static readonly int[] s_layer1Half = [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
    static readonly int[] s_layer2 = [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384];
    static readonly int[] s_layer3 = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    static readonly int[] s_layer23Half = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
}
