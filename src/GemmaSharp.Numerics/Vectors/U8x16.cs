using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Sixteen bytes: SSSE3, Arm's dot product, or whatever carries 128-bit vectors.</summary>
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

    public static U8x16 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Load(byte* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Repeat(byte* four) => new(Vector128.Create(*(int*)four).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Field(U8x16 value, int shift, byte mask) => new((value._v.AsUInt16() >> shift).AsByte() & Vector128.Create(mask));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Join(U8x16 low, U8x16 high, int shift) => new(low._v | (high._v.AsUInt16() << shift).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Lookup(byte* table, U8x16 codes) => new(Vector128.Shuffle(Vector128.Load(table), codes._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 MultiplyAdd(U8x16 sum, U8x16 codes, U8x16 x)
    {
        if (Ssse3.IsSupported)
        {
            return new((sum._v.AsInt16() + Ssse3.MultiplyAddAdjacent(codes._v, x._v.AsSByte())).AsByte());
        }

        if (Dp.IsSupported)
        {
            // Signed by signed, which is the same for codes below 128.
            return new(Dp.DotProduct(sum._v.AsInt32(), codes._v.AsSByte(), x._v.AsSByte()).AsByte());
        }

        // The even bytes of both, then the odd ones, as 16-bit numbers.
        Vector128<short> c = codes._v.AsInt16(), y = x._v.AsInt16();
        return new((sum._v.AsInt16() + (c & Vector128.Create((short)0xFF)) * ((y << 8) >> 8) + (c >>> 8) * (y >> 8)).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Widen(U8x16 sum)
    {
        if (Dp.IsSupported)
        {
            return sum;
        }

        Vector128<int> pairs = sum._v.AsInt32();
        return new((Sse2.IsSupported ? Sse2.MultiplyAddAdjacent(sum._v.AsInt16(), Vector128<short>.One) : ((pairs << 16) >> 16) + (pairs >> 16)).AsByte());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 Add(U8x16 left, U8x16 right) => new((left._v.AsInt32() + right._v.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x16 MultiplyAdd16(U8x16 sum, U8x16 codes, U8x16 even, U8x16 odd) => new((sum._v.AsInt32()
        + Pairs(codes._v.AsInt16() & Vector128.Create((short)0xFF), even._v.AsInt16()) + Pairs(codes._v.AsInt16() >>> 8, odd._v.AsInt16())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 ToFloat(U8x16 value) => new(Vector128.ConvertToSingle(value._v.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 AsFloat(U8x16 value) => new(value._v.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LowBFloat16(U8x16 words) => new((words._v.AsInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 HighBFloat16(U8x16 words) => new((words._v.AsInt32() & Vector128.Create(unchecked((int)0xFFFF0000))).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LowHalf(U8x16 words) => Half(words._v.AsInt32() << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 HighHalf(U8x16 words) => Half(words._v.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Byte(U8x16 words, int shift) => new(Vector128.ConvertToSingle((words._v.AsInt32() >>> shift) & Vector128.Create(255)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 SByte(U8x16 words, int shift) => new(Vector128.ConvertToSingle((words._v.AsInt32() << (24 - shift)) >> 24));

    /// <summary>Sign and magnitude move to where a float32 has them; a power of two makes up for the other bias of the exponent, and makes subnormals
    /// normal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static F32x4 Half(Vector128<int> words) =>
        new(((words >> 3) & Vector128.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector128.Create(239 << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<int> Pairs(Vector128<short> left, Vector128<short> right) => Sse2.IsSupported
        ? Sse2.MultiplyAddAdjacent(left, right)
        : ((left.AsInt32() << 16) >> 16) * ((right.AsInt32() << 16) >> 16) + (left.AsInt32() >> 16) * (right.AsInt32() >> 16);
}
