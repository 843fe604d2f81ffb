using System.Buffers.Binary;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Formats;

/// <summary>
/// Codes of b bits in a little-endian bit stream: code i occupies bits <c>i·b … i·b+b−1</c>, bit t being bit <c>t mod 8</c> of byte <c>⌊t/8⌋</c>.
/// </summary>
/// <remarks>Eight codes are always b whole bytes. Source: MLX <c>quantized.h</c>, <c>pack</c>. Thread-safe.</remarks>
static class PackedBits
{
    /// <summary>One byte per code.</summary>
    /// <param name="packed">The bit stream, <c>[⌈n·b/8⌉]</c> bytes or more.</param>
    /// <param name="bits">Bits per code, 1…8.</param>
    /// <param name="codes">Receives the codes, <c>[n]</c>.</param>
    /// <exception cref="ArgumentException">The stream is too short.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bits"/> is not 1…8.</exception>
    public static void Unpack(ReadOnlySpan<byte> packed, int bits, Span<byte> codes)
    {
        Check(packed.Length, bits, codes.Length);
        ulong mask = 0x0101010101010101UL * ((1UL << bits) - 1);
        int i = 0;
        int p = 0;

        // A read of eight bytes serves eight codes of any width while the stream has that many left.
        if (Bmi2.X64.IsSupported)
        {
            for (; i + 8 <= codes.Length && p + 8 <= packed.Length; i += 8, p += bits)
            {
                ulong eight = BinaryPrimitives.ReadUInt64LittleEndian(packed[p..]);
                BinaryPrimitives.WriteUInt64LittleEndian(codes[i..], Bmi2.X64.ParallelBitDeposit(eight, mask));
            }
        }

        int low = (1 << bits) - 1;
        for (; i < codes.Length; i++)
        {
            long bit = (long)i * bits;
            int at = (int)(bit >> 3);
            int shift = (int)bit & 7;
            int next = shift + bits > 8 ? packed[at + 1] : 0;
            codes[i] = (byte)(((packed[at] | (next << 8)) >> shift) & low);
        }
    }

    /// <summary>The inverse of <see cref="Unpack"/>.</summary>
    /// <param name="codes">Codes below 2^b, <c>[n]</c>; higher bits are dropped.</param>
    /// <param name="bits">Bits per code, 1…8.</param>
    /// <param name="packed">Receives the stream, <c>[⌈n·b/8⌉]</c> bytes or more; bytes beyond the stream are left alone.</param>
    /// <exception cref="ArgumentException">The stream is too short.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bits"/> is not 1…8.</exception>
    public static void Pack(ReadOnlySpan<byte> codes, int bits, Span<byte> packed)
    {
        Check(packed.Length, bits, codes.Length);
        uint mask = (1u << bits) - 1;
        uint pending = 0;
        int held = 0;
        int p = 0;
        foreach (byte code in codes)
        {
            pending |= (code & mask) << held;
            held += bits;
            if (held >= 8)
            {
                packed[p++] = (byte)pending;
                pending >>= 8;
                held -= 8;
            }
        }

        if (held > 0)
        {
            packed[p] = (byte)pending;
        }
    }

    static void Check(int bytes, int bits, int codes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bits, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bits, 8);
        long needed = ((long)codes * bits + 7) / 8;
        if (bytes < needed)
        {
            throw new ArgumentException($"The bit stream has {bytes} bytes; {codes} codes of {bits} bits need {needed}.");
        }
    }
}
