using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Sixteen bytes: SSSE3, or whatever carries 128-bit vectors.</summary>
readonly unsafe struct U8x16 : ICodeLanes<U8x16, F32x4>
{
    readonly Vector128<byte> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    U8x16(Vector128<byte> value) => _v = value;

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 16;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Load(byte* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Repeat(byte* sixteen) => new(Vector128.Load(sixteen));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Lookup(U8x16 table, U8x16 codes) => new(Vector128.Shuffle(table._v, codes._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Nibbles(byte* source, out U8x16 even, out U8x16 odd)
    {
        Vector128<byte> packed = Vector128.Load(source);
        Vector128<byte> low = Vector128.Create((byte)0x0F);
        even = new(packed & low);
        odd = new((packed.AsUInt16() >> 4).AsByte() & low);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Octets(byte* source, int bits, out U8x16 even, out U8x16 odd)
    {
        Vector128<byte> a = Sixteen(source, bits), b = Sixteen(source + 2 * bits, bits);
        even = new(Vector128.Create(a.GetLower(), b.GetLower()));
        odd = new(Vector128.Create(a.GetUpper(), b.GetUpper()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Bytes16(byte* source, out U8x16 even, out U8x16 odd)
    {
        Vector128<ushort> packed = Vector128.Load(source).AsUInt16();
        even = new((packed & Vector128.Create((ushort)0x00FF)).AsByte());
        odd = new((packed >> 8).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Dot8(U8x16 even, U8x16 odd, U8x16 evenX, U8x16 oddX)
    {
        if (Ssse3.IsSupported)
        {
            // At most 4 · 63 · 127 = 32,004: neither step saturates.
            Vector128<short> pairs = Ssse3.MultiplyAddAdjacent(even._v, evenX._v.AsSByte()) + Ssse3.MultiplyAddAdjacent(odd._v, oddX._v.AsSByte());
            return new(Vector128.ConvertToSingle(Sse2.MultiplyAddAdjacent(pairs, Vector128<short>.One)));
        }

        Vector128<short> low = Vector128.WidenLower(even._v.AsSByte()) * Vector128.WidenLower(evenX._v.AsSByte())
            + Vector128.WidenLower(odd._v.AsSByte()) * Vector128.WidenLower(oddX._v.AsSByte());
        Vector128<short> high = Vector128.WidenUpper(even._v.AsSByte()) * Vector128.WidenUpper(evenX._v.AsSByte())
            + Vector128.WidenUpper(odd._v.AsSByte()) * Vector128.WidenUpper(oddX._v.AsSByte());
        return new(Vector128.ConvertToSingle(FoldPairs(AddPairs(low), AddPairs(high))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Dot16(U8x16 even, U8x16 odd, U8x16 evenX, U8x16 oddX) => new(Vector128.ConvertToSingle(
        MultiplyAddPairs(even._v.AsInt16(), evenX._v.AsInt16()) + MultiplyAddPairs(odd._v.AsInt16(), oddX._v.AsInt16())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Spread(F32x4 values, int* index) => new(Vector128.Shuffle(values.Value, Vector128.Load(index)));

    /// <summary>How sixteen codes in the first 2·bits bytes are taken apart: the two bytes around each code, and the factor that moves it to bit 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Steps(
        int bits, out Vector128<byte> evenBytes, out Vector128<ushort> evenFactors, out Vector128<byte> oddBytes, out Vector128<ushort> oddFactors)
    {
        // Code i starts at bit i·bits: in byte (i·bits)/8 at bit (i·bits)%8. Multiplying by 2^(8 − that bit) moves it to bit 8.
        evenBytes = Vector128.Create(
            Pair(0, bits), Pair(2, bits), Pair(4, bits), Pair(6, bits), Pair(8, bits), Pair(10, bits), Pair(12, bits), Pair(14, bits)).AsByte();
        oddBytes = Vector128.Create(
            Pair(1, bits), Pair(3, bits), Pair(5, bits), Pair(7, bits), Pair(9, bits), Pair(11, bits), Pair(13, bits), Pair(15, bits)).AsByte();
        evenFactors = Vector128.Create(
            Factor(0, bits), Factor(2, bits), Factor(4, bits), Factor(6, bits), Factor(8, bits), Factor(10, bits), Factor(12, bits), Factor(14, bits));
        oddFactors = Vector128.Create(
            Factor(1, bits), Factor(3, bits), Factor(5, bits), Factor(7, bits), Factor(9, bits), Factor(11, bits), Factor(13, bits), Factor(15, bits));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ushort Pair(int code, int bits) => (ushort)((code * bits / 8) | ((code * bits / 8 + 1) << 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static ushort Factor(int code, int bits) => (ushort)(256 >> (code * bits % 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<byte> Sixteen(byte* source, int bits)
    {
        Vector128<byte> packed = Vector128.Load(source);
        Steps(bits, out Vector128<byte> evenBytes, out Vector128<ushort> evenFactors, out Vector128<byte> oddBytes, out Vector128<ushort> oddFactors);
        Vector128<ushort> evens = Vector128.Shuffle(packed, evenBytes).AsUInt16() * evenFactors;
        Vector128<ushort> odds = Vector128.Shuffle(packed, oddBytes).AsUInt16() * oddFactors;
        ushort mask = (ushort)((1 << bits) - 1);
        return (((evens >> 8) & Vector128.Create(mask)) | (odds & Vector128.Create((ushort)(mask << 8)))).AsByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> MultiplyAddPairs(Vector128<short> left, Vector128<short> right) => Sse2.IsSupported
        ? Sse2.MultiplyAddAdjacent(left, right)
        : FoldPairs(
            Vector128.WidenLower(left) * Vector128.WidenLower(right),
            Vector128.WidenUpper(left) * Vector128.WidenUpper(right));

    /// <summary>Sums of the two 16-bit halves of each 32-bit lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> AddPairs(Vector128<short> value) => ((value.AsInt32() << 16) >> 16) + (value.AsInt32() >> 16);

    /// <summary>Two lanes with the four values of <paramref name="low"/>, two with those of <paramref name="high"/>: any order within serves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> FoldPairs(Vector128<int> low, Vector128<int> high) =>
        Vector128.Create(low.GetLower(), high.GetLower()) + Vector128.Create(low.GetUpper(), high.GetUpper());
}
