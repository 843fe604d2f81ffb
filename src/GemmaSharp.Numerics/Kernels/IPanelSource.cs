using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Where a large product gets its weights: any stored form that can be widened to float32.</summary>
internal unsafe interface IPanelSource
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
