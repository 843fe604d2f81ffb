using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Products with a transposed matrix, <c>y = x · Wᵀ</c>, columns of W in the lanes: for any number of rows of x, the fastest for few.</summary>
/// <remarks>
/// A row of y depends on its row of x alone, bit for bit: not on the other rows of the call, nor on the number of
/// threads. Safe from any number of threads.
/// </remarks>
static unsafe class MatMul
{
    /// <summary><c>y[i, j] = Σ x[i, c] · w[j, c]</c> of dense float32 matrices.</summary>
    /// <param name="x"><c>[m, k]</c></param>
    /// <param name="m">Rows of x and y.</param>
    /// <param name="w"><c>[n, k]</c></param>
    /// <param name="n">Rows of w, columns of y.</param>
    /// <param name="k">Columns of x and w.</param>
    /// <param name="y"><c>[m, n]</c> with <paramref name="ldy"/> elements from row to row; must not overlap the inputs.</param>
    /// <param name="ldy">Row stride of y, at least <paramref name="n"/>.</param>
    /// <param name="team">The threads that share the work; null for the caller's alone.</param>
    /// <exception cref="ArgumentException">A span is too short or a stride too small.</exception>
    public static void Multiply(
        ReadOnlySpan<float> x, int m, ReadOnlySpan<float> w, int n, int k, Span<float> y, int ldy, WorkerTeam? team = null) =>
        Multiply(x, m, k, w, n, k, k, y, ldy, team);

    /// <summary><c>y[i, j] = Σ x[i, c] · w[j, c]</c> of float32 matrices with row strides.</summary>
    /// <param name="x"><c>[m, k]</c></param>
    /// <param name="m">Rows of x and y.</param>
    /// <param name="ldx">Row stride of x, at least <paramref name="k"/>.</param>
    /// <param name="w"><c>[n, k]</c></param>
    /// <param name="n">Rows of w, columns of y.</param>
    /// <param name="ldw">Row stride of w, at least <paramref name="k"/>.</param>
    /// <param name="k">Columns of x and w.</param>
    /// <param name="y"><c>[m, n]</c>; must not overlap the inputs.</param>
    /// <param name="ldy">Row stride of y, at least <paramref name="n"/>.</param>
    /// <param name="team">The threads that share the work; null for the caller's alone.</param>
    /// <exception cref="ArgumentException">A span is too short or a stride too small.</exception>
    public static void Multiply(
        ReadOnlySpan<float> x,
        int m,
        int ldx,
        ReadOnlySpan<float> w,
        int n,
        int ldw,
        int k,
        Span<float> y,
        int ldy,
        WorkerTeam? team = null)
    {
        CheckMatrix(x.Length, m, k, ldx, nameof(x));
        CheckMatrix(w.Length, n, k, ldw, nameof(w));
        CheckMatrix(y.Length, m, n, ldy, nameof(y));
        fixed (float* px = x)
        fixed (float* pw = w)
        fixed (float* py = y)
        {
            Multiply<SingleWeights>(px, m, (nuint)ldx, (byte*)pw, n, (nuint)ldw * sizeof(float), k, py, (nuint)ldy, team);
        }
    }

    /// <summary><c>y[i, j] = Σ x[i, c] · w[j, c]</c> with rows in a stored form.</summary>
    /// <param name="x"><c>[m, k]</c></param>
    /// <param name="m">Rows of x and y.</param>
    /// <param name="w"><c>[n, k]</c></param>
    /// <param name="n">Rows of w, columns of y.</param>
    /// <param name="k">Columns of x and w.</param>
    /// <param name="y"><c>[m, n]</c> with <paramref name="ldy"/> elements from row to row; must not overlap the inputs.</param>
    /// <param name="ldy">Row stride of y, at least <paramref name="n"/>.</param>
    /// <exception cref="ArgumentException">A span is too short or a stride too small, or there is no product of such numbers.</exception>
    public static void Multiply(ReadOnlySpan<float> x, int m, StoredRows w, int n, int k, Span<float> y, int ldy)
    {
        CheckMatrix(x.Length, m, k, k, nameof(x));
        CheckMatrix(w.Count, n, k, k, nameof(w));
        CheckMatrix(y.Length, m, n, ldy, nameof(y));
        nuint rowBytes = (nuint)k * (nuint)w.Type.SizeInBytes();
        fixed (float* px = x, py = y)
        fixed (byte* pw = w.Bytes)
        {
            switch (w.Type)
            {
                case ElementType.F32:
                    Multiply<SingleWeights>(px, m, (nuint)k, pw, n, rowBytes, k, py, (nuint)ldy, null);
                    break;
                case ElementType.BF16:
                    Multiply<BFloat16Weights>(px, m, (nuint)k, pw, n, rowBytes, k, py, (nuint)ldy, null);
                    break;
                case ElementType.F16:
                    Multiply<HalfWeights>(px, m, (nuint)k, pw, n, rowBytes, k, py, (nuint)ldy, null);
                    break;
                default:
                    throw new ArgumentException($"Rows of {w.Type.Name()} were given; products are made of BF16, F16 and F32.", nameof(w));
            }
        }
    }

    /// <summary>The product with stored weights; strides of x and y in elements, of w in bytes.</summary>
    internal static void Multiply<TFormat>(
        float* x, int m, nuint xStride, byte* w, int n, nuint rowBytes, int k, float* y, nuint yStride, WorkerTeam? team)
        where TFormat : struct, IWeightFormat =>
        Widest.Run(new Kernel<TFormat>(x, m, xStride, w, n, rowBytes, k, y, yStride, team));

    /// <summary>The product at a given width.</summary>
    internal static void Multiply<TFormat, TVector>(
        float* x, int m, nuint xStride, byte* w, int n, nuint rowBytes, int k, float* y, nuint yStride, WorkerTeam? team)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        if (m == 0 || n == 0)
        {
            return;
        }
        int block = DirectTokens<TFormat, TVector>(m, k);
        if (block == 0)
        {
            PanelProduct.Multiply<StoredPanels<TFormat>, TVector>(x, m, xStride, new(w, rowBytes), n, k, y, yStride, team);
            return;
        }
        for (int token = 0; token < m; token += block)
        {
            int tokens = Math.Min(block, m - token);
            DirectProduct<TFormat, TVector> job = new()
            {
                X = PackTokens<TVector>(x + (nuint)token * xStride, tokens, xStride, (nuint)k, team),
                Tokens = tokens,
                W = w,
                N = n,
                RowBytes = rowBytes,
                K = (nuint)k,
                Y = y + (nuint)token * yStride,
                YStride = yStride,
            };
            int groups = job.Groups;
            if (team is null)
            {
                job.Run(0, groups);
            }
            else
            {
                team.Run(ref job, groups, Math.Max(1, groups / (team.Threads * 8)));
            }
        }
    }

    /// <summary>How many tokens to multiply at a time with weights widened in registers; 0 to widen them into a panel instead.</summary>
    /// <remarks>
    /// Measured. In registers a weight is widened once per tile, in a panel once per call, but then stored and read again.
    /// With six tokens to a tile and a format that takes two instructions, registers win as long as a block of tokens
    /// fits the second-level cache and is large enough to spare memory: weights are read again for each block.
    /// </remarks>
    static int DirectTokens<TFormat, TVector>(int m, int k)
        where TFormat : struct, IWeightFormat
        where TVector : struct, IVector<TVector>
    {
        const int BlockFloats = 192 << 10;
        const int SmallestBlock = 60;
        bool wide = TilePacking.TileTokens<TVector>() == TilePacking.MaxTokens;
        bool costly = typeof(TFormat) == typeof(HalfWeights) && !DirectProduct<TFormat, TVector>.IsAssembled;
        int few = (costly, wide) switch
        {
            (true, true) => 8,
            (true, false) => 5,
            (false, _) => 20,
        };
        if (m <= few)
        {
            return m;
        }
        int block = BlockFloats / Math.Max(k, 1) / TilePacking.MaxTokens * TilePacking.MaxTokens;
        return wide && !costly && block >= Math.Min(m, SmallestBlock) ? block : 0;
    }

    /// <summary>The tokens in tiles; one token of whole vectors is its own tile, in place.</summary>
    static float* PackTokens<TVector>(float* x, int m, nuint xStride, nuint k, WorkerTeam? team)
        where TVector : struct, IVector<TVector>
    {
        nuint columns = TilePacking.Padded<TVector>(k);
        if (m == 1 && columns == k)
        {
            return x;
        }
        float* packed = ThreadScratch.Of<float>(ScratchPurpose.Activations, m * (long)columns);
        TilePacking.PackAll<TVector>(x, xStride, m, k, columns, packed, team);
        return packed;
    }

    static void CheckMatrix(int length, int rows, int columns, int stride, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(rows, name);
        ArgumentOutOfRangeException.ThrowIfNegative(columns, name);
        if (stride < columns)
        {
            throw new ArgumentException($"{name} has a row stride of {stride}; its rows of {columns} need as much.", name);
        }
        if (rows > 0 && length < (long)(rows - 1) * stride + columns)
        {
            throw new ArgumentException(
                $"{name} has {length} elements; {rows} rows of {columns} at stride {stride} need {(long)(rows - 1) * stride + columns}.",
                name);
        }
    }

    /// <summary>The product with stored weights.</summary>
    internal readonly struct Kernel<TFormat>(
        float* x, int m, nuint xStride, byte* w, int n, nuint rowBytes, int k, float* y, nuint yStride, WorkerTeam? team) : IWidthKernel
        where TFormat : struct, IWeightFormat
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Multiply<TFormat, TVector>(x, m, xStride, w, n, rowBytes, k, y, yStride, team);
    }
}
