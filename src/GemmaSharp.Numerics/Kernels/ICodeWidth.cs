using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Bits of a packed code as a type, so that shifts and masks are constants to the compiler.</summary>
interface ICodeWidth
{
    /// <summary>The number of bits.</summary>
    static abstract int Bits { get; }
}

/// <summary>2 bits.</summary>
readonly struct TwoBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 2;
    }
}

/// <summary>3 bits.</summary>
readonly struct ThreeBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 3;
    }
}

/// <summary>5 bits.</summary>
readonly struct FiveBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 5;
    }
}

/// <summary>6 bits.</summary>
readonly struct SixBits : ICodeWidth
{
    public static int Bits
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => 6;
    }
}
