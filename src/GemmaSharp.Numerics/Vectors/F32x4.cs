using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace GemmaSharp.Numerics.Vectors;

/// <summary>Four float32 lanes: SSE or Arm Advanced SIMD.</summary>
readonly unsafe struct F32x4 : IVector<F32x4>
{
    readonly Vector128<float> _v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal F32x4(Vector128<float> value) => _v = value;

    /// <summary>The lanes.</summary>
    internal Vector128<float> Value
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _v;
    }

    public static int Count
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 4;
    }

    public static F32x4 Zero
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => new(Vector128<float>.Zero);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Create(float value) => new(Vector128.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Load(float* source) => new(Vector128.Load(source));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LoadBFloat16(ushort* source) => new((Widen(source) << 16).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LoadHalf(ushort* source)
    {
        // The exponent is re-biased by an addition. Half subnormals get one step more, which makes them normal
        // numbers with a hidden bit, and the hidden bit is subtracted: no float32 subnormal, which some machines
        // handle in microcode, ever takes part.
        Vector128<uint> bits = Widen(source);
        Vector128<uint> magnitude = (bits & Vector128.Create(0x7FFFu)) << 13;
        Vector128<uint> sign = (bits & Vector128.Create(0x8000u)) << 16;
        Vector128<uint> normal = magnitude + Vector128.Create(112u << 23);
        Vector128<uint> special = magnitude + Vector128.Create(224u << 23);
        Vector128<uint> subnormal =
            ((magnitude + Vector128.Create(113u << 23)).AsSingle() - Vector128.Create(113u << 23).AsSingle()).AsUInt32();
        Vector128<uint> finite = Vector128.ConditionalSelect(
            Vector128.LessThan(magnitude.AsInt32(), Vector128.Create(1 << 23)).AsUInt32(), subnormal, normal);
        Vector128<uint> result = Vector128.ConditionalSelect(
            Vector128.GreaterThan(magnitude.AsInt32(), Vector128.Create((31 << 23) - 1)).AsUInt32(), special, finite);
        return new((result | sign).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LoadSByte(sbyte* source) => new(Vector128.ConvertToSingle(
        Sse41.IsSupported ? Sse41.ConvertToVector128Int32(source)
        : Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(int*)source).AsSByte()))));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LoadByte(byte* source) => new(Vector128.ConvertToSingle(WidenBytes(source).AsInt32()));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 LoadE4M3(byte* source)
    {
        // As with halves: the exponent is re-biased by an addition, and subnormals get a hidden bit that is subtracted again.
        Vector128<uint> bits = WidenBytes(source);
        Vector128<uint> magnitude = (bits & Vector128.Create(0x7Fu)) << 20;
        Vector128<uint> sign = (bits & Vector128.Create(0x80u)) << 24;
        Vector128<uint> normal = magnitude + Vector128.Create(120u << 23);
        Vector128<uint> subnormal =
            ((magnitude + Vector128.Create(121u << 23)).AsSingle() - Vector128.Create(121u << 23).AsSingle()).AsUInt32();
        Vector128<uint> finite = Vector128.ConditionalSelect(
            Vector128.LessThan(magnitude.AsInt32(), Vector128.Create(1 << 23)).AsUInt32(), subnormal, normal);
        Vector128<uint> result = Vector128.ConditionalSelect(
            Vector128.Equals(magnitude, Vector128.Create(0x7Fu << 20)), Vector128.Create(0x7FC00000u), finite);
        return new((result | sign).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(F32x4 value, float* destination) => value._v.Store(destination);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 operator +(F32x4 left, F32x4 right) => new(left._v + right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 operator -(F32x4 left, F32x4 right) => new(left._v - right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 operator *(F32x4 left, F32x4 right) => new(left._v * right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 operator /(F32x4 left, F32x4 right) => new(left._v / right._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 MultiplyAdd(F32x4 a, F32x4 b, F32x4 c) => new(Vector128.MultiplyAddEstimate(a._v, b._v, c._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Max(F32x4 left, F32x4 right) => new(Vector128.MaxNative(left._v, right._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Min(F32x4 left, F32x4 right) => new(Vector128.MinNative(left._v, right._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Abs(F32x4 value) => new(Vector128.Abs(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 CopySign(F32x4 magnitude, F32x4 sign) => new(Vector128.CopySign(magnitude._v, sign._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 Round(F32x4 value) => new(Vector128.Round(value._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 PowerOfTwo(F32x4 exponent) =>
        new(((Vector128.ConvertToInt32Native(exponent._v) + Vector128.Create(127)) << 23).AsSingle());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static F32x4 SelectLess(F32x4 left, F32x4 right, F32x4 whenTrue, F32x4 whenFalse) =>
        new(Vector128.ConditionalSelect(Vector128.LessThan(left._v, right._v), whenTrue._v, whenFalse._v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sum(F32x4 value) => (value._v[0] + value._v[2]) + (value._v[1] + value._v[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreSums(F32x4 a, F32x4 b, F32x4 c, F32x4 d, float* destination)
    {
        // As Sum, transposed: [a0 b0 a1 b1] + [a2 b2 a3 b3], and the same of c and d; then the halves of both.
        Vector128<float> ab = InterleaveLower(a._v, b._v) + InterleaveUpper(a._v, b._v);
        Vector128<float> cd = InterleaveLower(c._v, d._v) + InterleaveUpper(c._v, d._v);
        (LowerHalves(ab, cd) + UpperHalves(ab, cd)).Store(destination);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MaxLane(F32x4 value) => MathF.Max(MathF.Max(value._v[0], value._v[1]), MathF.Max(value._v[2], value._v[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> InterleaveLower(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackLow(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipLow(a, b)
        : Vector128.Create(a[0], b[0], a[1], b[1]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> InterleaveUpper(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.UnpackHigh(a, b)
        : AdvSimd.Arm64.IsSupported ? AdvSimd.Arm64.ZipHigh(a, b)
        : Vector128.Create(a[2], b[2], a[3], b[3]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> LowerHalves(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveLowToHigh(a, b) : Vector128.Create(a.GetLower(), b.GetLower());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<float> UpperHalves(Vector128<float> a, Vector128<float> b) =>
        Sse.IsSupported ? Sse.MoveHighToLow(b, a) : Vector128.Create(a.GetUpper(), b.GetUpper());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> Widen(ushort* source) => Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(ulong*)source).AsUInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> WidenBytes(byte* source) =>
        Sse41.IsSupported ? Sse41.ConvertToVector128Int32(source).AsUInt32()
        : Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(*(int*)source).AsByte()));
}
