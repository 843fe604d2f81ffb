namespace GemmaSharp.Numerics.Formats;

/// <summary>Writes blocks of the sixteen uneven levels, IQ4_NL and IQ4_XS, with the search of ggml's reference, byte for byte.</summary>
static class UnevenQuantizer
{
    const int Group = 32, Trials = 7;

    /// <summary>Below it a group counts as zeros.</summary>
    const float Epsilon = 1e-15f;

    static ReadOnlySpan<sbyte> Levels => [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

    /// <summary>IQ4_NL: 32 weights with a scale.</summary>
    /// <param name="x">The weights.</param>
    /// <param name="block">Receives the block.</param>
    public static void NonLinear(ReadOnlySpan<float> x, Span<byte> block)
    {
        float scale = Scale(x);
        BlockQuantizer.WriteHalf(block, scale);
        Codes(x, scale == 0 ? 0 : 1 / scale, block[2..]);
    }

    /// <summary>IQ4_XS: 256 weights, a 6-bit scale for each 32 of them.</summary>
    /// <param name="x">The weights.</param>
    /// <param name="block">Receives the superblock; all zeros before.</param>
    public static void ExtraSmall(ReadOnlySpan<float> x, Span<byte> block)
    {
        Span<float> scales = stackalloc float[x.Length / Group];
        for (int g = 0; g < scales.Length; g++)
        {
            scales[g] = Scale(x.Slice(g * Group, Group));
        }

        float d = -BlockQuantizer.Largest(scales) / 32, inverse = d == 0 ? 0 : 1 / d;
        BlockQuantizer.WriteHalf(block, d);
        for (int g = 0; g < scales.Length; g++)
        {
            int scale = Math.Clamp(SuperblockQuantizer.Nearest(inverse * scales[g]), -32, 31);
            float step = d * scale;
            Codes(x.Slice(g * Group, Group), step == 0 ? 0 : 1 / step, block[(8 + g * Group / 2)..]);
            scale += 32;
            block[4 + g / 2] |= (byte)((scale & 15) << (4 * (g % 2)));
            block[2 + g / 4] |= (byte)((scale >> 4) << (2 * (g % 4)));
        }
    }

    /// <summary>Least squares with weights x² for the codes of sixteen trial scales.</summary>
    static float Scale(ReadOnlySpan<float> x)
    {
        float largest = BlockQuantizer.Largest(x);
        if (Math.Abs(largest) < Epsilon)
        {
            return 0;
        }

        (float sumXQ, float sumQQ) = Sums(x, 1 / (-largest / Levels[0]));
        float scale = sumXQ / sumQQ, best = scale * sumXQ;
        for (int trial = -Trials; trial <= Trials; trial++)
        {
            (sumXQ, sumQQ) = Sums(x, (trial + Levels[0]) / largest);
            if (sumQQ > 0 && sumXQ * sumXQ > best * sumQQ)
            {
                scale = sumXQ / sumQQ;
                best = scale * sumXQ;
            }
        }

        return scale;

        static (float XQ, float QQ) Sums(ReadOnlySpan<float> x, float inverse)
        {
            float sumXQ = 0, sumQQ = 0;
            foreach (float value in x)
            {
                float q = Levels[Nearest(inverse * value)], w = value * value;
                sumXQ += w * q * value;
                sumQQ += w * q * q;
            }

            return (sumXQ, sumQQ);
        }
    }

    static void Codes(ReadOnlySpan<float> x, float inverse, Span<byte> packed)
    {
        for (int i = 0; i < Group / 2; i++)
        {
            packed[i] = (byte)(Nearest(inverse * x[i]) | (Nearest(inverse * x[i + Group / 2]) << 4));
        }
    }

    /// <summary>The place of the nearest level; of two equally near ones the upper.</summary>
    static int Nearest(float value)
    {
        if (value <= Levels[0])
        {
            return 0;
        }

        if (value >= Levels[^1])
        {
            return Levels.Length - 1;
        }

        int low = 0, high = Levels.Length - 1;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            (low, high) = value < Levels[middle] ? (low, middle) : (middle, high);
        }

        return value - Levels[high - 1] < Levels[high] - value ? high - 1 : high;
    }
}
