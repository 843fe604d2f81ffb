using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Sixty-four bytes: AVX-512 with byte and word instructions.</summary>
/// <remarks>.NET 10 has no 512-bit VNNI, so products go through 16-bit sums, which codes of six bits cannot overflow.</remarks>
readonly unsafe struct U8x64 : ICodeLanes<U8x64, F32x16>
{
    readonly Vector512<byte> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    U8x64(Vector512<byte> value) => _v = value;

    /// <summary>Whether this machine has the instructions.</summary>
    public static bool IsSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated && Avx512BW.IsSupported;
    }

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 64;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Load(byte* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Repeat(byte* sixteen) => new(Vector512.Create(Vector128.Load(sixteen)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Lookup(U8x64 table, U8x64 codes) => new(Avx512BW.Shuffle(table._v, codes._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Nibbles(byte* source, out U8x64 even, out U8x64 odd)
    {
        Vector512<byte> packed = Vector512.Load(source);
        Vector512<byte> low = Vector512.Create((byte)0x0F);
        even = new(packed & low);
        odd = new((packed.AsUInt16() >> 4).AsByte() & low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Octets(byte* source, int bits, out U8x64 even, out U8x64 odd)
    {
        if (!Avx512Vbmi.IsSupported)
        {
            // Two blocks of half the size side by side are one block.
            U8x32.Octets(source, bits, out U8x32 even0, out U8x32 odd0);
            U8x32.Octets(source + 8 * bits, bits, out U8x32 even1, out U8x32 odd1);
            even = new(Vector512.Create(even0.Value, even1.Value));
            odd = new(Vector512.Create(odd0.Value, odd1.Value));
            return;
        }

        // Eight octets fill 8·bits ≤ 48 bytes of each source. A byte permutation puts one octet into each 64 bits,
        // a multishift takes its eight codes apart.
        Vector512<byte> first = Vector512.Load(source), second = Vector512.Load(source + 8 * bits);
        Vector512<byte> shifts = Vector512.Create(Shifts(bits)).AsByte();
        Vector512<byte> mask = Vector512.Create((byte)((1 << bits) - 1));
        even = new(Avx512Vbmi.MultiShift(shifts, Avx512Vbmi.PermuteVar64x8x2(first, OctetBytes(bits, 0), second).AsUInt64()) & mask);
        odd = new(Avx512Vbmi.MultiShift(shifts, Avx512Vbmi.PermuteVar64x8x2(first, OctetBytes(bits, bits), second).AsUInt64()) & mask);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Bytes16(byte* source, out U8x64 even, out U8x64 odd)
    {
        Vector512<ushort> packed = Vector512.Load(source).AsUInt16();
        even = new((packed & Vector512.Create((ushort)0x00FF)).AsByte());
        odd = new((packed >> 8).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Dot8(U8x64 even, U8x64 odd, U8x64 evenX, U8x64 oddX)
    {
        // At most 4 · 63 · 127 = 32,004: neither step saturates.
        Vector512<short> pairs = Avx512BW.MultiplyAddAdjacent(even._v, evenX._v.AsSByte()) + Avx512BW.MultiplyAddAdjacent(odd._v, oddX._v.AsSByte());
        return new(Vector512.ConvertToSingle(Avx512BW.MultiplyAddAdjacent(pairs, Vector512<short>.One)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Dot16(U8x64 even, U8x64 odd, U8x64 evenX, U8x64 oddX) => new(Vector512.ConvertToSingle(
        Avx512BW.MultiplyAddAdjacent(even._v.AsInt16(), evenX._v.AsInt16()) + Avx512BW.MultiplyAddAdjacent(odd._v.AsInt16(), oddX._v.AsInt16())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Spread(F32x16 values, int* index) => new(Avx512F.PermuteVar16x32(values.Value, Vector512.Load(index)));

    /// <summary>Bit offsets of eight codes, one in each byte.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ulong Shifts(int bits) => 0x0706050403020100UL * (ulong)bits;

    /// <summary>Byte numbers of octets 0, 2, 4, 6 of the first source and of the second, moved by <paramref name="start"/> bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<byte> OctetBytes(int bits, int start)
    {
        ulong step = 0x0101010101010101UL;
        ulong bytes = 0x0706050403020100UL + step * (ulong)start;
        ulong next = step * (ulong)(2 * bits);
        return Vector512.Create(
            bytes, bytes + next, bytes + 2 * next, bytes + 3 * next,
            bytes + 64 * step, bytes + next + 64 * step, bytes + 2 * next + 64 * step, bytes + 3 * next + 64 * step).AsByte();
    }
}
