namespace GemmaSharp.Media;

/// <summary>Layer III's second filter bank: the inverse cosine transforms of each subband, windowed and overlapped.</summary>
/// <remarks>Source: ISO/IEC 11172-3, 2.4.3.4.10. One object per channel: it keeps the half of each block that the next one overlaps.</remarks>
internal sealed class MpegHybrid
{
    /// <summary>Frequency lines of a subband, and samples that they become.</summary>
    public const int Lines = 18;

    /// <summary>The block type of three short transforms.</summary>
    public const int Short = 2;

    readonly float[] _overlap = new float[MpegSynthesis.Bands * Lines];

    /// <summary>Transforms a granule.</summary>
    /// <param name="lines">576 frequency lines.</param>
    /// <param name="blockType">0 long, 1 start, 2 short, 3 stop.</param>
    /// <param name="longBands">How many of the lowest subbands are long all the same.</param>
    /// <param name="output">Receives 18 rows of the 32 subbands' samples.</param>
    public void Transform(ReadOnlySpan<float> lines, int blockType, int longBands, Span<float> output)
    {
        Span<float> block = stackalloc float[2 * Lines];
        for (int band = 0; band < MpegSynthesis.Bands; band++)
        {
            ReadOnlySpan<float> input = lines.Slice(band * Lines, Lines);
            Span<float> overlap = _overlap.AsSpan(band * Lines, Lines);
            block.Clear();
            if (!input.ContainsAnyExcept(0f))
            {
                // Nothing to transform; what the last block left is still to come.
            }
            else if (blockType == Short && band >= longBands)
            {
                ShortBlocks(input, block);
            }
            else
            {
                LongBlock(input, s_windows[band < longBands ? 0 : blockType], block);
            }

            for (int i = 0; i < Lines; i++)
            {
                // Every second subband runs backwards in frequency.
                float value = block[i] + overlap[i];
                output[(i * MpegSynthesis.Bands) + band] = (i & band & 1) != 0 ? -value : value;
                overlap[i] = block[Lines + i];
            }
        }
    }

    static void LongBlock(ReadOnlySpan<float> input, float[] window, Span<float> block)
    {
        // The first half of the transform is odd, the second even around its middle.
        for (int i = 0; i < 9; i++)
        {
            float first = Dot(input, s_long.AsSpan(i * Lines, Lines)), second = Dot(input, s_long.AsSpan((Lines + i) * Lines, Lines));
            block[i] = first * window[i];
            block[17 - i] = -first * window[17 - i];
            block[18 + i] = second * window[18 + i];
            block[35 - i] = second * window[35 - i];
        }
    }

    static void ShortBlocks(ReadOnlySpan<float> input, Span<float> block)
    {
        for (int window = 0; window < 3; window++)
        {
            for (int i = 0; i < 12; i++)
            {
                float sum = 0;
                for (int k = 0; k < 6; k++)
                {
                    sum += input[(3 * k) + window] * s_short[(i * 6) + k];
                }

                block[6 + (6 * window) + i] += sum * s_windows[Short][i];
            }
        }
    }

    static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        float sum = 0;
        for (int i = 0; i < x.Length; i++)
        {
            sum += x[i] * y[i];
        }

        return sum;
    }

    static float[] Cosines(int n) =>
    [
        .. Enumerable.Range(0, n * n / 2).Select(at =>
        {
            int i = at / (n / 2), k = at % (n / 2);
            return (float)Math.Cos(Math.PI / (2 * n) * ((2 * i) + 1 + (n / 2)) * ((2 * k) + 1));
        }),
    ];

    static float Sine(int i, int n) => (float)Math.Sin(Math.PI / n * (i + 0.5));

    static readonly float[] s_long = Cosines(36);
    static readonly float[] s_short = Cosines(12);

    static readonly float[][] s_windows =
    [
        [.. Enumerable.Range(0, 36).Select(i => Sine(i, 36))],
        [.. Enumerable.Range(0, 36).Select(i => i < 18 ? Sine(i, 36) : i < 24 ? 1 : i < 30 ? Sine(i - 18, 12) : 0)],
        [.. Enumerable.Range(0, 12).Select(i => Sine(i, 12))],
        [.. Enumerable.Range(0, 36).Select(i => i < 6 ? 0 : i < 12 ? Sine(i - 6, 12) : i < 18 ? 1 : Sine(i, 36))],
    ];
}
