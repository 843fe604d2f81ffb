namespace GemmaSharp.Numerics.Formats;

/// <summary>Floating-point numbers of four and eight bits as float32, exact, and back.</summary>
/// <remarks>
/// OCP 8-bit Floating Point 1.0 and Microscaling Formats 1.0: E2M1 (codes of mxfp4 and nvfp4), E4M3 (codes of mxfp8, scales of nvfp4), E8M0 (scales
/// of the mx modes); E4M3, E5M2 and E8M0 are also element types of files. Thread-safe.
/// </remarks>
static class MiniFloat
{
    static readonly float[] s_e2m1 = [0f, 0.5f, 1f, 1.5f, 2f, 3f, 4f, 6f, -0f, -0.5f, -1f, -1.5f, -2f, -3f, -4f, -6f];
    static readonly float[] s_e4m3 = [.. Enumerable.Range(0, 256).Select(FromE4M3)];
    static readonly float[] s_e5m2 = [.. Enumerable.Range(0, 256).Select(FromE5M2)];
    static readonly float[] s_e8m0 = [.. Enumerable.Range(0, 256).Select(FromE8M0)];

    /// <summary>Values of the 16 E2M1 codes: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives.</summary>
    public static ReadOnlySpan<float> E2M1 => s_e2m1;

    /// <summary>Values of the 256 E4M3 codes; 0x7F and 0xFF are NaN, the largest is 448.</summary>
    public static ReadOnlySpan<float> E4M3 => s_e4m3;

    /// <summary>Values of the 256 E5M2 codes: the upper byte of an IEEE half, with its infinities and NaN.</summary>
    public static ReadOnlySpan<float> E5M2 => s_e5m2;

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

    /// <summary>Bias 7, no infinities, NaN is S.1111.111.</summary>
    static float FromE4M3(int bits)
    {
        int exponent = (bits >> 3) & 15;
        int mantissa = bits & 7;
        float magnitude = (exponent, mantissa) switch
        {
            (15, 7) => float.NaN,
            (0, _) => mantissa * (1f / 512f),
            _ => BitConverter.Int32BitsToSingle(((exponent + 120) << 23) | (mantissa << 20)),
        };
        return (bits & 0x80) != 0 ? -magnitude : magnitude;
    }

    static float FromE5M2(int bits) => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8));

    static float FromE8M0(int bits) => bits switch
    {
        255 => float.NaN,
        0 => BitConverter.Int32BitsToSingle(1 << 22),
        _ => BitConverter.Int32BitsToSingle(bits << 23),
    };
}
