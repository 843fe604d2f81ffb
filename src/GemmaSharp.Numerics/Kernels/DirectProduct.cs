using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// Products of few tokens: bound by reading the weights, so they are read once, in order, and widened in registers.
/// An item of the job is a group of eight rows.
/// </summary>
internal unsafe struct DirectProduct<TFormat, TVector> : IParallelJob
    where TFormat : struct, IWeightFormat
    where TVector : struct, IVector<TVector>
{
    const int GroupRows = 8;

    /// <summary><c>[M, K]</c>, and elements from row to row.</summary>
    public float* X;
    public int M;
    public nuint XStride;

    /// <summary><c>[N, K]</c> in stored form, and bytes from row to row.</summary>
    public byte* W;
    public int N;
    public nuint RowBytes;
    public nuint K;

    /// <summary><c>[M, N]</c>, and elements from row to row.</summary>
    public float* Y;
    public nuint YStride;

    public readonly int Groups => (N + GroupRows - 1) / GroupRows;

    public readonly void Run(int first, int last)
    {
        int row = first * GroupRows;
        int end = Math.Min(last * GroupRows, N);
        if (M == 1)
        {
            for (; row + 8 <= end; row += 8)
            {
                DotTile.Tile1x8<TFormat, TVector>(X, W + (nuint)row * RowBytes, RowBytes, K, Y + row);
            }
        }
        for (; row + 4 <= end; row += 4)
        {
            FourRows(W + (nuint)row * RowBytes, Y + row);
        }
        for (; row < end; row++)
        {
            for (int i = 0; i < M; i++)
            {
                DotTile.Tile1x1<TFormat, TVector>(
                    X + (nuint)i * XStride, W + (nuint)row * RowBytes, K, Y + (nuint)i * YStride + row);
            }
        }
    }

    readonly void FourRows(byte* w, float* y)
    {
        float* x = X;
        int rest = M;
        if (TVector.Count == 16)
        {
            for (; rest >= 6; rest -= 6)
            {
                DotTile.Tile6x4<TFormat, TVector>(x, XStride, w, RowBytes, K, y, YStride);
                x += 6 * XStride;
                y += 6 * YStride;
            }
        }
        for (; rest >= 3; rest -= 3)
        {
            DotTile.Tile3x4<TFormat, TVector>(x, XStride, w, RowBytes, K, y, YStride);
            x += 3 * XStride;
            y += 3 * YStride;
        }
        if (rest == 2)
        {
            DotTile.Tile2x4<TFormat, TVector>(x, XStride, w, RowBytes, K, y, YStride);
        }
        else if (rest == 1)
        {
            DotTile.Tile1x4<TFormat, TVector>(x, w, RowBytes, K, y);
        }
    }
}
