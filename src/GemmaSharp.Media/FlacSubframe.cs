namespace GemmaSharp.Media;

/// <summary>Decodes one channel of a FLAC frame: constant, verbatim, or a prediction and what it missed.</summary>
/// <remarks>Source: RFC 9639 §9.2.</remarks>
internal static class FlacSubframe
{
    const int MaxOrder = 32;

    /// <summary>Decodes a subframe.</summary>
    /// <param name="reader">At its header.</param>
    /// <param name="bits">Bits per sample of this channel, 4 to 33.</param>
    /// <param name="samples">The block's samples.</param>
    /// <returns><see langword="false"/> where the bits make no subframe.</returns>
    public static bool Decode(ref BitReader reader, int bits, Span<long> samples)
    {
        int head = (int)reader.Unsigned(8);
        int type = (head >> 1) & 63;
        int wasted = (head & 1) != 0 ? (int)Math.Min(reader.Zeros() + 1, bits) : 0;
        bits -= wasted;
        if ((head & 0x80) != 0 || bits < 1)
        {
            return false;
        }

        bool isGood = type switch
        {
            0 => Constant(ref reader, bits, samples),
            1 => Verbatim(ref reader, bits, samples),
            >= 8 and <= 12 => Fixed(ref reader, bits, type - 8, samples),
            >= 32 => Linear(ref reader, bits, type - 31, samples),
            _ => false,
        };
        for (int i = 0; wasted > 0 && i < samples.Length; i++)
        {
            samples[i] <<= wasted;
        }

        return isGood;
    }

    static bool Constant(ref BitReader reader, int bits, Span<long> samples)
    {
        samples.Fill(reader.Signed(bits));
        return true;
    }

    static bool Verbatim(ref BitReader reader, int bits, Span<long> samples)
    {
        foreach (ref long sample in samples)
        {
            sample = reader.Signed(bits);
        }

        return true;
    }

    /// <summary>A polynomial through the last samples.</summary>
    static bool Fixed(ref BitReader reader, int bits, int order, Span<long> samples)
    {
        ReadOnlySpan<int> coefficients = order switch { 0 => [], 1 => [1], 2 => [2, -1], 3 => [3, -3, 1], _ => [4, -6, 4, -1] };
        return Predicted(ref reader, bits, coefficients, 0, samples);
    }

    /// <summary>Coefficients of their own.</summary>
    static bool Linear(ref BitReader reader, int bits, int order, Span<long> samples)
    {
        if (order > samples.Length)
        {
            return false;
        }

        Verbatim(ref reader, bits, samples[..order]);
        int precision = (int)reader.Unsigned(4) + 1, shift = (int)reader.Signed(5);
        if (precision == 16 || shift < 0)
        {
            return false;
        }

        Span<int> coefficients = stackalloc int[MaxOrder];
        coefficients = coefficients[..order];
        foreach (ref int coefficient in coefficients)
        {
            coefficient = (int)reader.Signed(precision);
        }

        return Residual(ref reader, order, samples) && Predict(coefficients, shift, samples);
    }

    static bool Predicted(ref BitReader reader, int bits, ReadOnlySpan<int> coefficients, int shift, Span<long> samples)
    {
        if (coefficients.Length > samples.Length)
        {
            return false;
        }

        Verbatim(ref reader, bits, samples[..coefficients.Length]);
        return Residual(ref reader, coefficients.Length, samples) && Predict(coefficients, shift, samples);
    }

    /// <summary><c>s[i] = r[i] + (Σ c[j] · s[i − 1 − j]) / 2^shift</c>, in place of the residual.</summary>
    static bool Predict(ReadOnlySpan<int> coefficients, int shift, Span<long> samples)
    {
        int order = coefficients.Length;
        for (int i = order; i < samples.Length; i++)
        {
            ReadOnlySpan<long> past = samples.Slice(i - order, order);
            long sum = 0;
            for (int j = 0; j < coefficients.Length; j++)
            {
                sum += coefficients[j] * past[order - 1 - j];
            }

            samples[i] += sum >> shift;
        }

        return true;
    }

    /// <summary>What the prediction missed, Rice-coded in partitions, into the samples from <paramref name="order"/> on.</summary>
    static bool Residual(ref BitReader reader, int order, Span<long> samples)
    {
        int method = (int)reader.Unsigned(2);
        int partitionOrder = (int)reader.Unsigned(4);
        int perPartition = samples.Length >> partitionOrder;
        if (method > 1 || perPartition << partitionOrder != samples.Length || perPartition < order)
        {
            return false;
        }

        int parameterBits = method == 0 ? 4 : 5, escape = (1 << parameterBits) - 1;
        int at = order;
        for (int partition = 0; partition < 1 << partitionOrder; partition++)
        {
            Span<long> part = samples[at..((partition + 1) * perPartition)];
            at += part.Length;
            int parameter = (int)reader.Unsigned(parameterBits);
            if (parameter == escape)
            {
                Verbatim(ref reader, (int)reader.Unsigned(5), part);
                continue;
            }

            foreach (ref long value in part)
            {
                ulong folded = ((ulong)reader.Zeros() << parameter) | reader.Unsigned(parameter);
                value = (long)(folded >> 1) ^ -(long)(folded & 1);
            }
        }

        return true;
    }
}
