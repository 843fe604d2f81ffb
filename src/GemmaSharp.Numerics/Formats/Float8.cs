namespace GemmaSharp.Numerics.Formats;

/// <summary>The 8-bit floating-point forms of the Open Compute Project (OFP8 and MX specifications) as float32; exact.</summary>
internal static class Float8
{
    /// <summary>E4M3 without infinities: bias 7, NaN is S.1111.111.</summary>
    public static float FromE4M3(byte bits)
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

    /// <summary>E5M2: the upper byte of an IEEE half.</summary>
    public static float FromE5M2(byte bits) => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8));

    /// <summary>E8M0, the scale of microscaling blocks: <c>2^(bits − 127)</c>, 255 is NaN.</summary>
    public static float FromE8M0(byte bits) => bits switch
    {
        255 => float.NaN,
        0 => BitConverter.Int32BitsToSingle(1 << 22),
        _ => BitConverter.Int32BitsToSingle(bits << 23),
    };
}
