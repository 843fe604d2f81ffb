using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>y = x · Wᵀ</c> with float32 activations: four rows at a time are decoded into the cache and used for every token.</summary>
/// <remarks>The dot products are <see cref="QuantizedTile"/>'s, so a token's result does not depend on the other tokens or on the threads.</remarks>
static unsafe class QuantizedExactProduct
{
    const int PanelRows = 4;

    /// <summary>The product at the machine's width.</summary>
    public static void Multiply(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Multiply<F32x16>(rows, count, x, tokens, y, team);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Multiply<F32x8>(rows, count, x, tokens, y, team);
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            Multiply<F32x4>(rows, count, x, tokens, y, team);
        }
        else
        {
            Multiply<F32x1>(rows, count, x, tokens, y, team);
        }
    }

    /// <summary>The product at a given width.</summary>
    internal static void Multiply<TVector>(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
        where TVector : struct, IVector<TVector>
    {
        Job<TVector> job = new() { Rows = rows, Count = count, X = x, Tokens = tokens, Y = y };
        int panels = (count + PanelRows - 1) / PanelRows;
        team.Run(ref job, panels, Math.Max(1, panels / (team.Threads * 8)));
    }

    struct Job<TVector> : IParallelJob
        where TVector : struct, IVector<TVector>
    {
        public QuantizedRows Rows;
        public int Count;
        public float* X;
        public int Tokens;
        public float* Y;

        public readonly void Run(int first, int last)
        {
            int columns = Rows.Columns;
            nuint k = (nuint)columns, rowBytes = k * sizeof(float), stride = (nuint)Count;
            int spareBytes = Rows.CodeBytes + QuantizedDecoder.Slack;
            byte* scratch = QuantizedScratch.Rows((long)PanelRows * columns * sizeof(float) + 2L * Rows.Groups * sizeof(float) + columns + spareBytes);
            float* w = (float*)scratch;
            float* scales = w + PanelRows * columns;
            float* biases = scales + Rows.Groups;
            byte* codes = (byte*)(biases + Rows.Groups);
            byte* spare = codes + columns;

            int end = Math.Min(last * PanelRows, Count);
            for (int row = first * PanelRows; row < end; row += PanelRows)
            {
                int here = Math.Min(PanelRows, end - row);
                for (int r = 0; r < here; r++)
                {
                    Rows.RowScales(row + r, scales, biases);
                    byte* packed = Rows.RowCodes(row + r, QuantizedDecoder.Slack, spare);
                    QuantizedDecoder.Decode(packed, scales, biases, Rows.Format, columns, codes, w + r * columns);
                }

                int t = 0;
                if (here == PanelRows)
                {
                    for (; t + 3 <= Tokens; t += 3)
                    {
                        QuantizedTile.Tile3x4<SingleWeights, TVector>(
                            X + (nuint)t * k, k, (byte*)w, rowBytes, k, Y + (nuint)t * stride + (nuint)row, stride);
                    }

                    for (; t < Tokens; t++)
                    {
                        QuantizedTile.Tile1x4<SingleWeights, TVector>(X + (nuint)t * k, (byte*)w, rowBytes, k, Y + (nuint)t * stride + (nuint)row);
                    }
                }

                for (; t < Tokens; t++)
                {
                    for (int r = 0; r < here; r++)
                    {
                        QuantizedTile.Tile1x1<SingleWeights, TVector>(
                            X + (nuint)t * k, (byte*)(w + r * columns), k, Y + (nuint)t * stride + (nuint)(row + r));
                    }
                }
            }
        }
    }
}
