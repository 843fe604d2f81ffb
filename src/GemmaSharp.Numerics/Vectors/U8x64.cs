using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Sixty-four bytes: AVX-512 with byte and word instructions.</summary>
/// <remarks>
/// .NET 10 has no 512-bit VNNI, so products go through 16-bit sums. Machines with AVX2 alone can run this by halves, which is how tests reach it there.
/// </remarks>
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

    public static U8x64 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => default;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Load(byte* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Repeat(byte* four) => new(Vector512.Create(*(int*)four).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Field(U8x64 value, int shift, byte mask) => new((value._v.AsUInt16() >> shift).AsByte() & Vector512.Create(mask));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Join(U8x64 low, U8x64 high, int shift) => new(low._v | (high._v.AsUInt16() << shift).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Lookup(byte* table, U8x64 codes) => new(Avx512BW.IsSupported
        ? Avx512BW.Shuffle(Vector512.Create(Vector128.Load(table)), codes._v)
        : Vector512.Create(U8x32.Lookup(table, new(codes._v.GetLower())).Value, U8x32.Lookup(table, new(codes._v.GetUpper())).Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 MultiplyAdd(U8x64 sum, U8x64 codes, U8x64 x) =>
        new((sum._v.AsInt16() + (Avx512BW.IsSupported
            ? Avx512BW.MultiplyAddAdjacent(codes._v, x._v.AsSByte())
            : Vector512.Create(
                Avx2.MultiplyAddAdjacent(codes._v.GetLower(), x._v.GetLower().AsSByte()),
                Avx2.MultiplyAddAdjacent(codes._v.GetUpper(), x._v.GetUpper().AsSByte())))).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Widen(U8x64 sum) =>
        new(Pairs(sum._v.AsInt16(), Vector512<short>.One).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 Add(U8x64 left, U8x64 right) => new((left._v.AsInt32() + right._v.AsInt32()).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static U8x64 MultiplyAdd16(U8x64 sum, U8x64 codes, U8x64 even, U8x64 odd) => new((sum._v.AsInt32()
        + Pairs(codes._v.AsInt16() & Vector512.Create((short)0xFF), even._v.AsInt16()) + Pairs(codes._v.AsInt16() >>> 8, odd._v.AsInt16())).AsByte());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 ToFloat(U8x64 value) => new(Vector512.ConvertToSingle(value._v.AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 AsFloat(U8x64 value) => new(value._v.AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LowBFloat16(U8x64 words) => new((words._v.AsInt32() << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 HighBFloat16(U8x64 words) => new((words._v.AsInt32() & Vector512.Create(unchecked((int)0xFFFF0000))).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LowHalf(U8x64 words) => Half(words._v.AsInt32() << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 HighHalf(U8x64 words) => Half(words._v.AsInt32());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Byte(U8x64 words, int shift) => new(Vector512.ConvertToSingle((words._v.AsInt32() >>> shift) & Vector512.Create(255)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 SByte(U8x64 words, int shift) => new(Vector512.ConvertToSingle((words._v.AsInt32() << (24 - shift)) >> 24));

    /// <summary>Sign and magnitude move to where a float32 has them; a power of two makes up for the other bias of the exponent, and makes subnormals
    /// normal.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static F32x16 Half(Vector512<int> words) =>
        new(((words >> 3) & Vector512.Create(unchecked((int)0x8FFFE000))).AsSingle() * Vector512.Create(239 << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<int> Pairs(Vector512<short> left, Vector512<short> right) => Avx512BW.IsSupported
        ? Avx512BW.MultiplyAddAdjacent(left, right)
        : Vector512.Create(Avx2.MultiplyAddAdjacent(left.GetLower(), right.GetLower()), Avx2.MultiplyAddAdjacent(left.GetUpper(), right.GetUpper()));
}
