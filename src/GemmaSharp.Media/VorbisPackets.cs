using NVorbis;
using NVorbis.Contracts;
using Contracts = NVorbis.Contracts;

namespace GemmaSharp.Media;

/// <summary>
/// Hands the packets of a recording to NVorbis, whose own reader of pages takes what they say for true and then never ends, or takes gigabytes.
/// </summary>
/// <remarks>
/// Nothing is said of where the sound ends: NVorbis cuts its last packet there, and one that would be cut by more than it has is never used up. Comments are
/// left out, since their lengths size arrays and nobody asks for them.
/// </remarks>
/// <param name="pages">The recording's pages.</param>
internal sealed class VorbisPackets(OggReader pages) : Contracts.IPacketProvider
{
    const int Headers = 3;

    /// <summary>A header of comments without any, and no name of the program that wrote it.</summary>
    static readonly byte[] s_noComments = [.. "\u0003vorbis"u8, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    IPacket? _next;
    int _count;

    public bool CanSeek => false;

    public int StreamSerial => 0;

    public IPacket? GetNextPacket()
    {
        IPacket? packet = PeekNextPacket();
        _next = null;
        return packet;
    }

    public IPacket? PeekNextPacket() => _next ??= Read();

    public long GetGranuleCount() => throw new NotSupportedException();

    public long SeekTo(long granulePos, int preRoll, GetPacketGranuleCount getPacketGranuleCount) => throw new NotSupportedException();

    Packet? Read()
    {
        if (pages.Next() is not byte[] bytes)
        {
            return null;
        }

        _count++;
        bool isComment = _count == 2 && bytes.AsSpan().StartsWith("\u0003vorbis"u8);

        // Where the first page with sound ends tells where the recording begins.
        bool isPlaced = _count > Headers && pages.IsAtPageEnd && !pages.IsEnded && pages.Granule >= 0;
        return new Packet(isComment ? s_noComments : bytes) { GranulePosition = isPlaced ? pages.Granule : null };
    }

    sealed class Packet(byte[] bytes) : DataPacket
    {
        int _at;

        protected override int TotalBits => bytes.Length * 8;

        protected override int ReadNextByte() => _at < bytes.Length ? bytes[_at++] : -1;

        public override void Reset()
        {
            _at = 0;
            base.Reset();
        }
    }
}
