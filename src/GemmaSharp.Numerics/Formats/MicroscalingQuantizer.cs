namespace GemmaSharp.Numerics.Formats;

/// <summary>mxfp4, nvfp4 and mxfp8: one eight-bit scale per group, codes of E2M1 or E4M3.</summary>
/// <remarks>
/// Metal: MLX's kernel <c>fp_quantized.h</c>, float32 throughout, codes by thresholds. Cpu: MLX's graph of operations in
/// <c>fp_quantize</c>, quotients rounded to the type of the weight, power-of-two scales rounded up, the code by the first smallest
/// distance in the table.
/// </remarks>
static class MicroscalingQuantizer
{
    /// <summary>One row: codes <c>[n]</c> and scale codes <c>[n / group]</c>.</summary>
    public static void Quantize(
        ReadOnlySpan<float> row, QuantizationFormat format, QuantizationRounding rounding, ElementType type, Span<byte> codes, Span<byte> scales)
    {
        int size = format.GroupSize;
        for (int group = 0; group < row.Length / size; group++)
        {
            ReadOnlySpan<float> w = row.Slice(group * size, size);
            float amax = 0;
            foreach (float value in w)
            {
                amax = MathF.Max(amax, MathF.Abs(value));
            }

            Span<byte> target = codes.Slice(group * size, size);
            scales[group] = rounding == QuantizationRounding.Metal ? Metal(w, amax, format.Mode, target) : Cpu(w, amax, format.Mode, type, target);
        }
    }

    static byte Metal(ReadOnlySpan<float> w, float amax, QuantizationMode mode, Span<byte> codes)
    {
        bool nv = mode == QuantizationMode.NvFp4;
        float target = amax / (mode == QuantizationMode.MxFp8 ? 448f : 6f);
        byte scaleCode = nv ? MiniFloat.ToE4M3(target) : ToE8M0(target);
        float scale = (nv ? MiniFloat.E4M3 : MiniFloat.E8M0)[scaleCode];
        float inverse = scale == 0 ? 0 : 1 / scale;
        for (int i = 0; i < w.Length; i++)
        {
            float v = w[i] * inverse;
            codes[i] = mode == QuantizationMode.MxFp8 ? MiniFloat.ToE4M3(v) : ToE2M1(v);
        }

        return scaleCode;
    }

    static byte Cpu(ReadOnlySpan<float> w, float amax, QuantizationMode mode, ElementType type, Span<byte> codes)
    {
        float target = StoredFloats.Round(amax / (mode == QuantizationMode.MxFp8 ? 448f : 6f), type);
        byte scaleCode;
        float scale;
        if (mode == QuantizationMode.NvFp4)
        {
            scaleCode = MiniFloat.ToE4M3(target);
            scale = StoredFloats.Round(MiniFloat.E4M3[scaleCode], type);
        }
        else
        {
            // Rounded up, so that the largest weight never saturates; Metal rounds to nearest.
            float exponent = target == 0 ? 0 : MathF.Ceiling(MathF.Log2(target));
            scaleCode = float.IsFinite(exponent) ? (byte)(Math.Clamp(exponent, -127f, 127f) + 127f) : (byte)255;
            scale = StoredFloats.Round(MiniFloat.E8M0[scaleCode], type);
        }

        for (int i = 0; i < w.Length; i++)
        {
            float v = StoredFloats.Round(w[i] / scale, type);
            codes[i] = mode == QuantizationMode.MxFp8 ? MiniFloat.ToE4M3(v) : NearestE2M1(v, type);
        }

        return scaleCode;
    }

    static byte ToE8M0(float value)
    {
        if (!float.IsFinite(value))
        {
            return 255;
        }

        return value == 0 ? (byte)0 : (byte)(Math.Clamp(MathF.Round(MathF.Log2(value), MidpointRounding.AwayFromZero), -127f, 127f) + 127f);
    }

    static byte ToE2M1(float value)
    {
        float v = MathF.Abs(value);
        if (float.IsNaN(v))
        {
            return 7;
        }

        int code = v > 5f ? 7 : v >= 3.5f ? 6 : v > 2.5f ? 5 : v >= 1.75f ? 4 : v > 1.25f ? 3 : v >= 0.75f ? 2 : v > 0.25f ? 1 : 0;
        return (byte)(code | (float.IsNegative(value) ? 8 : 0));
    }

    static byte NearestE2M1(float value, ElementType type)
    {
        int best = 0;
        float least = float.PositiveInfinity;
        for (int code = 0; code < 16; code++)
        {
            float distance = MathF.Abs(StoredFloats.Round(value - MiniFloat.E2M1[code], type));
            if (distance < least)
            {
                (best, least) = (code, distance);
            }
        }

        return (byte)best;
    }
}
