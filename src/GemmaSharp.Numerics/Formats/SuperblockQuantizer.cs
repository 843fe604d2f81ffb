namespace GemmaSharp.Numerics.Formats;

/// <summary>Writes superblocks of 256 weights: Q2_K to Q6_K, with the searches of ggml's reference, byte for byte.</summary>
/// <remarks>
/// Scales (and minima) of the groups come from weighted least squares over a few trial scales; they become small integers with a common factor, and the codes
/// are then taken with the scales as they will be read.
/// </remarks>
static class SuperblockQuantizer
{
    const int Size = 256;

    /// <summary>Below it a group counts as zeros.</summary>
    const float Epsilon = 1e-15f;

    /// <summary>Writes a superblock.</summary>
    /// <param name="type">Q2_K, Q3_K, Q4_K, Q5_K or Q6_K.</param>
    /// <param name="x">256 finite weights.</param>
    /// <param name="block">Receives it; all zeros before.</param>
    public static void Write(BlockType type, ReadOnlySpan<float> x, Span<byte> block)
    {
        switch (type)
        {
            case BlockType.Q2_K:
                Q2(x, block);
                break;
            case BlockType.Q3_K:
                Q3(x, block);
                break;
            case BlockType.Q4_K:
                WithMinima(x, block, 15, new Search(-1f, 0.1f, 20, Absolute: false));
                break;
            case BlockType.Q5_K:
                WithMinima(x, block, 31, new Search(-0.5f, 0.1f, 15, Absolute: false));
                break;
            case BlockType.Q6_K:
                Q6(x, block);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Superblocks of this form are not written.");
        }
    }

    /// <summary>The nearest whole number, halves to even.</summary>
    internal static int Nearest(float value) => (BitConverter.SingleToInt32Bits(value + 12582912f) & 0x007FFFFF) - 0x00400000;

    /// <summary>Trial scales of <see cref="ScaleAndMinimum"/>: <c>(last code + first + i · step) / range</c>.</summary>
    readonly record struct Search(float First, float Step, int Count, bool Absolute);

    static void Q2(ReadOnlySpan<float> x, Span<byte> block)
    {
        const int Groups = 16, Group = 16;
        Span<byte> codes = stackalloc byte[Size];
        Span<float> scales = stackalloc float[Groups], minima = stackalloc float[Groups], weights = stackalloc float[Group];
        Span<byte> packed = block[..16], levels = block[16..80];
        for (int g = 0; g < Groups; g++)
        {
            ReadOnlySpan<float> group = x.Slice(g * Group, Group);
            for (int i = 0; i < Group; i++)
            {
                weights[i] = Math.Abs(group[i]);
            }

            scales[g] = ScaleAndMinimum(group, weights, 3, codes.Slice(g * Group, Group), out minima[g], new Search(-0.5f, 0.1f, 15, Absolute: true));
        }

        float d = Common(scales, packed, 0, block[80..]), m = Common(minima, packed, 4, block[82..]);
        for (int g = 0; g < Groups; g++)
        {
            Requantize(x.Slice(g * Group, Group), codes.Slice(g * Group, Group), d * (packed[g] & 15), m * (packed[g] >> 4), 3);
        }

        Quarters(codes, levels);

        // Integers 0 to 15 with a common factor; a list without a positive number has none.
        static float Common(ReadOnlySpan<float> values, Span<byte> packed, int shift, Span<byte> factor)
        {
            float most = Most(values);
            if (most <= 0)
            {
                return 0;
            }

            float inverse = 15f / most;
            for (int g = 0; g < values.Length; g++)
            {
                packed[g] |= (byte)(Nearest(inverse * values[g]) << shift);
            }

            return Kept(factor, most / 15f);
        }
    }

    static void Q3(ReadOnlySpan<float> x, Span<byte> block)
    {
        const int Groups = 16, Group = 16;
        Span<sbyte> signed = stackalloc sbyte[Size];
        Span<byte> codes = stackalloc byte[Size];
        Span<float> scales = stackalloc float[Groups];
        Span<byte> high = block[..32], levels = block[32..96], packed = block[96..108];
        for (int g = 0; g < Groups; g++)
        {
            scales[g] = ThreeBitScale(x.Slice(g * Group, Group), codes.Slice(g * Group, Group), signed.Slice(g * Group, Group));
        }

        float largest = BlockQuantizer.Largest(scales), d = 0;
        if (largest != 0)
        {
            float inverse = -32f / largest;
            for (int g = 0; g < Groups; g++)
            {
                int scale = Math.Clamp((int)(sbyte)Nearest(inverse * scales[g]), -32, 31) + 32;
                packed[g % 8] |= (byte)((scale & 15) << (g < 8 ? 0 : 4));
                packed[8 + g % 4] |= (byte)((scale >> 4) << (2 * (g / 4)));
            }

            d = Kept(block[108..], 1 / inverse);
        }

        for (int g = 0; g < Groups; g++)
        {
            int low = g < 8 ? packed[g] & 15 : packed[g - 8] >> 4;
            float scale = d * ((low | (((packed[8 + g % 4] >> (2 * (g / 4))) & 3) << 4)) - 32);
            for (int i = 0; scale != 0 && i < Group; i++)
            {
                codes[g * Group + i] = (byte)(Math.Clamp(Nearest(x[g * Group + i] / scale), -4, 3) + 4);
            }
        }

        for (int i = 0; i < Size; i++)
        {
            if (codes[i] > 3)
            {
                high[i % 32] |= (byte)(1 << (i / 32));
                codes[i] -= 4;
            }
        }

        Quarters(codes, levels);
    }

    /// <summary>Q4_K and Q5_K, which differ in the last code and in where the fifth bits are.</summary>
    static void WithMinima(ReadOnlySpan<float> x, Span<byte> block, int last, Search search)
    {
        const int Groups = 8, Group = 32;
        Span<byte> codes = stackalloc byte[Size];
        Span<float> scales = stackalloc float[Groups], minima = stackalloc float[Groups], weights = stackalloc float[Group];
        Span<byte> packed = block[4..16];
        for (int g = 0; g < Groups; g++)
        {
            ReadOnlySpan<float> group = x.Slice(g * Group, Group);
            float squares = 0;
            foreach (float value in group)
            {
                squares += value * value;
            }

            float mean = MathF.Sqrt(squares / Group);
            for (int i = 0; i < Group; i++)
            {
                weights[i] = mean + Math.Abs(group[i]);
            }

            scales[g] = ScaleAndMinimum(group, weights, last, codes.Slice(g * Group, Group), out minima[g], search);
        }

        float most = Most(scales), mostMinimum = Most(minima);
        float inverse = most > 0 ? 63f / most : 0, inverseMinimum = mostMinimum > 0 ? 63f / mostMinimum : 0;
        Span<int> s = stackalloc int[Groups], m = stackalloc int[Groups];
        for (int g = 0; g < Groups; g++)
        {
            s[g] = Math.Min(63, (int)(byte)Nearest(inverse * scales[g]));
            m[g] = Math.Min(63, (int)(byte)Nearest(inverseMinimum * minima[g]));
            if (g < 4)
            {
                packed[g] = (byte)s[g];
                packed[g + 4] = (byte)m[g];
            }
            else
            {
                packed[g + 4] = (byte)((s[g] & 15) | ((m[g] & 15) << 4));
                packed[g - 4] |= (byte)((s[g] >> 4) << 6);
                packed[g] |= (byte)((m[g] >> 4) << 6);
            }
        }

        float d = Kept(block, most / 63f), minimum = Kept(block[2..], mostMinimum / 63f);
        for (int g = 0; g < Groups; g++)
        {
            Requantize(x.Slice(g * Group, Group), codes.Slice(g * Group, Group), d * s[g], minimum * m[g], last);
        }

        bool hasFifth = last > 15;
        Span<byte> nibbles = block[(hasFifth ? 48 : 16)..];
        for (int pair = 0; pair < 4; pair++)
        {
            for (int i = 0; i < Group; i++)
            {
                int low = codes[64 * pair + i], high = codes[64 * pair + 32 + i];
                nibbles[32 * pair + i] = (byte)((low & 15) | ((high & 15) << 4));
                if (hasFifth)
                {
                    block[16 + i] |= (byte)(((low >> 4) << (2 * pair)) | ((high >> 4) << (2 * pair + 1)));
                }
            }
        }
    }

    static void Q6(ReadOnlySpan<float> x, Span<byte> block)
    {
        const int Groups = 16, Group = 16;
        Span<byte> codes = stackalloc byte[Size];
        Span<float> scales = stackalloc float[Groups];
        for (int g = 0; g < Groups; g++)
        {
            scales[g] = SignedScale(x.Slice(g * Group, Group), 32, codes.Slice(g * Group, Group));
        }

        float largest = BlockQuantizer.Largest(scales);
        if (Math.Abs(largest) < Epsilon)
        {
            return;
        }

        float inverse = -128f / largest, d = Kept(block[208..], 1 / inverse);
        for (int g = 0; g < Groups; g++)
        {
            int scale = Math.Min(127, Nearest(inverse * scales[g]));
            block[192 + g] = (byte)(sbyte)scale;
            float step = d * scale;
            for (int i = 0; step != 0 && i < Group; i++)
            {
                codes[g * Group + i] = (byte)(Math.Clamp(Nearest(x[g * Group + i] / step), -32, 31) + 32);
            }
        }

        for (int half = 0; half < 2; half++)
        {
            ReadOnlySpan<byte> q = codes.Slice(128 * half, 128);
            Span<byte> low = block.Slice(64 * half, 64), high = block.Slice(128 + 32 * half, 32);
            for (int i = 0; i < 32; i++)
            {
                low[i] = (byte)((q[i] & 15) | ((q[i + 64] & 15) << 4));
                low[i + 32] = (byte)((q[i + 32] & 15) | ((q[i + 96] & 15) << 4));
                high[i] = (byte)((q[i] >> 4) | ((q[i + 32] >> 4) << 2) | ((q[i + 64] >> 4) << 4) | ((q[i + 96] >> 4) << 6));
            }
        }
    }

    /// <summary>
    /// Scale and minimum of a group, <c>x ≈ scale · q − minimum</c>: the least squares solution for the codes of each trial scale, of which the one with the
    /// smallest weighted error is taken. Trials after a better one start from its minimum.
    /// </summary>
    static float ScaleAndMinimum(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, int last, Span<byte> codes, out float minimum, Search search)
    {
        float low = x[0], high = x[0], sumW = weights[0], sumX = sumW * x[0];
        for (int i = 1; i < x.Length; i++)
        {
            low = x[i] < low ? x[i] : low;
            high = x[i] > high ? x[i] : high;
            sumW += weights[i];
            sumX += weights[i] * x[i];
        }

        low = low > 0 ? 0 : low;
        if (high == low)
        {
            codes.Clear();
            minimum = -low;
            return 0;
        }

        float inverse = last / (high - low), scale = 1 / inverse;
        for (int i = 0; i < x.Length; i++)
        {
            codes[i] = (byte)Math.Clamp(Nearest(inverse * (x[i] - low)), 0, last);
        }

        float bestError = Error(x, weights, codes, scale, low, search.Absolute);
        Span<byte> trial = stackalloc byte[32];
        trial = trial[..x.Length];
        for (int step = 0; step <= search.Count; step++)
        {
            inverse = (search.First + search.Step * step + last) / (high - low);
            float sumQ = 0, sumQQ = 0, sumXQ = 0;
            for (int i = 0; i < x.Length; i++)
            {
                int q = Math.Clamp(Nearest(inverse * (x[i] - low)), 0, last);
                trial[i] = (byte)q;
                float w = weights[i];
                sumQ += w * q;
                sumQQ += w * q * q;
                sumXQ += w * q * x[i];
            }

            float determinant = sumW * sumQQ - sumQ * sumQ;
            if (determinant <= 0)
            {
                continue;
            }

            float thisScale = (sumW * sumXQ - sumX * sumQ) / determinant, thisLow = (sumQQ * sumX - sumQ * sumXQ) / determinant;
            if (thisLow > 0)
            {
                (thisLow, thisScale) = (0, sumXQ / sumQQ);
            }

            float error = Error(x, weights, trial, thisScale, thisLow, search.Absolute);
            if (error < bestError)
            {
                trial.CopyTo(codes);
                (bestError, scale, low) = (error, thisScale, thisLow);
            }
        }

        minimum = -low;
        return scale;
    }

    static float Error(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, ReadOnlySpan<byte> codes, float scale, float low, bool absolute)
    {
        float error = 0;
        for (int i = 0; i < x.Length; i++)
        {
            float difference = scale * codes[i] + low - x[i];
            error += weights[i] * (absolute ? Math.Abs(difference) : difference * difference);
        }

        return error;
    }

    /// <summary>Scale of a group without minimum, <c>x ≈ scale · (q − half)</c>: least squares with weights x² over nineteen trial scales.</summary>
    static float SignedScale(ReadOnlySpan<float> x, int half, Span<byte> codes)
    {
        float largest = BlockQuantizer.Largest(x);
        if (Math.Abs(largest) < Epsilon)
        {
            codes.Clear();
            return 0;
        }

        float inverse = -half / largest;
        (float sumXQ, float sumQQ) = Sums(x, inverse, half);
        Codes(x, inverse, half, codes);
        float scale = sumQQ != 0 ? sumXQ / sumQQ : 0, best = scale * sumXQ;
        for (int step = -9; step <= 9; step++)
        {
            if (step == 0)
            {
                continue;
            }

            inverse = -(half + 0.1f * step) / largest;
            (sumXQ, sumQQ) = Sums(x, inverse, half);
            if (sumQQ > 0 && sumXQ * sumXQ > best * sumQQ)
            {
                Codes(x, inverse, half, codes);
                scale = sumXQ / sumQQ;
                best = scale * sumXQ;
            }
        }

        return scale;

        static (float XQ, float QQ) Sums(ReadOnlySpan<float> x, float inverse, int half)
        {
            float sumXQ = 0, sumQQ = 0;
            foreach (float value in x)
            {
                int q = Math.Clamp(Nearest(inverse * value), -half, half - 1);
                float w = value * value;
                sumXQ += w * value * q;
                sumQQ += w * q * q;
            }

            return (sumXQ, sumQQ);
        }

        static void Codes(ReadOnlySpan<float> x, float inverse, int half, Span<byte> codes)
        {
            for (int i = 0; i < x.Length; i++)
            {
                codes[i] = (byte)(Math.Clamp(Nearest(inverse * x[i]), -half, half - 1) + half);
            }
        }
    }

    /// <summary>Scale of a group of Q3_K: codes of one scale, changed one by one as long as the squared error falls, five times at most.</summary>
    static float ThreeBitScale(ReadOnlySpan<float> x, Span<byte> codes, Span<sbyte> signed)
    {
        const int Half = 4;
        float largest = BlockQuantizer.Largest(x);
        if (Math.Abs(largest) < Epsilon)
        {
            codes.Clear();
            return 0;
        }

        float inverse = -Half / largest, sumXQ = 0, sumQQ = 0;
        for (int i = 0; i < x.Length; i++)
        {
            int q = Math.Clamp(Nearest(inverse * x[i]), -Half, Half - 1);
            signed[i] = (sbyte)q;
            float w = x[i] * x[i];
            sumXQ += w * x[i] * q;
            sumQQ += w * q * q;
        }

        bool changed = true;
        for (int round = 0; changed && round < 5; round++)
        {
            changed = false;
            for (int i = 0; i < x.Length; i++)
            {
                float w = x[i] * x[i], withoutXQ = sumXQ - w * x[i] * signed[i];
                if (withoutXQ <= 0)
                {
                    continue;
                }

                float withoutQQ = sumQQ - w * signed[i] * signed[i];
                int q = Math.Clamp(Nearest(x[i] * withoutQQ / withoutXQ), -Half, Half - 1);
                if (q == signed[i])
                {
                    continue;
                }

                withoutXQ += w * x[i] * q;
                withoutQQ += w * q * q;
                if (withoutQQ > 0 && withoutXQ * withoutXQ * sumQQ > sumXQ * sumXQ * withoutQQ)
                {
                    (signed[i], sumXQ, sumQQ, changed) = ((sbyte)q, withoutXQ, withoutQQ, true);
                }
            }
        }

        for (int i = 0; i < x.Length; i++)
        {
            codes[i] = (byte)(signed[i] + Half);
        }

        return sumQQ > 0 ? sumXQ / sumQQ : 0;
    }

    /// <summary>Codes again, with scale and minimum as they will be read; those of a group without a scale stay.</summary>
    static void Requantize(ReadOnlySpan<float> x, Span<byte> codes, float scale, float minimum, int last)
    {
        for (int i = 0; scale != 0 && i < x.Length; i++)
        {
            codes[i] = (byte)Math.Clamp(Nearest((x[i] + minimum) / scale), 0, last);
        }
    }

    /// <summary>Two-bit codes: four of them, 32 apart, in a byte.</summary>
    static void Quarters(ReadOnlySpan<byte> codes, Span<byte> packed)
    {
        for (int i = 0; i < packed.Length; i++)
        {
            ReadOnlySpan<byte> q = codes[(i / 32 * 128 + i % 32)..];
            packed[i] = (byte)(q[0] | (q[32] << 2) | (q[64] << 4) | (q[96] << 6));
        }
    }

    /// <summary>Writes a factor as a half; returns it as it will be read.</summary>
    static float Kept(Span<byte> destination, float value)
    {
        BlockQuantizer.WriteHalf(destination, value);
        return (float)(Half)value;
    }

    /// <summary>The largest number; 0 where none is positive.</summary>
    static float Most(ReadOnlySpan<float> values)
    {
        float most = 0;
        foreach (float value in values)
        {
            most = value > most ? value : most;
        }

        return most;
    }
}
