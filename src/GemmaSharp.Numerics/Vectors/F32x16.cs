using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Sixteen float32 lanes: AVX-512.</summary>
readonly unsafe struct F32x16 : IVector<F32x16>
{
    readonly Vector512<float> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal F32x16(Vector512<float> value) => _v = value;

    /// <summary>The lanes.</summary>
    internal Vector512<float> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 16;
    }

    public static F32x16 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector512<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Create(float value) => new(Vector512.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Load(float* source) => new(Vector512.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LoadBFloat16(ushort* source) => new((Widen(source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LoadHalf(ushort* source)
    {
        // The exponent is re-biased by an addition. Half subnormals get one step more, which makes them normal
        // numbers with a hidden bit, and the hidden bit is subtracted: no float32 subnormal, which some machines
        // handle in microcode, ever takes part.
        Vector512<uint> bits = Widen(source);
        Vector512<uint> magnitude = (bits & Vector512.Create(0x7FFFu)) << 13;
        Vector512<uint> sign = (bits & Vector512.Create(0x8000u)) << 16;
        Vector512<uint> normal = magnitude + Vector512.Create(112u << 23);
        Vector512<uint> special = magnitude + Vector512.Create(224u << 23);
        Vector512<uint> subnormal =
            ((magnitude + Vector512.Create(113u << 23)).AsSingle() - Vector512.Create(113u << 23).AsSingle()).AsUInt32();
        Vector512<uint> finite = Vector512.ConditionalSelect(
            Vector512.LessThan(magnitude.AsInt32(), Vector512.Create(1 << 23)).AsUInt32(), subnormal, normal);
        Vector512<uint> result = Vector512.ConditionalSelect(
            Vector512.GreaterThan(magnitude.AsInt32(), Vector512.Create((31 << 23) - 1)).AsUInt32(), special, finite);
        return new((result | sign).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LoadSByte(sbyte* source) => new(Vector512.ConvertToSingle(
        Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(Vector128.Load(source))
        : Vector512.WidenLower(Vector512.WidenLower(
            Vector512.Create(Vector256.Create(Vector128.Load(source), Vector128<sbyte>.Zero), Vector256<sbyte>.Zero)))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LoadByte(byte* source) => new(Vector512.ConvertToSingle(WidenBytes(source).AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 LoadE4M3(byte* source)
    {
        // As with halves: the exponent is re-biased by an addition, and subnormals get a hidden bit that is subtracted again.
        Vector512<uint> bits = WidenBytes(source);
        Vector512<uint> magnitude = (bits & Vector512.Create(0x7Fu)) << 20;
        Vector512<uint> sign = (bits & Vector512.Create(0x80u)) << 24;
        Vector512<uint> normal = magnitude + Vector512.Create(120u << 23);
        Vector512<uint> subnormal =
            ((magnitude + Vector512.Create(121u << 23)).AsSingle() - Vector512.Create(121u << 23).AsSingle()).AsUInt32();
        Vector512<uint> finite = Vector512.ConditionalSelect(
            Vector512.LessThan(magnitude.AsInt32(), Vector512.Create(1 << 23)).AsUInt32(), subnormal, normal);
        Vector512<uint> result = Vector512.ConditionalSelect(
            Vector512.Equals(magnitude, Vector512.Create(0x7Fu << 20)), Vector512.Create(0x7FC00000u), finite);
        return new((result | sign).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x16 value, float* destination) => value._v.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 operator +(F32x16 left, F32x16 right) => new(left._v + right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 operator -(F32x16 left, F32x16 right) => new(left._v - right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 operator *(F32x16 left, F32x16 right) => new(left._v * right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 operator /(F32x16 left, F32x16 right) => new(left._v / right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 MultiplyAdd(F32x16 a, F32x16 b, F32x16 c) => new(Vector512.MultiplyAddEstimate(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Max(F32x16 left, F32x16 right) => new(Vector512.MaxNative(left._v, right._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Min(F32x16 left, F32x16 right) => new(Vector512.MinNative(left._v, right._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Abs(F32x16 value) => new(Vector512.Abs(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 CopySign(F32x16 magnitude, F32x16 sign) => new(Vector512.CopySign(magnitude._v, sign._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 Round(F32x16 value) => new(Vector512.Round(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 PowerOfTwo(F32x16 exponent) =>
        new(((Vector512.ConvertToInt32Native(exponent._v) + Vector512.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x16 SelectLess(F32x16 left, F32x16 right, F32x16 whenTrue, F32x16 whenFalse) =>
        new(Vector512.ConditionalSelect(Vector512.LessThan(left._v, right._v), whenTrue._v, whenFalse._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(F32x16 value) => F32x8.Sum(value.Fold());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(F32x16 a, F32x16 b, F32x16 c, F32x16 d, float* destination) =>
        F32x8.StoreSums(a.Fold(), b.Fold(), c.Fold(), d.Fold(), destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(F32x16 value) => F32x8.MaxLane(new(Vector256.MaxNative(value._v.GetLower(), value._v.GetUpper())));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    F32x8 Fold() => new(_v.GetLower() + _v.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<uint> Widen(ushort* source) => Avx512F.IsSupported
        ? Avx512F.ConvertToVector512UInt32(Vector256.Load(source))
        : Vector512.WidenLower(Vector512.Create(Vector256.Load(source), Vector256<ushort>.Zero));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector512<uint> WidenBytes(byte* source) =>
        Avx512F.IsSupported ? Avx512F.ConvertToVector512UInt32(Vector128.Load(source))
        : Vector512.WidenLower(Vector512.WidenLower(Vector512.Create(Vector256.Create(Vector128.Load(source), Vector128<byte>.Zero), Vector256<byte>.Zero)));
}
