using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Panels of quantised weights, decoded where they are needed.</summary>
internal readonly unsafe struct QuantizedPanels(QuantizedRows rows) : IPanelSource
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
    public static void DecodeRow(in QuantizedRows rows, int row, float* destination)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Decode<F32x16>(rows, row, 0, rows.Columns, destination, F32x16.Count);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Decode<F32x8>(rows, row, 0, rows.Columns, destination, F32x8.Count);
        }
        else
        {
            Decode<F32x4>(rows, row, 0, rows.Columns, destination, F32x4.Count);
        }
    }

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
}
