using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Weights as bfloat16 panels of sixteen rows: blocks of <see cref="BFloat16Tile.BlockColumns"/> columns, of which a line has two of each row.</summary>
/// <remarks>No weight is rounded: what is not a bfloat16 number cannot be packed. Immutable and thread-safe.</remarks>
sealed unsafe class BFloat16Panels : IDisposable
{
    /// <summary>Rows of a panel.</summary>
    public const int PanelRows = 16;

    const int PairBytes = 2 * sizeof(ushort);

    readonly NativeBlock _memory;

    BFloat16Panels(int rows, int columns)
    {
        (Rows, Columns) = (rows, columns);
        _memory = NativeBlock.AllocateUncleared(Count * PanelBytes);
    }

    /// <summary>Rows of the matrix; those of the last panel beyond them are zeros.</summary>
    public int Rows { get; }

    /// <summary>Columns of the matrix.</summary>
    public int Columns { get; }

    /// <summary>Panels.</summary>
    public int Count => (Rows + PanelRows - 1) / PanelRows;

    /// <summary>Blocks of a panel; the last one is filled up with zeros.</summary>
    public int Blocks => (Columns + BFloat16Tile.BlockColumns - 1) / BFloat16Tile.BlockColumns;

    /// <summary>Bytes from panel to panel.</summary>
    public long PanelBytes => (long)Blocks * BFloat16Tile.BlockColumns * PanelRows * sizeof(ushort);

    /// <summary>Bytes of all panels.</summary>
    public long Bytes => _memory.Length;

    /// <summary>The first panel; the caller keeps this alive while using it.</summary>
    public byte* Pointer => _memory.Pointer;

    /// <summary>Packs a matrix.</summary>
    /// <param name="source">The weights.</param>
    /// <param name="team">The threads that share the panels; null for the caller's alone.</param>
    /// <returns>The panels; null where a weight is no bfloat16 number, or there are none.</returns>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public static BFloat16Panels? Pack(IRowSource source, WorkerTeam? team)
    {
        if (source.Rows == 0 || source.Columns == 0)
        {
            return null;
        }

        BFloat16Panels panels = new(source.Rows, source.Columns);
        bool failed = false;
        try
        {
            Job job = new() { Source = source, Panels = panels, Failed = ref failed };
            if (team is null)
            {
                job.Run(0, panels.Count);
            }
            else
            {
                team.Run(ref job, panels.Count, Math.Max(1, panels.Count / (team.Threads * 8)));
            }
        }
        catch
        {
            panels.Dispose();
            throw;
        }

        if (failed)
        {
            panels.Dispose();
            return null;
        }

        return panels;
    }

    /// <summary>Frees the memory. Products must not use it any more.</summary>
    public void Dispose() => _memory.Dispose();

    ref struct Job : IParallelJob
    {
        public IRowSource Source;
        public BFloat16Panels Panels;
        public ref bool Failed;

        public readonly void Run(int first, int last)
        {
            int columns = Source.Columns, blocks = Panels.Blocks;
            float* row = ThreadScratch.Of<float>(ScratchPurpose.Rows, (long)blocks * BFloat16Tile.BlockColumns);
            for (int panel = first; panel < last && !Volatile.Read(ref Failed); panel++)
            {
                byte* target = Panels.Pointer + panel * Panels.PanelBytes;
                for (int r = 0; r < PanelRows; r++)
                {
                    new Span<float>(row, blocks * BFloat16Tile.BlockColumns).Clear();
                    int number = panel * PanelRows + r;
                    if (number < Source.Rows)
                    {
                        Source.ReadRow(number, new Span<float>(row, columns));
                    }

                    if (!Scatter((uint*)row, blocks, (uint*)(target + r * PairBytes)))
                    {
                        Volatile.Write(ref Failed, true);
                        return;
                    }
                }
            }
        }

        /// <summary>Writes the upper halves of a row's numbers, two to a line.</summary>
        /// <returns>Whether the lower halves were all zero.</returns>
        static bool Scatter(uint* row, int blocks, uint* target)
        {
            uint lower = 0;
            for (int pair = 0; pair < blocks * BFloat16Tile.BlockColumns / 2; pair++)
            {
                uint first = row[2 * pair], second = row[2 * pair + 1];
                lower |= first | second;
                target[pair * PanelRows] = (first >> 16) | (second & 0xFFFF0000);
            }

            return (lower & 0xFFFF) == 0;
        }
    }
}
