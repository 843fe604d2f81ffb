using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Thirty-two bytes: AVX2, with VNNI where the machine has its 256-bit form.</summary>
readonly unsafe struct U8x32 : ICodeLanes<U8x32, F32x8>
{
    readonly Vector256<byte> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    U8x32(Vector256<byte> value) => _v = value;

    /// <summary>Whether this machine has the instructions.</summary>
    public static bool IsSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx2.IsSupported;
    }

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 32;
    }

    /// <summary>The bytes.</summary>
    public Vector256<byte> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Load(byte* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Repeat(byte* sixteen) => new(Vector256.Create(Vector128.Load(sixteen)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Lookup(U8x32 table, U8x32 codes) => new(Avx2.Shuffle(table._v, codes._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Nibbles(byte* source, out U8x32 even, out U8x32 odd)
    {
        Vector256<byte> packed = Vector256.Load(source);
        Vector256<byte> low = Vector256.Create((byte)0x0F);
        even = new(packed & low);
        odd = new((packed.AsUInt16() >> 4).AsByte() & low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Octets(byte* source, int bits, out U8x32 even, out U8x32 odd)
    {
        // Sixteen codes lie in 2·bits ≤ 12 bytes, one 128-bit lane. Both vectors hold the codes 0–15 and 32–47,
        // 16–31 and 48–63 of the block in order; taking their 64-bit halves apart gives even and odd octets.
        Vector256<byte> a = Sixteens(source, source + 4 * bits, bits);
        Vector256<byte> b = Sixteens(source + 2 * bits, source + 6 * bits, bits);
        even = new(Avx2.UnpackLow(a.AsUInt64(), b.AsUInt64()).AsByte());
        odd = new(Avx2.UnpackHigh(a.AsUInt64(), b.AsUInt64()).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Bytes16(byte* source, out U8x32 even, out U8x32 odd)
    {
        Vector256<ushort> packed = Vector256.Load(source).AsUInt16();
        even = new((packed & Vector256.Create((ushort)0x00FF)).AsByte());
        odd = new((packed >> 8).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Dot8(U8x32 even, U8x32 odd, U8x32 evenX, U8x32 oddX)
    {
        if (AvxVnni.IsSupported)
        {
            return new(Vector256.ConvertToSingle(AvxVnni.MultiplyWideningAndAdd(
                AvxVnni.MultiplyWideningAndAdd(Vector256<int>.Zero, even._v, evenX._v.AsSByte()), odd._v, oddX._v.AsSByte())));
        }

        // At most 4 · 63 · 127 = 32,004: neither step saturates.
        Vector256<short> pairs = Avx2.MultiplyAddAdjacent(even._v, evenX._v.AsSByte()) + Avx2.MultiplyAddAdjacent(odd._v, oddX._v.AsSByte());
        return new(Vector256.ConvertToSingle(Avx2.MultiplyAddAdjacent(pairs, Vector256<short>.One)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Dot16(U8x32 even, U8x32 odd, U8x32 evenX, U8x32 oddX) => new(Vector256.ConvertToSingle(
        Avx2.MultiplyAddAdjacent(even._v.AsInt16(), evenX._v.AsInt16()) + Avx2.MultiplyAddAdjacent(odd._v.AsInt16(), oddX._v.AsInt16())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Spread(F32x8 values, int* index) => new(Avx2.PermuteVar8x32(values.Value, Vector256.Load(index)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<byte> Sixteens(byte* lower, byte* upper, int bits)
    {
        Vector256<byte> packed = Vector256.Create(Vector128.Load(lower), Vector128.Load(upper));
        U8x16.Steps(bits, out Vector128<byte> evenBytes, out Vector128<ushort> evenFactors, out Vector128<byte> oddBytes, out Vector128<ushort> oddFactors);
        Vector256<ushort> evens = Avx2.Shuffle(packed, Vector256.Create(evenBytes)).AsUInt16() * Vector256.Create(evenFactors);
        Vector256<ushort> odds = Avx2.Shuffle(packed, Vector256.Create(oddBytes)).AsUInt16() * Vector256.Create(oddFactors);
        ushort mask = (ushort)((1 << bits) - 1);
        return (((evens >> 8) & Vector256.Create(mask)) | (odds & Vector256.Create((ushort)(mask << 8)))).AsByte();
    }
}
