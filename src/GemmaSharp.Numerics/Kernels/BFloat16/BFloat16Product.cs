using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.MachineCode;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>y[t, r] = Σ bf16(x[t, c]) · W[r, c]</c> with float32 sums, for many rows of x: twice as fast as with float32 numbers.</summary>
/// <remarks>A row of y depends on its row of x alone, bit for bit: not on the other rows, nor on the number of threads. Thread-safe.</remarks>
static unsafe class BFloat16Product
{
    /// <summary>Rows of x rounded at a time: bounds the scratch memory.</summary>
    const int MostRows = 768;

    /// <summary>Rows of x that an item of work has with four panels.</summary>
    const int ItemRows = 16 * BFloat16Tile.MostRows;

    const int LineBytes = 64;

    static readonly KernelTable s_tiles = new(
        BFloat16Tile.MostPanels * BFloat16Tile.MostRows,
        static number => (nint)BFloat16Tile.Multiply((number / BFloat16Tile.MostRows) + 1, (number % BFloat16Tile.MostRows) + 1));

    static readonly KernelTable s_roundings = new(BFloat16Tile.MostRows, static number => (nint)BFloat16Tile.Round(number + 1));

    /// <summary>Whether the machine has the instruction and the system runs code for it.</summary>
    public static bool IsSupported => Processor.HasBFloat16;

    /// <summary>The product.</summary>
    /// <param name="x"><c>[rows, Columns]</c></param>
    /// <param name="rows">Rows of x and y, 0 or more.</param>
    /// <param name="w">The other side; the caller keeps its memory alive.</param>
    /// <param name="y">Receives <c>[rows, w.Rows]</c>; must not overlap <paramref name="x"/>.</param>
    /// <param name="team">The threads that share the work; null for the caller's alone.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    /// <exception cref="InsufficientMemoryException">The system has not enough memory for more machine code.</exception>
    public static void Multiply(ReadOnlySpan<float> x, int rows, BFloat16Layout w, Span<float> y, WorkerTeam? team)
    {
        if (x.Length < (long)rows * w.Columns || y.Length < (long)rows * w.Rows)
        {
            throw new ArgumentException(
                $"x has {x.Length} elements and y {y.Length}; {rows} rows need {(long)rows * w.Columns} and {(long)rows * w.Rows}.");
        }

        fixed (float* px = x)
        fixed (float* py = y)
        {
            Multiply(px, rows, w, py, team);
        }
    }

    static void Multiply(float* x, int rows, BFloat16Layout w, float* y, WorkerTeam? team)
    {
        for (int first = 0; first < rows; first += MostRows)
        {
            int count = Math.Min(MostRows, rows - first);
            byte* rounded = ThreadScratch.Of<byte>(ScratchPurpose.Activations, (long)count * w.Blocks * LineBytes);
            RoundJob round = new() { X = x + (long)first * w.Columns, Rounded = rounded, Tiles = new(count), Columns = w.Columns };
            ProductJob product = new() { W = w, Rounded = rounded, Tiles = round.Tiles, Y = y + (long)first * w.Rows };
            int items = product.Items;
            if (team is null)
            {
                round.Run(0, round.Tiles.Count);
                product.Run(0, items);
                continue;
            }

            // Tiles that together outweigh waking a second thread.
            team.Run(ref round, round.Tiles.Count, Math.Max(1, 65536 / (BFloat16Tile.MostRows * w.Columns)));
            team.Run(ref product, items);
        }
    }

    /// <summary>Rows cut into tiles of about the same size: eight are four and four.</summary>
    readonly struct TileCut(int rows)
    {
        public int Rows => rows;

        public int Count => (rows + BFloat16Tile.MostRows - 1) / BFloat16Tile.MostRows;

        public int Start(int tile) => (int)((long)rows * tile / Count);
    }

    struct RoundJob : IParallelJob
    {
        public float* X;
        public byte* Rounded;
        public TileCut Tiles;
        public int Columns;

        public readonly void Run(int first, int last)
        {
            int blocks = (Columns + BFloat16Tile.BlockColumns - 1) / BFloat16Tile.BlockColumns, whole = Columns / BFloat16Tile.BlockColumns;
            for (int tile = first; tile < last; tile++)
            {
                int start = Tiles.Start(tile);
                BFloat16RoundArguments arguments = new()
                {
                    Source = X + (long)start * Columns,
                    Stride = Columns * sizeof(float),
                    Blocks = whole,
                    Target = Rounded + (long)start * blocks * LineBytes,
                    Rest = (nint)((1u << (Columns % BFloat16Tile.BlockColumns)) - 1),
                };
                s_roundings[Tiles.Start(tile + 1) - start - 1](&arguments);
            }
        }
    }

    struct ProductJob : IParallelJob
    {
        public BFloat16Layout W;
        public byte* Rounded;
        public TileCut Tiles;
        public float* Y;

        public readonly int Items => Groups * Shares;

        readonly int Groups => (W.Count + BFloat16Tile.MostPanels - 1) / BFloat16Tile.MostPanels;

        readonly int Shares => (Tiles.Rows + ItemRows - 1) / ItemRows;

        [SkipLocalsInit]
        public readonly void Run(int first, int last)
        {
            const int RoomFloats = BFloat16Tile.MostPanels * BFloat16Tile.MostRows * BFloat16Layout.PanelRows;
            float* aside = stackalloc float[RoomFloats];
            for (int item = first; item < last; item++)
            {
                (int group, int share) = Math.DivRem(item, Shares);
                int panel = group * BFloat16Tile.MostPanels, panels = Math.Min(BFloat16Tile.MostPanels, W.Count - panel);
                for (int tile = Tiles.Count * share / Shares; tile < Tiles.Count * (share + 1) / Shares; tile++)
                {
                    MultiplyTile(panel, panels, tile, aside);
                }
            }
        }

        readonly void MultiplyTile(int panel, int panels, int tile, float* aside)
        {
            int start = Tiles.Start(tile), rows = Tiles.Start(tile + 1) - start;
            int output = panel * BFloat16Layout.PanelRows, outputs = Math.Min(panels * BFloat16Layout.PanelRows, W.Rows - output);
            bool whole = outputs == panels * BFloat16Layout.PanelRows;
            float* y = Y + (long)start * W.Rows + output;
            BFloat16TileArguments arguments = new()
            {
                Panels = W.Panel(panel),
                PanelBytes = (nint)W.PanelBytes,
                Blocks = W.Blocks,
                X = Rounded + (long)start * W.Blocks * LineBytes,
                Y = whole ? y : aside,
                YStride = sizeof(float) * (whole ? W.Rows : panels * BFloat16Layout.PanelRows),
            };
            s_tiles[((panels - 1) * BFloat16Tile.MostRows) + rows - 1](&arguments);
            for (int t = 0; t < rows && !whole; t++)
            {
                new Span<float>(aside + t * panels * BFloat16Layout.PanelRows, outputs).CopyTo(new Span<float>(y + (long)t * W.Rows, outputs));
            }
        }
    }
}
