using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>How the integer product reads the scales of a block: one struct for each of <see cref="PackedScales"/>.</summary>
unsafe interface IPackedScales
{
    /// <summary>Scales of a group of columns, a lane for each row.</summary>
    /// <param name="lines">The block's lines of scales, at the place of the first row.</param>
    /// <param name="group">Which group of the block.</param>
    /// <param name="groups">How many it has.</param>
    static abstract TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;

    /// <summary>Biases of a group of columns.</summary>
    /// <param name="lines">The block's lines of scales, at the place of the first row.</param>
    /// <param name="group">Which group of the block.</param>
    /// <param name="groups">How many it has.</param>
    /// <param name="scale">The group's scales.</param>
    /// <param name="factor">What makes biases of them where none are kept.</param>
    static abstract TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat>;
}

/// <summary><see cref="PackedScales.BFloat16Pairs"/>.</summary>
readonly unsafe struct BFloat16PairScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.LowBFloat16(TLanes.Load(lines));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.HighBFloat16(TLanes.Load(lines));
}

/// <summary><see cref="PackedScales.HalfPairs"/>.</summary>
readonly unsafe struct HalfPairScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.LowHalf(TLanes.Load(lines));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.HighHalf(TLanes.Load(lines));
}

/// <summary><see cref="PackedScales.FloatPairs"/>.</summary>
readonly unsafe struct FloatPairScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.AsFloat(TLanes.Load(lines));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => TLanes.AsFloat(TLanes.Load(lines + PackedForm.LineBytes));
}

/// <summary><see cref="PackedScales.BFloat16Singles"/>.</summary>
readonly unsafe struct BFloat16SingleScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => group == 0 ? TLanes.LowBFloat16(TLanes.Load(lines)) : TLanes.HighBFloat16(TLanes.Load(lines));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => scale * factor;
}

/// <summary><see cref="PackedScales.HalfSingles"/>.</summary>
readonly unsafe struct HalfSingleScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => group == 0 ? TLanes.LowHalf(TLanes.Load(lines)) : TLanes.HighHalf(TLanes.Load(lines));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => scale * factor;
}

/// <summary><see cref="PackedScales.SuperPairs"/>: scale and minimum are products of a byte and a float32.</summary>
readonly unsafe struct SuperPairScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> =>
        TLanes.Byte(TLanes.Load(lines + (group >> 1) * PackedForm.LineBytes), 16 * (group & 1))
            * TLanes.AsFloat(TLanes.Load(lines + (groups >> 1) * PackedForm.LineBytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> =>
        TLanes.Byte(TLanes.Load(lines + (group >> 1) * PackedForm.LineBytes), 16 * (group & 1) + 8)
            * TLanes.AsFloat(TLanes.Load(lines + ((groups >> 1) + 1) * PackedForm.LineBytes));
}

/// <summary><see cref="PackedScales.SuperSingles"/>: a scale is the product of a signed byte and a float32.</summary>
readonly unsafe struct SuperSingleScales : IPackedScales
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Scale<TLanes, TFloat>(byte* lines, int group, int groups)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> =>
        TLanes.SByte(TLanes.Load(lines + (group >> 2) * PackedForm.LineBytes), 8 * (group & 3))
            * TLanes.AsFloat(TLanes.Load(lines + (groups >> 2) * PackedForm.LineBytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TFloat Bias<TLanes, TFloat>(byte* lines, int group, int groups, TFloat scale, TFloat factor)
        where TLanes : struct, ICodeLanes<TLanes, TFloat>
        where TFloat : struct, IVector<TFloat> => scale * factor;
}
