namespace GemmaSharp.Numerics.Formats;

/// <summary>The four- and eight-bit floating-point codes of the mxfp4, nvfp4 and mxfp8 modes.</summary>
/// <remarks>OCP Microscaling Formats 1.0: E2M1 (codes), E4M3 (codes and nvfp4 scales), E8M0 (mx scales). Thread-safe.</remarks>
public static class MiniFloat
{
    static readonly float[] s_e2m1 = [0f, 0.5f, 1f, 1.5f, 2f, 3f, 4f, 6f, -0f, -0.5f, -1f, -1.5f, -2f, -3f, -4f, -6f];
    static readonly float[] s_e4m3 = [.. Enumerable.Range(0, 256).Select(code => Float8.FromE4M3((byte)code))];
    static readonly float[] s_e8m0 = [.. Enumerable.Range(0, 256).Select(code => Float8.FromE8M0((byte)code))];

    /// <summary>Values of the 16 E2M1 codes: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.</summary>
    public static ReadOnlySpan<float> E2M1 => s_e2m1;

    /// <summary>Values of the 256 E4M3 codes; 0x7F and 0xFF are NaN, the largest is 448.</summary>
    public static ReadOnlySpan<float> E4M3 => s_e4m3;

    /// <summary>Values of the 256 E8M0 codes: <c>2^(s − 127)</c>, 255 is NaN.</summary>
    public static ReadOnlySpan<float> E8M0 => s_e8m0;

    /// <summary>The E4M3 code nearest to a number, ties to even, saturating at ±448 (NaN too).</summary>
    /// <param name="value">Any float32.</param>
    /// <returns>The code.</returns>
    public static byte ToE4M3(float value)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint sign = (bits >> 24) & 0x80;
        bits &= 0x7FFFFFFF;
        float magnitude = BitConverter.UInt32BitsToSingle(bits);
        if (!(magnitude < 448f))
        {
            return (byte)(sign | 0x7E);
        }

        if (magnitude < 0.015625f)
        {
            // Subnormal: a multiple of 2^−9. 0.015625 itself is the code 8, the first normal one.
            return (byte)(sign | (uint)MathF.Round(magnitude * 512f));
        }

        // Keep three mantissa bits: add just under half a unit, and one more when the last kept bit is odd.
        uint rounded = bits + 0x7FFFF + ((bits >> 20) & 1);
        return (byte)(sign | ((rounded >> 20) - (120 << 3)));
    }
}
