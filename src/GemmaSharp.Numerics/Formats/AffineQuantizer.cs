using System.Numerics;

namespace GemmaSharp.Numerics.Formats;

/// <summary>
/// <c>w ≈ scale · q + bias</c> per group: the grid starts at the extreme of larger magnitude and is shrunk so that zero lies on it.
/// </summary>
/// <remarks>All arithmetic is IEEE float32, without fused multiply-add, as in MLX <c>affine_quantize</c>.</remarks>
static class AffineQuantizer
{
    /// <summary>One row: codes <c>[n]</c>, scales and biases <c>[n / group]</c> rounded to <paramref name="type"/>.</summary>
    public static void Quantize(
        ReadOnlySpan<float> row, QuantizationFormat format, QuantizationRounding rounding, ElementType type,
        Span<byte> codes, Span<byte> scales, Span<byte> biases)
    {
        int size = format.GroupSize;
        float steps = (1 << format.Bits) - 1;
        for (int group = 0; group < row.Length / size; group++)
        {
            ReadOnlySpan<float> w = row.Slice(group * size, size);
            (float scale, float bias) = Grid(w, steps, rounding);
            Encode(w, scale, bias, steps, rounding, codes.Slice(group * size, size));
            StoredFloats.Write(scale, group, type, scales);
            StoredFloats.Write(bias, group, type, biases);
        }
    }

    static (float Scale, float Bias) Grid(ReadOnlySpan<float> w, float steps, QuantizationRounding rounding)
    {
        (float low, float high) = (float.PositiveInfinity, rounding == QuantizationRounding.Metal ? 0f : float.NegativeInfinity);
        foreach (float value in w)
        {
            low = value < low ? value : low;
            high = value > high ? value : high;
        }

        float scale = MathF.Max((high - low) / steps, 1e-7f);
        bool lowIsEdge = MathF.Abs(low) > MathF.Abs(high);
        scale = lowIsEdge ? scale : -scale;
        float edge = lowIsEdge ? low : high;
        float stepsToZero = Round(edge / scale, rounding);
        return stepsToZero != 0 ? (edge / stepsToZero, edge) : (scale, 0f);
    }

    static void Encode(ReadOnlySpan<float> w, float scale, float bias, float steps, QuantizationRounding rounding, Span<byte> codes)
    {
        Vector<float> scales = new(scale), shifts = new(bias), last = new(steps), half = new(0.5f);
        Span<float> rounded = stackalloc float[Vector<float>.Count];
        int i = 0;
        for (; i + Vector<float>.Count <= w.Length; i += Vector<float>.Count)
        {
            Vector<float> t = (new Vector<float>(w[i..]) - shifts) / scales;
            Vector<float> q;
            if (rounding == QuantizationRounding.Cpu)
            {
                q = Vector.Round(t);
            }
            else
            {
                q = Vector.Truncate(t);
                q += Vector.ConditionalSelect(Vector.GreaterThanOrEqual(Vector.Abs(t - q), half), Vector.CopySign(Vector<float>.One, t), Vector<float>.Zero);
            }

            Vector.Max(Vector.Min(q, last), Vector<float>.Zero).CopyTo(rounded);
            for (int lane = 0; lane < rounded.Length; lane++)
            {
                codes[i + lane] = (byte)rounded[lane];
            }
        }

        for (; i < w.Length; i++)
        {
            codes[i] = (byte)Math.Clamp(Round((w[i] - bias) / scale, rounding), 0f, steps);
        }
    }

    static float Round(float value, QuantizationRounding rounding) =>
        MathF.Round(value, rounding == QuantizationRounding.Metal ? MidpointRounding.AwayFromZero : MidpointRounding.ToEven);
}
