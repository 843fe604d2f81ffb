using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Where a large product gets its weights: any stored form that can be widened to float32.</summary>
unsafe interface IPanelSource
{
    /// <summary>Widens four rows of some columns, interleaved vector by vector.</summary>
    /// <param name="row">First of the rows.</param>
    /// <param name="rows">How many there are, 1 to 4; the others become zeros.</param>
    /// <param name="column">First column, a multiple of the lanes.</param>
    /// <param name="columns">Number of columns; the last vector is filled up with zeros.</param>
    /// <param name="panel"><c>[⌈columns / lanes⌉, 4, lanes]</c></param>
    void Fill<TVector>(int row, int rows, nuint column, nuint columns, float* panel)
        where TVector : struct, IVector<TVector>;
}

/// <summary>Panels of weights stored one number each.</summary>
readonly unsafe struct StoredPanels<TFormat>(byte* weights, nuint rowBytes) : IPanelSource
    where TFormat : struct, IWeightFormat
{
    const int PanelRows = 4;

    public void Fill<TVector>(int row, int rows, nuint column, nuint columns, float* panel)
        where TVector : struct, IVector<TVector>
    {
        byte* w = weights + (nuint)row * rowBytes + column * (nuint)TFormat.Size;
        for (int r = 0; r < PanelRows; r++)
        {
            FillRow<TVector>(w + (nuint)r * rowBytes, r < rows ? columns : 0, columns, panel + r * TVector.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void FillRow<TVector>(byte* source, nuint valid, nuint columns, float* destination)
        where TVector : struct, IVector<TVector>
    {
        nuint width = (nuint)TVector.Count;
        nuint size = (nuint)TFormat.Size;
        nuint i = 0;
        for (; i + width <= valid; i += width)
        {
            TVector.Store(TFormat.Load<TVector>(source + i * size), destination + PanelRows * i);
        }
        for (; i < columns; i += width)
        {
            float* vector = destination + PanelRows * i;
            for (nuint lane = 0; lane < width; lane++)
            {
                F32x1.Store(
                    i + lane < valid ? TFormat.Load<F32x1>(source + (i + lane) * size) : F32x1.Zero, vector + lane);
            }
        }
    }
}
