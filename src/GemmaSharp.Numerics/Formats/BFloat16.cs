namespace GemmaSharp.Numerics.Formats;

/// <summary>A brain float: the upper half of a float32 (8 exponent bits, 7 mantissa bits).</summary>
/// <param name="Bits">The stored 16 bits.</param>
readonly record struct BFloat16(ushort Bits)
{
    /// <summary>The value as float32; exact.</summary>
    /// <returns>The float32 with the same sign, exponent and mantissa; NaN stays NaN.</returns>
    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)Bits << 16);

    /// <summary>The nearest bfloat16, ties to even; NaN stays NaN, values beyond the range become infinite.</summary>
    /// <param name="value">Any float32.</param>
    /// <returns>The rounded value.</returns>
    public static BFloat16 FromSingle(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        return float.IsNaN(value)
            ? new((ushort)((bits >> 16) | 0x40))
            : new((ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16));
    }
}
