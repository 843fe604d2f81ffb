using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// Products whose tokens fit the second-level cache: weights are read from memory once, in order, and widened in
/// registers. An item of the job is a group of eight rows.
/// </summary>
unsafe struct DirectProduct<TFormat, TVector> : IParallelJob
    where TFormat : struct, IWeightFormat
    where TVector : struct, IVector<TVector>
{
    const int GroupRows = 8;
    const int PanelRows = TilePacking.PanelRows;

    // Up to so many tokens memory is the limit, and the first tile of a group of rows fetches the next group, where rows lie end to end.
    const int FetchTokens = 8;

    /// <summary>All tokens, packed in tiles over all columns.</summary>
    public float* X;
    public int Tokens;

    /// <summary><c>[N, K]</c> in stored form, and bytes from row to row.</summary>
    public byte* W;
    public int N;
    public nuint RowBytes;
    public nuint K;

    /// <summary><c>[Tokens, N]</c>, and elements from row to row.</summary>
    public float* Y;
    public nuint YStride;

    public readonly int Groups => (N + GroupRows - 1) / GroupRows;

    /// <summary>Whether the tiles of these weights are machine code here.</summary>
    internal static bool IsAssembled => typeof(TFormat) == typeof(HalfWeights) && typeof(TVector) == typeof(F32x16) && HalfTile.IsSupported;

    readonly bool IsContiguous => RowBytes == K * (nuint)TFormat.Size;

    [SkipLocalsInit]
    public readonly void Run(int first, int last)
    {
        int row = first * GroupRows;
        int end = Math.Min(last * GroupRows, N);
        nuint lanes = (nuint)TVector.Count;
        if (Tokens == 1 && K % lanes == 0)
        {
            // Eight streams and eight chains: what one token needs to keep memory busy.
            for (; row + 8 <= end; row += 8)
            {
                byte* w = W + (nuint)row * RowBytes;
                if (IsAssembled)
                {
                    EightRows(w, Y + row);
                }
                else if (IsContiguous)
                {
                    DotTile.Tile1x8<TFormat, TVector, FetchAhead>(X, w, RowBytes, K / lanes, w + 8 * RowBytes, Y + row);
                }
                else
                {
                    DotTile.Tile1x8<TFormat, TVector, FetchNothing>(X, w, RowBytes, K / lanes, w, Y + row);
                }
            }
        }
        for (; row + PanelRows <= end; row += PanelRows)
        {
            FourRows(W + (nuint)row * RowBytes, RowBytes, Y + row, YStride);
        }

        if (row < end)
        {
            LastRows(row, end);
        }
    }

    [SkipLocalsInit]
    readonly void EightRows(byte* w, float* y)
    {
        float* sums = stackalloc float[2 * HalfTile.Rows * TilePacking.MaxLanes];
        nuint steps = K / (nuint)TVector.Count;
        if (IsContiguous)
        {
            HalfTile.Sum<FetchAhead>(0, X, w, RowBytes, steps, w + 8 * RowBytes, sums);
        }
        else
        {
            HalfTile.Sum<FetchNothing>(0, X, w, RowBytes, steps, w, sums);
        }

        Fold(sums, y);
        Fold(sums + HalfTile.Rows * TVector.Count, y + HalfTile.Rows);
    }

    /// <summary>Four rows' sums over the lanes.</summary>
    static void Fold(float* sums, float* y) => TVector.StoreSums(
        TVector.Load(sums), TVector.Load(sums + TVector.Count), TVector.Load(sums + 2 * TVector.Count), TVector.Load(sums + 3 * TVector.Count), y);

    [SkipLocalsInit]
    static void Assembled<TFetch>(int tile, float* x, byte* w, nuint rowBytes, nuint steps, byte* next, float* sums, float* y, nuint yStride)
        where TFetch : struct, IFetch
    {
        float* room = stackalloc float[HalfTile.MostSums];
        HalfTile.Sum<TFetch>(tile, x, w, rowBytes, steps, next, sums == null ? room : sums);
        for (int t = 0; t < tile && sums == null; t++)
        {
            Fold(room + t * HalfTile.Rows * TVector.Count, y + (nuint)t * yStride);
        }
    }

    /// <summary>Fewer than four rows, one by one: four times the same row, and one of the results kept.</summary>
    readonly void LastRows(int row, int end)
    {
        float* aside = ThreadScratch.Of<float>(ScratchPurpose.Sums, PanelRows * (long)Tokens);
        for (; row < end; row++)
        {
            FourRows(W + (nuint)row * RowBytes, 0, aside, PanelRows);
            for (int t = 0; t < Tokens; t++)
            {
                Y[(nuint)t * YStride + (nuint)row] = aside[t * PanelRows];
            }
        }
    }

    [SkipLocalsInit]
    readonly void FourRows(byte* w, nuint rowBytes, float* y, nuint yStride)
    {
        nuint lanes = (nuint)TVector.Count;
        nuint steps = K / lanes;
        nuint whole = steps * lanes;
        float* sums = null;
        float* lastStep = null;
        if (whole < K)
        {
            float* buffer = stackalloc float[(TilePacking.MaxTokens + 1) * PanelRows * TilePacking.MaxLanes];
            sums = buffer + PanelRows * TilePacking.MaxLanes;
            lastStep = buffer;
            new StoredPanels<TFormat>(w, rowBytes).Fill<TVector>(0, PanelRows, whole, K - whole, lastStep);
        }
        float* x = X;
        for (int token = 0; token < Tokens;)
        {
            int tile = TilePacking.TileAt<TVector>(token, Tokens);
            if (token == 0 && Tokens <= FetchTokens && IsContiguous)
            {
                Multiply<FetchAhead>(tile, x, w, rowBytes, steps, sums, y, yStride);
            }
            else
            {
                Multiply<FetchNothing>(tile, x, w, rowBytes, steps, sums, y, yStride);
            }
            x += whole * (nuint)tile;
            if (lastStep != null)
            {
                RegisterTile.Multiply<TVector>(tile, x, lastStep, 1, sums, false, true, y, yStride);
                x += lanes * (nuint)tile;
            }
            y += (nuint)tile * yStride;
            token += tile;
        }
    }

    static void Multiply<TFetch>(
        int tile, float* x, byte* w, nuint rowBytes, nuint steps, float* sums, float* y, nuint yStride)
        where TFetch : struct, IFetch
    {
        byte* next = w + PanelRows * rowBytes;
        if (IsAssembled)
        {
            Assembled<TFetch>(tile, x, w, rowBytes, steps, next, sums, y, yStride);
            return;
        }

        switch (tile)
        {
            case 6:
                DotTile.Tile6x4<TFormat, TVector, TFetch>(x, w, rowBytes, steps, next, sums, y, yStride);
                break;
            case 4:
                DotTile.Tile4x4<TFormat, TVector, TFetch>(x, w, rowBytes, steps, next, sums, y, yStride);
                break;
            case 3:
                DotTile.Tile3x4<TFormat, TVector, TFetch>(x, w, rowBytes, steps, next, sums, y, yStride);
                break;
            case 2:
                DotTile.Tile2x4<TFormat, TVector, TFetch>(x, w, rowBytes, steps, next, sums, y, yStride);
                break;
            default:
                DotTile.Tile1x4<TFormat, TVector, TFetch>(x, w, rowBytes, steps, next, sums, y);
                break;
        }
    }
}
