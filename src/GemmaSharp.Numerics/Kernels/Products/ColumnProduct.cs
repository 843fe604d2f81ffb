using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>A stored matrix <c>[Rows, Columns]</c> whose rows can be read as float32.</summary>
interface IRowSource
{
    /// <summary>Number of rows.</summary>
    int Rows { get; }

    /// <summary>Number of columns.</summary>
    int Columns { get; }

    /// <summary>Reads one row.</summary>
    /// <param name="row">Row number, from 0.</param>
    /// <param name="destination"><c>[Columns]</c></param>
    void ReadRow(int row, Span<float> destination);
}

/// <summary>Products with a packed matrix, <c>y = x · B</c>, output columns in the vector lanes: for a hundred rows of x and more, or short ones.</summary>
/// <remarks>
/// <see cref="MatMul"/> takes weights as they lie, columns of W in the vector lanes, and ends in a sum over the
/// lanes: one token is fast and gives the same bits as among many. Outputs in the lanes need no such sum
/// and one load less, at the price of turning the weights first; docs/kernels.md has the measurements.
/// B lies in strips of <see cref="StripWidth"/> columns, <c>[⌈n / width⌉, k, width]</c>, the last one filled up with zeros.
/// Output columns lie in the vector lanes, and every output is one chain of multiply-adds over k in ascending order:
/// a row of y depends on its row of x alone, bit for bit. Safe from any number of threads.
/// </remarks>
static unsafe class ColumnProduct
{
    const int TileRows = 6;
    const int MaxStripWidth = 32;

    /// <summary>Columns of weights turned together: their part of a strip stays in the first-level cache.</summary>
    const int PackColumns = 128;

    /// <summary>Columns of a strip: two vectors of this machine.</summary>
    public static int StripWidth => 2 * Widest.Lanes;

    /// <summary>Elements that a packed matrix takes.</summary>
    /// <param name="k">Rows of B.</param>
    /// <param name="n">Columns of B.</param>
    /// <returns><c>⌈n / width⌉ · width · k</c></returns>
    public static int PackedLength(int k, int n) => PackedLength(k, n, StripWidth);

    /// <summary>Packs a matrix of <c>[k, n]</c>.</summary>
    /// <param name="b"><c>[k, n]</c></param>
    /// <param name="k">Rows.</param>
    /// <param name="n">Columns.</param>
    /// <param name="packed">At least <see cref="PackedLength(int, int)"/> elements.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public static void Pack(ReadOnlySpan<float> b, int k, int n, Span<float> packed) => Pack(b, k, n, StripWidth, packed);

    /// <summary>Packs the transpose of a matrix of <c>[n, k]</c>.</summary>
    /// <param name="b"><c>[n, k]</c></param>
    /// <param name="k">Columns as stored: rows of B.</param>
    /// <param name="n">Rows as stored: columns of B.</param>
    /// <param name="packed">At least <see cref="PackedLength(int, int)"/> elements.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public static void PackTransposed(ReadOnlySpan<float> b, int k, int n, Span<float> packed) =>
        PackTransposed(b, k, n, StripWidth, packed);

    /// <summary><c>y[i, r] = Σ x[i, c] · W[r, c]</c> of stored weights, which are turned strip by strip in scratch of the running thread.</summary>
    /// <param name="x"><c>[m, Columns]</c></param>
    /// <param name="m">Rows of x and y; some hundred pay for the turning.</param>
    /// <param name="w">Weights in any stored form.</param>
    /// <param name="y"><c>[m, Rows]</c>; must not overlap <paramref name="x"/>.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public static void Multiply(ReadOnlySpan<float> x, int m, IRowSource w, Span<float> y)
    {
        ArgumentNullException.ThrowIfNull(w);
        Widest.Run(new StoredKernel(x, m, w, y));
    }

    /// <summary><c>y[i, j] = Σ x[i, c] · B[c, j]</c></summary>
    /// <param name="x"><c>[m, k]</c></param>
    /// <param name="m">Rows of x and y.</param>
    /// <param name="packed">B, packed.</param>
    /// <param name="k">Columns of x, rows of B.</param>
    /// <param name="n">Columns of B and y.</param>
    /// <param name="y"><c>[m, n]</c>; must not overlap the inputs.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public static void Multiply(ReadOnlySpan<float> x, int m, ReadOnlySpan<float> packed, int k, int n, Span<float> y) =>
        Widest.Run(new PackedKernel(x, m, packed, k, n, y));

    internal static int PackedLength(int k, int n, int width) => checked((n + width - 1) / width * width * k);

    internal static void Pack(ReadOnlySpan<float> b, int k, int n, int width, Span<float> packed)
    {
        CheckLength(b.Length, (long)k * n, nameof(b));
        CheckLength(packed.Length, PackedLength(k, n, width), nameof(packed));
        for (int first = 0; first < n; first += width)
        {
            int columns = Math.Min(width, n - first);
            for (int c = 0; c < k; c++)
            {
                Span<float> row = packed.Slice((first * k) + (c * width), width);
                b.Slice((c * n) + first, columns).CopyTo(row);
                row[columns..].Clear();
            }
        }
    }

    internal static void PackTransposed(ReadOnlySpan<float> b, int k, int n, int width, Span<float> packed)
    {
        CheckLength(b.Length, (long)k * n, nameof(b));
        CheckLength(packed.Length, PackedLength(k, n, width), nameof(packed));
        fixed (float* pb = b)
        fixed (float* pp = packed)
        {
            for (int first = 0; first < n; first += width)
            {
                PackStrip(pb + (long)first * k, k, Math.Min(width, n - first), width, pp + (long)first * k);
            }
        }
    }

    /// <summary>Bytes that products with stored weights keep on every thread, at most.</summary>
    public static long ScratchBytes(int k) => sizeof(float) * 4L * TilePacking.MaxLanes * k;

    /// <summary>The product with stored weights at a given width.</summary>
    internal static void Multiply<TVector>(ReadOnlySpan<float> x, int m, IRowSource w, Span<float> y)
        where TVector : struct, IVector<TVector>
    {
        (int k, int n, int width) = (w.Columns, w.Rows, 2 * TVector.Count);
        CheckLength(x.Length, (long)m * k, nameof(x));
        CheckLength(y.Length, (long)m * n, nameof(y));
        float* strip = ThreadScratch.Of<float>(ScratchPurpose.Rows, 2L * width * k);
        float* rows = strip + (long)width * k;
        fixed (float* px = x)
        fixed (float* py = y)
        {
            for (int first = 0; first < n; first += width)
            {
                int columns = Math.Min(width, n - first);
                for (int j = 0; j < columns; j++)
                {
                    w.ReadRow(first + j, new Span<float>(rows + (long)j * k, k));
                }
                PackStrip(rows, k, columns, width, strip);
                MultiplyStrip<TVector>(px, m, strip, k, columns, py + first, n);
            }
        }
    }

    /// <summary>Turns up to <paramref name="width"/> rows of weights into a strip; missing ones are zeros.</summary>
    static void PackStrip(float* rows, int k, int count, int width, float* strip)
    {
        if (count < width)
        {
            new Span<float>(strip, width * k).Clear();
        }
        for (int start = 0; start < k; start += PackColumns)
        {
            nuint columns = (nuint)Math.Min(PackColumns, k - start);
            float* source = rows + start;
            float* target = strip + (long)start * width;
            int j = 0;
            for (; j + 4 <= count; j += 4)
            {
                VectorInterleave.Four(source + (long)j * k, (nuint)k, columns, target + j, (nuint)width);
            }
            for (; j < count; j++)
            {
                for (nuint c = 0; c < columns; c++)
                {
                    target[c * (nuint)width + (nuint)j] = source[(nuint)j * (nuint)k + c];
                }
            }
        }
    }

    /// <summary>The product at a given width; B is packed for it.</summary>
    internal static void Multiply<TVector>(ReadOnlySpan<float> x, int m, ReadOnlySpan<float> packed, int k, int n, Span<float> y)
        where TVector : struct, IVector<TVector>
    {
        int width = 2 * TVector.Count;
        CheckLength(x.Length, (long)m * k, nameof(x));
        CheckLength(packed.Length, PackedLength(k, n, width), nameof(packed));
        CheckLength(y.Length, (long)m * n, nameof(y));
        fixed (float* px = x)
        fixed (float* pb = packed)
        fixed (float* py = y)
        {
            for (int first = 0; first < n; first += width)
            {
                MultiplyStrip<TVector>(px, m, pb + (long)first * k, k, Math.Min(width, n - first), py + first, n);
            }
        }
    }

    /// <summary>All rows of x with one strip, of which <paramref name="columns"/> columns count.</summary>
    static void MultiplyStrip<TVector>(float* x, int m, float* strip, int k, int columns, float* y, int yStride)
        where TVector : struct, IVector<TVector>
    {
        int width = 2 * TVector.Count;
        bool whole = columns == width;
        float* edge = stackalloc float[TileRows * MaxStripWidth];
        for (int i = 0; i < m;)
        {
            int rows = m - i >= TileRows ? TileRows : 1;
            float* tile = whole ? y + (long)i * yStride : edge;
            nuint stride = (nuint)(whole ? yStride : width);
            if (rows == TileRows)
            {
                Tile6<TVector>(x + (long)i * k, (nuint)k, strip, (nuint)k, tile, stride);
            }
            else
            {
                Tile1<TVector>(x + (long)i * k, strip, (nuint)k, tile);
            }
            for (int r = 0; r < rows && !whole; r++)
            {
                new ReadOnlySpan<float>(edge + r * width, columns).CopyTo(new Span<float>(y + (long)(i + r) * yStride, columns));
            }
            i += rows;
        }
    }

    /// <summary>Six rows by two vectors: twelve sums, two of B and one of x fit the sixteen registers of AVX2.</summary>
    static void Tile6<TVector>(float* x, nuint xStride, float* strip, nuint k, float* y, nuint yStride)
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero, b0 = TVector.Zero, b1 = TVector.Zero;
        TVector c0 = TVector.Zero, c1 = TVector.Zero, d0 = TVector.Zero, d1 = TVector.Zero;
        TVector e0 = TVector.Zero, e1 = TVector.Zero, f0 = TVector.Zero, f1 = TVector.Zero;
        float* x3 = x + 3 * xStride;
        for (nuint i = 0; i < k; i++)
        {
            TVector left = TVector.Load(strip);
            TVector right = TVector.Load(strip + width);
            strip += 2 * width;
            TVector v = TVector.Create(x[0]);
            a0 = TVector.MultiplyAdd(v, left, a0);
            a1 = TVector.MultiplyAdd(v, right, a1);
            v = TVector.Create(x[xStride]);
            b0 = TVector.MultiplyAdd(v, left, b0);
            b1 = TVector.MultiplyAdd(v, right, b1);
            v = TVector.Create(x[2 * xStride]);
            c0 = TVector.MultiplyAdd(v, left, c0);
            c1 = TVector.MultiplyAdd(v, right, c1);
            v = TVector.Create(x3[0]);
            d0 = TVector.MultiplyAdd(v, left, d0);
            d1 = TVector.MultiplyAdd(v, right, d1);
            v = TVector.Create(x3[xStride]);
            e0 = TVector.MultiplyAdd(v, left, e0);
            e1 = TVector.MultiplyAdd(v, right, e1);
            v = TVector.Create(x3[2 * xStride]);
            f0 = TVector.MultiplyAdd(v, left, f0);
            f1 = TVector.MultiplyAdd(v, right, f1);
            x++;
            x3++;
        }
        Store(a0, a1, y);
        Store(b0, b1, y + yStride);
        Store(c0, c1, y + 2 * yStride);
        Store(d0, d1, y + 3 * yStride);
        Store(e0, e1, y + 4 * yStride);
        Store(f0, f1, y + 5 * yStride);
    }

    static void Tile1<TVector>(float* x, float* strip, nuint k, float* y)
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        TVector a0 = TVector.Zero, a1 = TVector.Zero;
        for (nuint i = 0; i < k; i++)
        {
            TVector v = TVector.Create(x[i]);
            a0 = TVector.MultiplyAdd(v, TVector.Load(strip + 2 * i * width), a0);
            a1 = TVector.MultiplyAdd(v, TVector.Load(strip + (2 * i + 1) * width), a1);
        }
        Store(a0, a1, y);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Store<TVector>(TVector left, TVector right, float* y)
        where TVector : struct, IVector<TVector>
    {
        TVector.Store(left, y);
        TVector.Store(right, y + TVector.Count);
    }

    static void CheckLength(int found, long needed, string name)
    {
        if (found < needed)
        {
            throw new ArgumentException($"{name} has {found} elements; the product needs {needed}.", name);
        }
    }

    /// <summary>The product with stored weights.</summary>
    internal readonly ref struct StoredKernel(ReadOnlySpan<float> x, int m, IRowSource w, Span<float> y) : IWidthKernel
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly Span<float> _y = y;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Multiply<TVector>(_x, m, w, _y);
    }

    /// <summary>The product with a packed matrix.</summary>
    internal readonly ref struct PackedKernel(ReadOnlySpan<float> x, int m, ReadOnlySpan<float> packed, int k, int n, Span<float> y) : IWidthKernel
    {
        readonly ReadOnlySpan<float> _x = x;
        readonly ReadOnlySpan<float> _packed = packed;
        readonly Span<float> _y = y;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Multiply<TVector>(_x, m, _packed, k, n, _y);
    }
}
