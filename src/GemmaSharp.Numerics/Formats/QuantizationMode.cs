namespace GemmaSharp.Numerics.Formats;

/// <summary>How the codes of a quantised matrix stand for numbers.</summary>
public enum QuantizationMode
{
    /// <summary><c>w = scale · q + bias</c>, q an unsigned integer of 2, 3, 4, 5, 6 or 8 bits.</summary>
    Affine,

    /// <summary><c>w = 2^(s−127) · e2m1(q)</c>, groups of 32 (OCP microscaling).</summary>
    MxFp4,

    /// <summary><c>w = e4m3(s) · e2m1(q)</c>, groups of 16.</summary>
    NvFp4,

    /// <summary><c>w = 2^(s−127) · e4m3(q)</c>, groups of 32 (OCP microscaling).</summary>
    MxFp8,
}
