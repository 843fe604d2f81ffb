using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>One float32 lane: machines without vectors, and the plainest form of every kernel.</summary>
readonly unsafe struct F32x1 : IVector<F32x1>
{
    readonly float _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal F32x1(float value) => _v = value;

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 1;
    }

    public static F32x1 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(0f);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Create(float value) => new(value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Load(float* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LoadBFloat16(ushort* source) => new(BitConverter.UInt32BitsToSingle((uint)*source << 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LoadHalf(ushort* source)
    {
        // Step by step what the wider vectors do, so that NaN keeps its bits, too.
        uint magnitude = (*source & 0x7FFFu) << 13;
        uint sign = (*source & 0x8000u) << 16;
        uint result = magnitude > (31u << 23) - 1 ? magnitude + (224u << 23)
            : magnitude >= 1u << 23 ? magnitude + (112u << 23)
            : BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(magnitude + (113u << 23)) - BitConverter.UInt32BitsToSingle(113u << 23));
        return new(BitConverter.UInt32BitsToSingle(result | sign));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LoadSByte(sbyte* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LoadByte(byte* source) => new(*source);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 LoadE4M3(byte* source)
    {
        uint magnitude = (*source & 0x7Fu) << 20;
        uint sign = (*source & 0x80u) << 24;
        uint result = magnitude == 0x7Fu << 20 ? 0x7FC00000u
            : magnitude >= 1u << 23 ? magnitude + (120u << 23)
            : BitConverter.SingleToUInt32Bits(BitConverter.UInt32BitsToSingle(magnitude + (121u << 23)) - BitConverter.UInt32BitsToSingle(121u << 23));
        return new(BitConverter.UInt32BitsToSingle(result | sign));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x1 value, float* destination) => *destination = value._v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 operator +(F32x1 left, F32x1 right) => new(left._v + right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 operator -(F32x1 left, F32x1 right) => new(left._v - right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 operator *(F32x1 left, F32x1 right) => new(left._v * right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 operator /(F32x1 left, F32x1 right) => new(left._v / right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 MultiplyAdd(F32x1 a, F32x1 b, F32x1 c) => new(float.MultiplyAddEstimate(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Max(F32x1 left, F32x1 right) => new(left._v > right._v ? left._v : right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Min(F32x1 left, F32x1 right) => new(left._v < right._v ? left._v : right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Abs(F32x1 value) => new(MathF.Abs(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 CopySign(F32x1 magnitude, F32x1 sign) => new(MathF.CopySign(magnitude._v, sign._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 Round(F32x1 value) => new(MathF.Round(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 PowerOfTwo(F32x1 exponent) =>
        new(BitConverter.Int32BitsToSingle(((int)exponent._v + 127) << 23));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x1 SelectLess(F32x1 left, F32x1 right, F32x1 whenTrue, F32x1 whenFalse) =>
        left._v < right._v ? whenTrue : whenFalse;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(F32x1 value) => value._v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(F32x1 a, F32x1 b, F32x1 c, F32x1 d, float* destination)
    {
        destination[0] = a._v;
        destination[1] = b._v;
        destination[2] = c._v;
        destination[3] = d._v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(F32x1 value) => value._v;
}
