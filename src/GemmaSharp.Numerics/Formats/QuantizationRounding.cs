namespace GemmaSharp.Numerics.Formats;

/// <summary>Whose arithmetic a quantiser follows: the two backends of MLX differ in the last code.</summary>
public enum QuantizationRounding
{
    /// <summary>
    /// MLX on a GPU, which wrote the published files: a group's maximum starts at zero, ties round away from zero,
    /// fp4 codes by thresholds.
    /// </summary>
    Metal,

    /// <summary>MLX on a CPU: the true maximum of a group, ties to even, the fp4 code nearest in the table.</summary>
    Cpu,
}
