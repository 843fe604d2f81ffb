using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>y = x · Wᵀ</c> with float32 activations: rows are decoded into the cache, some at a time, and used for every token.</summary>
/// <remarks>The same product as that of dense weights, so a token's result does not depend on the other tokens or on the threads.</remarks>
static unsafe class QuantizedExactProduct
{
    /// <summary>The product at the machine's width.</summary>
    public static void Multiply(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Multiply<F32x16>(rows, count, x, tokens, y, team);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Multiply<F32x8>(rows, count, x, tokens, y, team);
        }
        else if (Vector128.IsHardwareAccelerated)
        {
            Multiply<F32x4>(rows, count, x, tokens, y, team);
        }
        else
        {
            Multiply<F32x1>(rows, count, x, tokens, y, team);
        }
    }

    /// <summary>The product at a given width.</summary>
    internal static void Multiply<TVector>(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
        where TVector : struct, IVector<TVector> =>
        PanelProduct.Multiply<QuantizedPanels, TVector>(x, tokens, (nuint)rows.Columns, new(rows), count, rows.Columns, y, (nuint)count, team);
}
