using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>
/// A matrix W <c>[Rows, Columns]</c> as bfloat16 panels of sixteen rows: blocks of <see cref="BFloat16Tile.BlockColumns"/> columns, of which a line has two of
/// each row. What the last panel and block have beyond the matrix is zero.
/// </summary>
/// <remarks>Valid as long as the memory is; not synchronised.</remarks>
readonly unsafe struct BFloat16Layout
{
    /// <summary>Rows of a panel.</summary>
    public const int PanelRows = 16;

    readonly byte* _start;

    /// <summary>Panels at a place.</summary>
    /// <param name="start">At least <see cref="BytesOf"/> bytes.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Columns of the matrix, 1 or more.</param>
    public BFloat16Layout(byte* start, int rows, int columns)
    {
        _start = start;
        (Rows, Columns) = (rows, columns);
    }

    /// <summary>Rows of the matrix.</summary>
    public int Rows { get; }

    /// <summary>Columns of the matrix.</summary>
    public int Columns { get; }

    /// <summary>Panels.</summary>
    public int Count => CountOf(Rows);

    /// <summary>Blocks of a panel.</summary>
    public int Blocks => BlocksOf(Columns);

    /// <summary>Bytes from panel to panel.</summary>
    public long PanelBytes => PanelBytesOf(Columns);

    /// <summary>Bytes of a matrix.</summary>
    public static long BytesOf(int rows, int columns) => CountOf(rows) * PanelBytesOf(columns);

    /// <summary>Floats of memory that hold so many bytes.</summary>
    public static long FloatsOf(int rows, int columns) => BytesOf(rows, columns) / sizeof(float);

    /// <summary>The first byte of a panel.</summary>
    public byte* Panel(int panel) => _start + (panel * PanelBytes);

    /// <summary>Rounds a matrix <c>[rows, columns]</c> and packs it as W.</summary>
    /// <param name="w">The numbers.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="columns">Columns, 1 or more.</param>
    /// <param name="room">At least <see cref="FloatsOf"/>.</param>
    public static BFloat16Layout Of(ReadOnlySpan<float> w, int rows, int columns, Floats room)
    {
        BFloat16Layout layout = In(room, rows, columns);
        for (int r = 0; r < rows; r++)
        {
            ushort* place = layout.Place(r);
            ReadOnlySpan<float> row = w.Slice(r * columns, columns);
            for (int c = 0; c < columns; c++)
            {
                place[Offset(c)] = BFloat16.FromSingle(row[c]).Bits;
            }
        }

        return layout;
    }

    /// <summary>Rounds a matrix <c>[columns, rows]</c> and packs its transpose as W.</summary>
    /// <param name="b">The numbers.</param>
    /// <param name="rows">Columns of b, rows of W.</param>
    /// <param name="columns">Rows of b, columns of W, 1 or more.</param>
    /// <param name="room">At least <see cref="FloatsOf"/>.</param>
    public static BFloat16Layout OfTransposed(ReadOnlySpan<float> b, int rows, int columns, Floats room)
    {
        BFloat16Layout layout = In(room, rows, columns);
        for (int r = 0; r < rows; r++)
        {
            ushort* place = layout.Place(r);
            for (int c = 0; c < columns; c++)
            {
                place[Offset(c)] = BFloat16.FromSingle(b[(c * rows) + r]).Bits;
            }
        }

        return layout;
    }

    static BFloat16Layout In(Floats room, int rows, int columns)
    {
        Floats own = room.Slice(0, FloatsOf(rows, columns));
        own.Span.Clear();
        return new((byte*)own.Pointer, rows, columns);
    }

    /// <summary>A row's first number.</summary>
    ushort* Place(int row) => (ushort*)Panel(row / PanelRows) + (row % PanelRows * 2);

    /// <summary>Numbers from a row's first one to that of a column.</summary>
    static int Offset(int column) => (column / 2 * PanelRows * 2) + (column % 2);

    static int CountOf(int rows) => (rows + PanelRows - 1) / PanelRows;

    static int BlocksOf(int columns) => (columns + BFloat16Tile.BlockColumns - 1) / BFloat16Tile.BlockColumns;

    static long PanelBytesOf(int columns) => (long)BlocksOf(columns) * BFloat16Tile.BlockColumns * PanelRows * sizeof(ushort);
}
