using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Products of many tokens: operands are packed in blocks that stay in the caches, then multiplied tile by tile.</summary>
/// <remarks>
/// Columns are cut into blocks so that a tile of tokens stays in the first-level cache while panels of weights pass
/// by; a chunk of rows is widened to float32 once per block of columns, into the second-level cache, and meets all
/// tokens. Each output is still one chain over all columns in ascending order.
/// </remarks>
static unsafe class PanelProduct
{
    const int PanelRows = TilePacking.PanelRows;

    // A chunk of rows is the work one thread takes at a time.
    const int ChunkPanels = 12;

    const int FewTokens = 6;

    // Floats of packed activations: 8 MiB, a share of the last-level cache.
    const int ActivationFloats = 2 << 20;

    /// <summary>Bytes that products of so many tokens keep on the thread that starts them, at most.</summary>
    public static long ScratchBytes(int tokens, int columns) => sizeof(float) * Math.Min((long)tokens * columns, Math.Max(ActivationFloats, columns));

    /// <summary>Bytes that they keep on every thread, at most.</summary>
    public static long ThreadScratchBytes(int tokens, int columns)
    {
        const int WidestBlock = 768;
        long block = Math.Min(Math.Min(tokens, ActivationFloats / Math.Max(columns, 1)) * (long)TilePacking.MaxLanes, int.MaxValue);
        return sizeof(float) * ChunkPanels * PanelRows * (Math.Min(WidestBlock, columns) + (columns > WidestBlock ? block : 0));
    }

    /// <summary>Columns of a block; a multiple of all vector widths.</summary>
    static int BlockColumns<TVector>()
        where TVector : struct, IVector<TVector> => TVector.Count == 16 ? 768 : 512;

    /// <summary><c>y[i, j] = Σ x[i, c] · w[j, c]</c>; strides in elements.</summary>
    public static void Multiply<TSource, TVector>(
        float* x, int m, nuint xStride, TSource w, int n, int k, float* y, nuint yStride, WorkerTeam? team)
        where TSource : struct, IPanelSource
        where TVector : struct, IVector<TVector>
    {
        nuint packedColumns = TilePacking.Padded<TVector>((nuint)k);
        int tile = TilePacking.TileTokens<TVector>();
        int block = Math.Max(tile, (int)Math.Min((nuint)m, ActivationFloats / Math.Max(packedColumns, 1)) / tile * tile);
        int panels = (n + PanelRows - 1) / PanelRows;

        // For few tokens a panel is used once or twice: it stays in the first-level cache, and there are enough of them to take several at a time.
        bool few = m < FewTokens;
        int chunkPanels = few ? 1 : Math.Clamp(panels / (4 * (team?.Threads ?? 1)), 1, ChunkPanels);
        float* packed = ThreadScratch.Of<float>(ScratchPurpose.Activations, (long)block * (long)packedColumns);
        for (int token = 0; token < m; token += block)
        {
            int tokens = Math.Min(block, m - token);
            TilePacking.PackAll<TVector>(
                x + (nuint)token * xStride, xStride, tokens, (nuint)k, (nuint)BlockColumns<TVector>(), packed, team);
            ProductJob<TSource, TVector> product = new()
            {
                Packed = packed,
                Tokens = tokens,
                W = w,
                N = n,
                K = (nuint)k,
                Y = y + (nuint)token * yStride,
                YStride = yStride,
                ChunkPanels = chunkPanels,
            };
            int chunks = (panels + chunkPanels - 1) / chunkPanels;
            if (team is null)
            {
                product.Run(0, chunks);
            }
            else
            {
                team.Run(ref product, chunks, few ? Math.Max(1, chunks / (8 * team.Threads)) : 1);
            }
        }
    }

    /// <summary>Multiplies packed activations with chunks of rows.</summary>
    struct ProductJob<TSource, TVector> : IParallelJob
        where TSource : struct, IPanelSource
        where TVector : struct, IVector<TVector>
    {
        public float* Packed;
        public int Tokens;
        public TSource W;
        public int N;
        public nuint K;
        public float* Y;
        public nuint YStride;
        public int ChunkPanels;

        public void Run(int first, int last)
        {
            for (int chunk = first; chunk < last; chunk++)
            {
                RunChunk(chunk * ChunkPanels * PanelRows);
            }
        }

        void RunChunk(int row)
        {
            nuint lanes = (nuint)TVector.Count;
            nuint blockColumns = (nuint)BlockColumns<TVector>();
            int panels = Math.Min(ChunkPanels, (N - row + PanelRows - 1) / PanelRows);
            nuint sumsOfPanel = (nuint)Tokens * PanelRows * lanes;
            nuint panelFloats = PanelRows * Math.Min(blockColumns, TilePacking.Padded<TVector>(K));
            float* weights = ThreadScratch.Of<float>(ScratchPurpose.Rows, (long)panels * (long)panelFloats);
            float* sums = K > blockColumns ? ThreadScratch.Of<float>(ScratchPurpose.Sums, panels * (long)sumsOfPanel) : null;

            // No columns at all is one block of none: the sums are zeros.
            nuint column = 0;
            do
            {
                nuint columns = Math.Min(blockColumns, K - column);
                nuint steps = TilePacking.Padded<TVector>(columns) / lanes;
                bool isFirst = column == 0;
                bool isLast = column + columns == K;
                float* x = Packed + column * (nuint)Tokens;
                for (int panel = 0; panel < panels; panel++)
                {
                    int at = row + panel * PanelRows;
                    W.Fill<TVector>(at, Math.Min(PanelRows, N - at), column, columns, weights + (nuint)panel * panelFloats);
                }
                for (int token = 0; token < Tokens;)
                {
                    int tile = TilePacking.TileAt<TVector>(token, Tokens);
                    for (int panel = 0; panel < panels; panel++)
                    {
                        MultiplyTile(
                            tile,
                            x + (nuint)token * steps * lanes,
                            weights + (nuint)panel * panelFloats,
                            steps,
                            sums + (nuint)panel * sumsOfPanel + (nuint)token * PanelRows * lanes,
                            isFirst,
                            isLast,
                            token,
                            row + panel * PanelRows);
                    }
                    token += tile;
                }
                column += columns;
            }
            while (column < K);
        }

        void MultiplyTile(
            int tile, float* x, float* w, nuint steps, float* sums, bool first, bool last, int token, int row)
        {
            float* y = Y + (nuint)token * YStride + (nuint)row;
            if (last && row + PanelRows > N)
            {
                // The last rows are fewer than a panel: four columns of y are made aside, and those that exist are kept.
                float* aside = stackalloc float[TilePacking.MaxTokens * PanelRows];
                RegisterTile.Multiply<TVector>(tile, x, w, steps, sums, first, last, aside, PanelRows);
                for (int t = 0; t < tile; t++)
                {
                    for (int r = 0; r < N - row; r++)
                    {
                        y[(nuint)t * YStride + (nuint)r] = aside[t * PanelRows + r];
                    }
                }
            }
            else
            {
                RegisterTile.Multiply<TVector>(tile, x, w, steps, sums, first, last, y, YStride);
            }
        }
    }
}
