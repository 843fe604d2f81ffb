using System.Text;

namespace GemmaSharp.Cli.Bench;

/// <summary>Weights that follow from a tensor's name, shape and a seed, so that no weight file has to be kept.</summary>
/// <remarks>
/// Element <c>i</c> (C order of the Hugging Face shape) is <c>r = 2 u((n + i) mod 2³²)</c> put into a range that the name decides, rounded to
/// float32 and from there to bfloat16. <c>n</c> is the FNV-1a hash of <c>"name#seed"</c>. Used for test checkpoints and synthetic benchmarks. Thread-safe.
/// </remarks>
static class WeightRule
{
    /// <summary>A hash of <paramref name="k"/>, spread over [−0.5, 0.5).</summary>
    public static double U(uint k) => Hash(k) / 4294967296.0 - 0.5;

    /// <summary>A hash of <paramref name="k"/>, spread over all numbers of 32 bits.</summary>
    internal static uint Hash(uint k)
    {
        uint h = k * 2654435761u;
        h ^= h >> 15;
        h *= 2246822519u;
        h ^= h >> 13;
        return h;
    }

    /// <summary>Where a tensor's sequence starts: FNV-1a (32 bit) of the UTF-8 bytes of <c>"name#seed"</c>.</summary>
    public static uint Start(string name, int seed)
    {
        uint h = 2166136261;
        foreach (byte b in Encoding.UTF8.GetBytes(FormattableString.Invariant($"{name}#{seed}")))
        {
            h = (h ^ b) * 16777619;
        }

        return h;
    }

    /// <summary>Writes elements <paramref name="first"/> … of a tensor as bfloat16 bits.</summary>
    /// <param name="name">The Hugging Face tensor name, with <c>model.</c></param>
    /// <param name="shape">The Hugging Face shape.</param>
    /// <param name="seed">The checkpoint's seed.</param>
    /// <param name="first">Index of the first element wanted.</param>
    /// <param name="destination">Receives the upper halves of the float32 values.</param>
    public static void Fill(string name, ReadOnlySpan<long> shape, int seed, long first, Span<ushort> destination)
    {
        (double offset, double factor) = Range(name, shape);
        uint k = unchecked(Start(name, seed) + (uint)first);
        for (int i = 0; i < destination.Length; i++)
        {
            float value = (float)(offset + factor * (2 * U(unchecked(k + (uint)i))));
            uint bits = BitConverter.SingleToUInt32Bits(value);
            destination[i] = (ushort)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    /// <summary>Element <c>i</c> is <c>offset + factor · r</c>.</summary>
    internal static (double Offset, double Factor) Range(string name, ReadOnlySpan<long> shape)
    {
        if (name.EndsWith("layer_scale.gamma", StringComparison.Ordinal))
        {
            return (0.5, 0.3);
        }

        if (name.EndsWith("per_dim_scale", StringComparison.Ordinal) || name.EndsWith(".bias", StringComparison.Ordinal))
        {
            return (0, 0.3);
        }

        if (name.Contains("correction_coefs", StringComparison.Ordinal) || name.Contains("prediction_coefs", StringComparison.Ordinal))
        {
            return (0, 0.6);
        }

        if (shape.Length == 1)
        {
            return (1, 0.3);
        }

        if (name.EndsWith("embed_tokens_per_layer.weight", StringComparison.Ordinal))
        {
            return (0, 0.1);
        }

        double fan = 1;
        for (int i = 1; i < shape.Length; i++)
        {
            fan *= shape[i];
        }

        return (0, Math.Sqrt(3 / fan));
    }
}
