using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Thirty-two bytes: AVX2, with VNNI where the machine has its 256-bit form.</summary>
readonly unsafe struct U8x32 : ICodeLanes<U8x32, F32x8>
{
    readonly Vector256<byte> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal U8x32(Vector256<byte> value) => _v = value;

    /// <summary>Whether this machine has the instructions.</summary>
    public static bool IsSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Avx2.IsSupported;
    }

    /// <summary>The bytes.</summary>
    internal Vector256<byte> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Bytes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 32;
    }

    public static U8x32 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Load(byte* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Repeat(byte* four) => new(Vector256.Create(*(int*)four).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Field(U8x32 value, int shift, byte mask) => new((value._v.AsUInt16() >> shift).AsByte() & Vector256.Create(mask));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Join(U8x32 low, U8x32 high, int shift) => new(low._v | (high._v.AsUInt16() << shift).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Lookup(byte* table, U8x32 codes) => new(Avx2.Shuffle(Vector256.Create(Vector128.Load(table)), codes._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 MultiplyAdd(U8x32 sum, U8x32 codes, U8x32 x) =>
        AvxVnni.IsSupported
            ? new(AvxVnni.MultiplyWideningAndAdd(sum._v.AsInt32(), codes._v, x._v.AsSByte()).AsByte())
            : new((sum._v.AsInt16() + Avx2.MultiplyAddAdjacent(codes._v, x._v.AsSByte())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Widen(U8x32 sum) =>
        AvxVnni.IsSupported ? sum : new(Avx2.MultiplyAddAdjacent(sum._v.AsInt16(), Vector256<short>.One).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 Add(U8x32 left, U8x32 right) => new((left._v.AsInt32() + right._v.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x32 MultiplyAdd16(U8x32 sum, U8x32 codes, U8x32 even, U8x32 odd) => new((sum._v.AsInt32()
        + Pairs(codes._v.AsInt16() & Vector256.Create((short)0xFF), even._v.AsInt16()) + Pairs(codes._v.AsInt16() >>> 8, odd._v.AsInt16())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 ToFloat(U8x32 value) => new(Vector256.ConvertToSingle(value._v.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 AsFloat(U8x32 value) => new(value._v.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LowBFloat16(U8x32 words) => new((words._v.AsInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 HighBFloat16(U8x32 words) => new((words._v.AsInt32() & Vector256.Create(unchecked((int)0xFFFF0000))).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LowHalf(U8x32 words) => Half(words._v.AsInt32() << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 HighHalf(U8x32 words) => Half(words._v.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Byte(U8x32 words, int shift) => new(Vector256.ConvertToSingle((words._v.AsInt32() >>> shift) & Vector256.Create(255)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 SByte(U8x32 words, int shift) => new(Vector256.ConvertToSingle((words._v.AsInt32() << (24 - shift)) >> 24));

    /// <summary>Sign and magnitude move to where a float32 has them; a power of two makes up for the other bias of the exponent, and makes subnormals
    /// normal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static F32x8 Half(Vector256<int> words) =>
        new(((words >> 3) & Vector256.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector256.Create(239 << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<int> Pairs(Vector256<short> left, Vector256<short> right) => Avx2.MultiplyAddAdjacent(left, right);
}
