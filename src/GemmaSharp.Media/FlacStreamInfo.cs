using System.Buffers.Binary;

namespace GemmaSharp.Media;

/// <summary>The facts about the whole stream that stand at a FLAC file's beginning.</summary>
/// <param name="MinBlockSize">Least samples per block; the fixed block size where all are alike.</param>
/// <param name="SampleRate">Samples per second.</param>
/// <param name="Channels">1 to 8.</param>
/// <param name="Bits">Bits per sample, 4 to 32.</param>
/// <param name="TotalSamples">Samples per channel; 0 where not said.</param>
internal sealed record FlacStreamInfo(int MinBlockSize, int SampleRate, int Channels, int Bits, long TotalSamples)
{
    /// <summary>Reads the 34 bytes of the block.</summary>
    public static FlacStreamInfo Read(ReadOnlySpan<byte> block)
    {
        ulong packed = BinaryPrimitives.ReadUInt64BigEndian(block[10..]);
        return new(
            BinaryPrimitives.ReadUInt16BigEndian(block),
            (int)(packed >> 44),
            (int)((packed >> 41) & 7) + 1,
            (int)((packed >> 36) & 31) + 1,
            (long)(packed & 0xF_FFFF_FFFF));
    }
}
