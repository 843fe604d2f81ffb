using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.Arm;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>How tokens are cut into register tiles, and how a tile's activations lie in memory: <c>[steps, tokens, lanes]</c>.</summary>
static unsafe class TilePacking
{
    /// <summary>Rows of W that every tile multiplies at once.</summary>
    public const int PanelRows = 4;

    /// <summary>Most tokens of any tile.</summary>
    public const int MaxTokens = 6;

    /// <summary>Most lanes of any vector.</summary>
    public const int MaxLanes = 16;

    /// <summary>Tokens of a full tile: six where there are 32 vector registers, three where there are 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TileTokens<TVector>()
        where TVector : struct, IVector<TVector> =>
        TVector.Count == 16 || (AdvSimd.IsSupported && TVector.Count == 4) ? MaxTokens : 3;

    /// <summary>The size of the tile that starts at a token: full ones first, then what covers the rest in the fewest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int TileAt<TVector>(int token, int tokens)
        where TVector : struct, IVector<TVector>
    {
        int rest = tokens - token;
        int full = TileTokens<TVector>();

        // What is left is less than a full tile, so a tile never reaches into the next multiple of full ones: threads
        // that pack begin at those.
        return rest >= full ? full : rest == 5 ? 3 : rest;
    }

    /// <summary>Columns rounded up to whole vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nuint Padded<TVector>(nuint columns)
        where TVector : struct, IVector<TVector> =>
        (columns + (nuint)TVector.Count - 1) / (nuint)TVector.Count * (nuint)TVector.Count;

    /// <summary>Packs one tile; the last step is filled up with zeros.</summary>
    /// <param name="x"><c>[tokens, columns]</c></param>
    /// <param name="stride">Elements from token to token.</param>
    /// <param name="tokens">Tokens of the tile.</param>
    /// <param name="columns">Columns to pack.</param>
    /// <param name="destination"><c>[⌈columns / lanes⌉, tokens, lanes]</c></param>
    public static void Pack<TVector>(float* x, nuint stride, int tokens, nuint columns, float* destination)
        where TVector : struct, IVector<TVector>
    {
        nuint lanes = (nuint)TVector.Count;
        nuint step = (nuint)tokens * lanes;
        for (int t = 0; t < tokens; t++)
        {
            float* to = destination + (nuint)t * lanes;
            nuint i = 0;
            for (; i + lanes <= columns; i += lanes)
            {
                TVector.Store(TVector.Load(x + i), to);
                to += step;
            }
            if (i < columns)
            {
                TVector.Store(VectorTail.Load<TVector>(x + i, columns - i), to);
            }
            x += stride;
        }
    }

    /// <summary>Packs all tokens: blocks of columns, in them tiles, in them <c>[steps, tokens of the tile, lanes]</c>.</summary>
    /// <param name="x"><c>[tokens, k]</c></param>
    /// <param name="stride">Elements from token to token.</param>
    /// <param name="tokens">Number of tokens.</param>
    /// <param name="k">Number of columns.</param>
    /// <param name="blockColumns">Columns of a block, a multiple of the lanes.</param>
    /// <param name="destination"><c>[tokens · padded k]</c></param>
    /// <param name="team">The threads that share the tiles; null for the caller's alone.</param>
    public static void PackAll<TVector>(
        float* x, nuint stride, int tokens, nuint k, nuint blockColumns, float* destination, WorkerTeam? team)
        where TVector : struct, IVector<TVector>
    {
        PackJob<TVector> job = new()
        {
            X = x,
            Stride = stride,
            Tokens = tokens,
            K = k,
            BlockColumns = blockColumns,
            Destination = destination,
        };
        int full = TileTokens<TVector>();
        int tiles = (tokens + full - 1) / full;
        if (team is null)
        {
            job.Run(0, tiles);
        }
        else
        {
            // Tiles that together outweigh waking a second thread.
            team.Run(ref job, tiles, grain: (int)Math.Max(1, 65536 / ((nuint)full * k + 1)));
        }
    }

    struct PackJob<TVector> : IParallelJob
        where TVector : struct, IVector<TVector>
    {
        public float* X;
        public nuint Stride;
        public int Tokens;
        public nuint K;
        public nuint BlockColumns;
        public float* Destination;

        public readonly void Run(int first, int last)
        {
            int full = TileTokens<TVector>();
            int end = Math.Min(last * full, Tokens);
            for (nuint column = 0; column < K; column += BlockColumns)
            {
                nuint columns = Math.Min(BlockColumns, K - column);
                float* block = Destination + column * (nuint)Tokens;
                for (int token = first * full; token < end;)
                {
                    int tile = TileAt<TVector>(token, Tokens);
                    Pack<TVector>(
                        X + (nuint)token * Stride + column,
                        Stride,
                        tile,
                        columns,
                        block + (nuint)token * Padded<TVector>(columns));
                    token += tile;
                }
            }
        }
    }
}
