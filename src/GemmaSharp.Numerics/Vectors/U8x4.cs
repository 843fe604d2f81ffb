using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Four bytes, one lane: machines without vectors, and the plainest form of the integer product.</summary>
readonly unsafe struct U8x4 : ICodeLanes<U8x4, F32x1>
{
    readonly uint _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    U8x4(uint value) => _v = value;

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    public static U8x4 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Load(byte* source) => new(Unsafe.ReadUnaligned<uint>(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Repeat(byte* four) => Load(four);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Field(U8x4 value, int shift, byte mask) => new((value._v >> shift) & (mask * 0x01010101u));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Join(U8x4 low, U8x4 high, int shift) => new(low._v | (high._v << shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Lookup(byte* table, U8x4 codes) =>
        new(table[Code(codes, 0)] | ((uint)table[Code(codes, 1)] << 8) | ((uint)table[Code(codes, 2)] << 16) | ((uint)table[Code(codes, 3)] << 24));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 MultiplyAdd(U8x4 sum, U8x4 codes, U8x4 x) => new(sum._v + (uint)(
        Code(codes, 0) * (sbyte)x._v + Code(codes, 1) * (sbyte)(x._v >> 8) + Code(codes, 2) * (sbyte)(x._v >> 16) + Code(codes, 3) * (sbyte)(x._v >> 24)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Widen(U8x4 sum) => sum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 Add(U8x4 left, U8x4 right) => new(left._v + right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x4 MultiplyAdd16(U8x4 sum, U8x4 codes, U8x4 even, U8x4 odd) => new(sum._v + (uint)(
        Code(codes, 0) * (short)even._v + Code(codes, 1) * (short)odd._v + Code(codes, 2) * (short)(even._v >> 16) + Code(codes, 3) * (short)(odd._v >> 16)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 ToFloat(U8x4 value) => new((int)value._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 AsFloat(U8x4 value) => new(BitConverter.UInt32BitsToSingle(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LowBFloat16(U8x4 words) => new(BitConverter.UInt32BitsToSingle(words._v << 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 HighBFloat16(U8x4 words) => new(BitConverter.UInt32BitsToSingle(words._v & 0xFFFF0000));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LowHalf(U8x4 words) => new((float)BitConverter.UInt16BitsToHalf((ushort)words._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 HighHalf(U8x4 words) => new((float)BitConverter.UInt16BitsToHalf((ushort)(words._v >> 16)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Byte(U8x4 words, int shift) => new((byte)(words._v >> shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 SByte(U8x4 words, int shift) => new((sbyte)(words._v >> shift));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static int Code(U8x4 codes, int i) => (byte)(codes._v >> (8 * i));
}
