using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Some rows of an integer product: see <see cref="QuantizedFastProduct"/>.</summary>
unsafe struct QuantizedFastJob<TLanes, TFloat, TCodes> : IParallelJob
    where TLanes : struct, ICodeLanes<TLanes, TFloat>
    where TFloat : struct, IVector<TFloat>
    where TCodes : struct, IQuantizedCodes
{
    public QuantizedRows Rows;
    public int Count;
    public QuantizedActivations Activations;
    public int Tokens;
    public int TokensInCache;
    public float* Y;

    public readonly void Run(int first, int last)
    {
        int lanes = TFloat.Count;
        int groups = Activations.PaddedGroups;
        int slack = 3 * TLanes.Bytes;
        int lanesPerGroup = Rows.Format.GroupSize / TCodes.CodesPerLane;
        byte* scratch = ThreadScratch.Of<byte>(ScratchPurpose.Rows, (2L * groups + lanesPerGroup * lanes) * sizeof(float) + Rows.CodeBytes + slack);
        float* scales = (float*)scratch;
        float* biases = scales + groups;
        int* spread = (int*)(biases + groups);
        byte* spare = (byte*)(spread + lanesPerGroup * lanes);
        new Span<float>(scales, 2 * groups).Clear();
        for (int i = 0; i < lanesPerGroup * lanes; i++)
        {
            spread[i] = i / lanesPerGroup;
        }

        for (int start = 0; start < Tokens; start += TokensInCache)
        {
            int end = Math.Min(start + TokensInCache, Tokens);
            for (int row = first; row < last; row++)
            {
                byte* codes = Rows.RowCodes(row, slack, spare);
                Rows.RowScales(row, scales, biases);
                if (Rows.Format.Mode != QuantizationMode.Affine)
                {
                    AffineForm(scales, biases, Rows.Groups);
                }

                float* y = Y + row;
                int t = start;
                for (; t + 4 <= end; t += 4)
                {
                    Four(codes, scales, biases, spread, lanesPerGroup, t, y);
                }

                for (; t < end; t++)
                {
                    One(codes, scales, biases, spread, lanesPerGroup, t, y);
                }
            }
        }
    }

    /// <summary><c>S · value = (S / 2) · (2 · value + 12) − 6 S</c></summary>
    static void AffineForm(float* scales, float* biases, int groups)
    {
        for (int g = 0; g < groups; g++)
        {
            biases[g] = -6f * scales[g];
            scales[g] *= 0.5f;
        }
    }

    readonly void One(byte* codes, float* scales, float* biases, int* spread, int blocksPerVector, int token, float* y)
    {
        int lanes = TFloat.Count, width = TLanes.Bytes;
        int groups = Activations.PaddedGroups, blocks = Activations.IntegerBytes / (2 * width);
        int codeBytes = lanes * TCodes.CodesPerLane * TCodes.Bits / 8;
        byte* x = Activations.Integers(token);
        float* steps = Activations.Steps(token);
        float* sums = Activations.Sums(token);
        TFloat sum = TFloat.Zero;
        for (int g = 0; g < groups; g += lanes)
        {
            sum = TFloat.MultiplyAdd(TFloat.Load(biases + g), TFloat.Load(sums + g), sum);
        }

        for (int g = 0; blocks > 0; g += lanes, blocks -= blocksPerVector)
        {
            TFloat factors = TFloat.Load(scales + g) * TFloat.Load(steps + g);
            int here = Math.Min(blocks, blocksPerVector);
            for (int b = 0; b < here; b++, codes += codeBytes, x += 2 * width)
            {
                TCodes.Unpack<TLanes, TFloat>(codes, out TLanes even, out TLanes odd);
                TFloat dot = TCodes.Dot<TLanes, TFloat>(even, odd, TLanes.Load(x), TLanes.Load(x + width));
                sum = TFloat.MultiplyAdd(dot, TLanes.Spread(factors, spread + b * lanes), sum);
            }
        }

        y[(long)token * Count] = TFloat.Sum(sum);
    }

    /// <summary>Four tokens share the unpacked codes; each is computed as <see cref="One"/> does.</summary>
    readonly void Four(byte* codes, float* scales, float* biases, int* spread, int blocksPerVector, int token, float* y)
    {
        int lanes = TFloat.Count, width = TLanes.Bytes;
        int groups = Activations.PaddedGroups, blocks = Activations.IntegerBytes / (2 * width);
        int codeBytes = lanes * TCodes.CodesPerLane * TCodes.Bits / 8;
        nint stride = Activations.BytesPerToken;
        byte* x = Activations.Integers(token);
        byte* steps = (byte*)Activations.Steps(token);
        byte* sums = (byte*)Activations.Sums(token);
        TFloat sum0 = TFloat.Zero, sum1 = TFloat.Zero, sum2 = TFloat.Zero, sum3 = TFloat.Zero;
        for (int g = 0; g < groups; g += lanes, sums += width)
        {
            TFloat bias = TFloat.Load(biases + g);
            sum0 = TFloat.MultiplyAdd(bias, TFloat.Load((float*)sums), sum0);
            sum1 = TFloat.MultiplyAdd(bias, TFloat.Load((float*)(sums + stride)), sum1);
            sum2 = TFloat.MultiplyAdd(bias, TFloat.Load((float*)(sums + 2 * stride)), sum2);
            sum3 = TFloat.MultiplyAdd(bias, TFloat.Load((float*)(sums + 3 * stride)), sum3);
        }

        for (int g = 0; blocks > 0; g += lanes, blocks -= blocksPerVector, steps += width)
        {
            TFloat scale = TFloat.Load(scales + g);
            TFloat factors0 = scale * TFloat.Load((float*)steps);
            TFloat factors1 = scale * TFloat.Load((float*)(steps + stride));
            TFloat factors2 = scale * TFloat.Load((float*)(steps + 2 * stride));
            TFloat factors3 = scale * TFloat.Load((float*)(steps + 3 * stride));
            int here = Math.Min(blocks, blocksPerVector);
            for (int b = 0; b < here; b++, codes += codeBytes, x += 2 * width)
            {
                TCodes.Unpack<TLanes, TFloat>(codes, out TLanes even, out TLanes odd);
                int* index = spread + b * lanes;
                sum0 = TFloat.MultiplyAdd(Dot(even, odd, x), TLanes.Spread(factors0, index), sum0);
                sum1 = TFloat.MultiplyAdd(Dot(even, odd, x + stride), TLanes.Spread(factors1, index), sum1);
                sum2 = TFloat.MultiplyAdd(Dot(even, odd, x + 2 * stride), TLanes.Spread(factors2, index), sum2);
                sum3 = TFloat.MultiplyAdd(Dot(even, odd, x + 3 * stride), TLanes.Spread(factors3, index), sum3);
            }
        }

        y += (long)token * Count;
        y[0] = TFloat.Sum(sum0);
        y[Count] = TFloat.Sum(sum1);
        y[2L * Count] = TFloat.Sum(sum2);
        y[3L * Count] = TFloat.Sum(sum3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static TFloat Dot(TLanes even, TLanes odd, byte* x) =>
        TCodes.Dot<TLanes, TFloat>(even, odd, TLanes.Load(x), TLanes.Load(x + TLanes.Bytes));
}
