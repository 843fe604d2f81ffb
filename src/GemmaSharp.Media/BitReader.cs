using System.Buffers.Binary;
using System.Numerics;

namespace GemmaSharp.Media;

/// <summary>Reads bits, the most significant first. Past the end it throws <see cref="EndOfStreamException"/>.</summary>
internal ref struct BitReader
{
    readonly ReadOnlySpan<byte> _bytes;

    // The next bits, left-justified; _held of them are real and the rest are zero.
    ulong _cache;
    int _held;
    int _next;

    public BitReader(ReadOnlySpan<byte> bytes, int start)
    {
        _bytes = bytes;
        _next = start;
    }

    /// <summary>Index of the byte in which the next bit lies.</summary>
    public readonly int Position => _next - (_held / 8);

    /// <summary>The next bits as an unsigned number.</summary>
    /// <param name="count">0 to 56.</param>
    public ulong Unsigned(int count)
    {
        if (count == 0)
        {
            return 0;
        }

        Need(count);
        ulong value = _cache >> (64 - count);
        _cache <<= count;
        _held -= count;
        return value;
    }

    /// <summary>The next bits as a number in two's complement.</summary>
    /// <param name="count">0 to 56.</param>
    public long Signed(int count) => count == 0 ? 0 : (long)(Unsigned(count) << (64 - count)) >> (64 - count);

    /// <summary>How many zeros stand before the next one; the one is read too.</summary>
    public long Zeros()
    {
        long zeros = 0;
        while (true)
        {
            Refill();
            if (_cache != 0)
            {
                int leading = BitOperations.LeadingZeroCount(_cache);
                _cache = leading == 63 ? 0 : _cache << (leading + 1);
                _held -= leading + 1;
                return zeros + leading;
            }

            if (_held == 0)
            {
                throw new EndOfStreamException();
            }

            zeros += _held;
            _held = 0;
        }
    }

    /// <summary>Goes on to the next whole byte.</summary>
    public void Align()
    {
        int rest = _held % 8;
        _cache <<= rest;
        _held -= rest;
    }

    void Need(int count)
    {
        if (_held < count)
        {
            Refill();
            if (_held < count)
            {
                throw new EndOfStreamException();
            }
        }
    }

    void Refill()
    {
        if (_held <= 32 && _bytes.Length - _next >= 4)
        {
            _cache |= (ulong)BinaryPrimitives.ReadUInt32BigEndian(_bytes[_next..]) << (32 - _held);
            _held += 32;
            _next += 4;
        }

        while (_held <= 56 && _next < _bytes.Length)
        {
            _cache |= (ulong)_bytes[_next++] << (56 - _held);
            _held += 8;
        }
    }
}
