using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>A matrix as packed panels, which the integer product reads from the first byte to the last; <see cref="PackedForm"/> has the layout.</summary>
/// <remarks>Immutable and thread-safe.</remarks>
sealed unsafe class PackedPanels : IDisposable
{
    readonly NativeBlock _memory;

    PackedPanels(PackedForm form, int rows, int columns)
    {
        (Form, Rows, Columns) = (form, rows, columns);
        _memory = NativeBlock.AllocateUncleared(BytesOf(form, rows, columns));
    }

    /// <summary>What codes and scales are.</summary>
    public PackedForm Form { get; }

    /// <summary>Rows of the matrix; those of the last panel beyond them are zeros.</summary>
    public int Rows { get; }

    /// <summary>Columns of the matrix.</summary>
    public int Columns { get; }

    /// <summary>Panels.</summary>
    public int Count => CountOf(Rows);

    /// <summary>Bytes of all panels.</summary>
    public long Bytes => _memory.Length;

    /// <summary>The first panel; the caller keeps this alive while using it.</summary>
    public byte* Pointer => _memory.Pointer;

    /// <summary>Bytes of the panels of a matrix.</summary>
    /// <param name="form">What codes and scales are.</param>
    /// <param name="rows">Rows of the matrix.</param>
    /// <param name="columns">Columns of the matrix.</param>
    public static long BytesOf(PackedForm form, int rows, int columns) => CountOf(rows) * form.PanelBytes(columns);

    /// <summary>Whether an IEEE half is a number.</summary>
    public static bool IsFiniteHalf(uint bits) => (bits & 0x7C00) != 0x7C00;

    /// <summary>Packs a matrix.</summary>
    /// <param name="source">The stored weights.</param>
    /// <param name="team">The threads that share the panels.</param>
    /// <returns>The panels; null where the matrix has numbers that cannot be packed.</returns>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public static PackedPanels? Pack<TSource>(TSource source, WorkerTeam team)
        where TSource : struct, IPackSource
    {
        PackedPanels panels = new(source.Form, source.Rows, source.Columns);
        bool failed = false;
        try
        {
            Job<TSource> job = new() { Source = source, Panels = panels.Pointer, Failed = &failed };
            team.Run(ref job, panels.Count, Math.Max(1, panels.Count / (team.Threads * 8)));
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

        AssembledTiles.Of(source.Form)?.Prepare();
        return panels;
    }

    static int CountOf(int rows) => (rows + PackedForm.PanelRows - 1) / PackedForm.PanelRows;

    /// <summary>Frees the memory. Products must not use it any more.</summary>
    public void Dispose() => _memory.Dispose();

    struct Job<TSource> : IParallelJob
        where TSource : struct, IPackSource
    {
        public TSource Source;
        public byte* Panels;
        public bool* Failed;

        [SkipLocalsInit]
        public readonly void Run(int first, int last)
        {
            PackedForm form = Source.Form;
            int bits = form.Bits, columns = form.BlockColumns, codeBytes = form.CodeBytes, blockBytes = form.BlockBytes, scaleLines = form.ScaleLines;
            int blocks = form.BlocksOf(Source.Columns);
            byte* codes = stackalloc byte[PackedForm.MostBlockColumns];
            uint* words = stackalloc uint[PackedForm.MostScaleLines];
            byte* target = Panels + first * form.PanelBytes(Source.Columns);
            for (int panel = first; panel < last; panel++)
            {
                for (int block = 0; block < blocks; block++, target += blockBytes)
                {
                    for (int r = 0; r < PackedForm.PanelRows; r++)
                    {
                        int row = panel * PackedForm.PanelRows + r;
                        new Span<byte>(codes, columns).Clear();
                        new Span<uint>(words, scaleLines).Clear();
                        if (row < Source.Rows && !Source.Read(row, block, codes, words))
                        {
                            *Failed = true;
                            return;
                        }

                        byte* place = target + r * sizeof(uint);
                        for (int column = 0; column < columns; column += PackedForm.SpanColumns)
                        {
                            place = Span(codes + column, bits, place);
                        }

                        for (int line = 0; line < scaleLines; line++, place += PackedForm.LineBytes)
                        {
                            *(uint*)place = words[line];
                        }
                    }
                }
            }
        }

        /// <summary>Writes 32 codes into their lines; returns where the row's next line is.</summary>
        static byte* Span(byte* codes, int bits, byte* place) => bits switch
        {
            3 => Plane(codes, 2, 1, Plane(codes, 0, 2, place)),
            5 => Plane(codes, 4, 1, Plane(codes, 0, 4, place)),
            6 => Plane(codes, 4, 2, Plane(codes, 0, 4, place)),
            _ => Plane(codes, 0, bits, place),
        };

        /// <summary>Some bits of 32 codes.</summary>
        static byte* Plane(byte* codes, int shift, int bits, byte* place)
        {
            uint mask = ((1u << bits) - 1) * 0x01010101u;
            for (byte* end = codes + PackedForm.SpanColumns; codes < end; place += PackedForm.LineBytes)
            {
                uint word = 0;
                for (int up = 0; up < 8; up += bits, codes += 4)
                {
                    word |= ((*(uint*)codes >> shift) & mask) << up;
                }

                *(uint*)place = word;
            }

            return place;
        }
    }
}
