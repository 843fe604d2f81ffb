using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Stored weights as bfloat16 panels, in memory of their own; <see cref="BFloat16Layout"/> says how they lie.</summary>
/// <remarks>No weight is rounded: what is not a bfloat16 number cannot be packed. Immutable and thread-safe.</remarks>
sealed unsafe class BFloat16Panels : IDisposable
{
    const int PairBytes = 2 * sizeof(ushort);

    readonly NativeBlock _memory;
    readonly int _rows;
    readonly int _columns;

    BFloat16Panels(int rows, int columns)
    {
        (_rows, _columns) = (rows, columns);
        _memory = NativeBlock.AllocateUncleared(BFloat16Layout.BytesOf(rows, columns));
    }

    /// <summary>Bytes of all panels.</summary>
    public long Bytes => _memory.Length;

    /// <summary>Where they lie; the caller keeps this alive while using it.</summary>
    public BFloat16Layout Layout => new(_memory.Pointer, _rows, _columns);

    /// <summary>Packs a matrix.</summary>
    /// <param name="source">The weights.</param>
    /// <param name="team">The threads that share the panels.</param>
    /// <returns>The panels; null where a weight is no bfloat16 number, or there are none.</returns>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public static BFloat16Panels? Pack(IRowSource source, WorkerTeam team)
    {
        if (source.Rows == 0 || source.Columns == 0)
        {
            return null;
        }

        BFloat16Panels panels = new(source.Rows, source.Columns);
        bool failed = false;
        try
        {
            Job job = new() { Source = source, Layout = panels.Layout, Failed = ref failed };
            int count = job.Layout.Count;
            team.Run(ref job, count, Math.Max(1, count / (team.Threads * 8)));
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
        public BFloat16Layout Layout;
        public ref bool Failed;

        public readonly void Run(int first, int last)
        {
            int columns = Source.Columns, blocks = Layout.Blocks;
            float* row = ThreadScratch.Of<float>(ScratchPurpose.Rows, (long)blocks * BFloat16Tile.BlockColumns);
            for (int panel = first; panel < last && !Volatile.Read(ref Failed); panel++)
            {
                byte* target = Layout.Panel(panel);
                for (int r = 0; r < BFloat16Layout.PanelRows; r++)
                {
                    new Span<float>(row, blocks * BFloat16Tile.BlockColumns).Clear();
                    int number = panel * BFloat16Layout.PanelRows + r;
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
                target[pair * BFloat16Layout.PanelRows] = (first >> 16) | (second & 0xFFFF0000);
            }

            return (lower & 0xFFFF) == 0;
        }
    }
}
