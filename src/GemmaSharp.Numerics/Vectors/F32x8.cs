using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Eight float32 lanes: AVX2.</summary>
readonly unsafe struct F32x8 : IVector<F32x8>
{
    readonly Vector256<float> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal F32x8(Vector256<float> value) => _v = value;

    /// <summary>The lanes.</summary>
    internal Vector256<float> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 8;
    }

    public static F32x8 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector256<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Create(float value) => new(Vector256.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Load(float* source) => new(Vector256.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LoadBFloat16(ushort* source) => new((Widen(source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LoadHalf(ushort* source)
    {
        // The exponent is re-biased by an addition. Half subnormals get one step more, which makes them normal
        // numbers with a hidden bit, and the hidden bit is subtracted: no float32 subnormal, which some machines
        // handle in microcode, ever takes part.
        Vector256<uint> bits = Widen(source);
        Vector256<uint> magnitude = (bits & Vector256.Create(0x7FFFu)) << 13;
        Vector256<uint> sign = (bits & Vector256.Create(0x8000u)) << 16;
        Vector256<uint> normal = magnitude + Vector256.Create(112u << 23);
        Vector256<uint> special = magnitude + Vector256.Create(224u << 23);
        Vector256<uint> subnormal =
            ((magnitude + Vector256.Create(113u << 23)).AsSingle() - Vector256.Create(113u << 23).AsSingle()).AsUInt32();
        Vector256<uint> finite = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude.AsInt32(), Vector256.Create(1 << 23)).AsUInt32(), subnormal, normal);
        Vector256<uint> result = Vector256.ConditionalSelect(
            Vector256.GreaterThan(magnitude.AsInt32(), Vector256.Create((31 << 23) - 1)).AsUInt32(), special, finite);
        return new((result | sign).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LoadSByte(sbyte* source) => new(Vector256.ConvertToSingle(
        Avx2.IsSupported ? Avx2.ConvertToVector256Int32(source)
        : Vector256.WidenLower(Vector256.WidenLower(Vector256.Create(Vector128.CreateScalarUnsafe(*(long*)source).AsSByte(), Vector128<sbyte>.Zero)))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LoadByte(byte* source) => new(Vector256.ConvertToSingle(WidenBytes(source).AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 LoadE4M3(byte* source)
    {
        // As with halves: the exponent is re-biased by an addition, and subnormals get a hidden bit that is subtracted again.
        Vector256<uint> bits = WidenBytes(source);
        Vector256<uint> magnitude = (bits & Vector256.Create(0x7Fu)) << 20;
        Vector256<uint> sign = (bits & Vector256.Create(0x80u)) << 24;
        Vector256<uint> normal = magnitude + Vector256.Create(120u << 23);
        Vector256<uint> subnormal =
            ((magnitude + Vector256.Create(121u << 23)).AsSingle() - Vector256.Create(121u << 23).AsSingle()).AsUInt32();
        Vector256<uint> finite = Vector256.ConditionalSelect(
            Vector256.LessThan(magnitude.AsInt32(), Vector256.Create(1 << 23)).AsUInt32(), subnormal, normal);
        Vector256<uint> result = Vector256.ConditionalSelect(
            Vector256.Equals(magnitude, Vector256.Create(0x7Fu << 20)), Vector256.Create(0x7FC00000u), finite);
        return new((result | sign).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x8 value, float* destination) => value._v.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 operator +(F32x8 left, F32x8 right) => new(left._v + right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 operator -(F32x8 left, F32x8 right) => new(left._v - right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 operator *(F32x8 left, F32x8 right) => new(left._v * right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 operator /(F32x8 left, F32x8 right) => new(left._v / right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 MultiplyAdd(F32x8 a, F32x8 b, F32x8 c) => new(Vector256.MultiplyAddEstimate(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Max(F32x8 left, F32x8 right) => new(Vector256.MaxNative(left._v, right._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Min(F32x8 left, F32x8 right) => new(Vector256.MinNative(left._v, right._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Abs(F32x8 value) => new(Vector256.Abs(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 CopySign(F32x8 magnitude, F32x8 sign) => new(Vector256.CopySign(magnitude._v, sign._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 Round(F32x8 value) => new(Vector256.Round(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 PowerOfTwo(F32x8 exponent) =>
        new(((Vector256.ConvertToInt32Native(exponent._v) + Vector256.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x8 SelectLess(F32x8 left, F32x8 right, F32x8 whenTrue, F32x8 whenFalse) =>
        new(Vector256.ConditionalSelect(Vector256.LessThan(left._v, right._v), whenTrue._v, whenFalse._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(F32x8 value) => F32x4.Sum(value.Fold());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(F32x8 a, F32x8 b, F32x8 c, F32x8 d, float* destination) =>
        F32x4.StoreSums(a.Fold(), b.Fold(), c.Fold(), d.Fold(), destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(F32x8 value) => F32x4.MaxLane(new(Vector128.MaxNative(value._v.GetLower(), value._v.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    F32x4 Fold() => new(_v.GetLower() + _v.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> Widen(ushort* source) => Avx2.IsSupported
        ? Avx2.ConvertToVector256Int32(source).AsUInt32()
        : Vector256.WidenLower(Vector256.Create(Vector128.Load(source), Vector128<ushort>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector256<uint> WidenBytes(byte* source) =>
        Avx2.IsSupported ? Avx2.ConvertToVector256Int32(source).AsUInt32()
        : Vector256.WidenLower(Vector256.WidenLower(Vector256.Create(Vector128.CreateScalarUnsafe(*(long*)source).AsByte(), Vector128<byte>.Zero)));
}
