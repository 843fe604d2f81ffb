using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Panels of quantised weights, decoded where they are needed.</summary>
readonly unsafe struct QuantizedPanels(QuantizedRows rows) : IPanelSource
{
    const int PanelRows = TilePacking.PanelRows;

    /// <summary>Columns decoded at a time: whole groups and vectors of every size.</summary>
    const int MostColumns = 768, MostGroups = MostColumns / 16;

    /// <inheritdoc/>
    public void Fill<TVector>(int row, int count, nuint column, nuint columns, float* panel)
        where TVector : struct, IVector<TVector>
    {
        for (int r = 0; r < PanelRows; r++)
        {
            float* target = panel + r * TVector.Count;
            if (r < count)
            {
                Decode<TVector>(rows, row + r, (int)column, (int)columns, target, PanelRows * TVector.Count);
                continue;
            }

            for (nuint i = 0; i < columns; i += (nuint)TVector.Count, target += PanelRows * TVector.Count)
            {
                TVector.Store(TVector.Zero, target);
            }
        }
    }

    /// <summary>A whole row, one weight after the other.</summary>
    public static void DecodeRow(in QuantizedRows rows, int row, float* destination) =>
        Widest.Run(new Kernel(rows, row, destination));

    /// <summary>A whole row at a given width.</summary>
    internal static void DecodeRow<TVector>(in QuantizedRows rows, int row, float* destination)
        where TVector : struct, IVector<TVector> => Decode<TVector>(rows, row, 0, rows.Columns, destination, TVector.Count);

    [SkipLocalsInit]
    static void Decode<TVector>(in QuantizedRows rows, int row, int column, int columns, float* destination, int stride)
        where TVector : struct, IVector<TVector>
    {
        QuantizationFormat format = rows.Format;
        float* scales = stackalloc float[MostGroups], biases = stackalloc float[MostGroups];
        byte* spare = stackalloc byte[2 * MostColumns + QuantizedDecoder.Slack];
        for (int end = column + columns; column < end; column += MostColumns)
        {
            int part = Math.Min(MostColumns, end - column);
            rows.RowScales(row, column / format.GroupSize, part / format.GroupSize, scales, biases);
            byte* codes = rows.RowCodes(row, column, part, QuantizedDecoder.Slack, spare + MostColumns);
            QuantizedDecoder.Decode<TVector>(codes, scales, biases, format, part, spare, destination, stride);
            destination += (long)part / TVector.Count * stride;
        }
    }

    /// <summary>A whole row.</summary>
    internal readonly ref struct Kernel(in QuantizedRows rows, int row, float* destination) : IWidthKernel
    {
        readonly ref readonly QuantizedRows _rows = ref rows;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => DecodeRow<TVector>(_rows, row, destination);
    }
}
