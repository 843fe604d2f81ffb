using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary><c>y = x · Wᵀ</c> with float32 activations: rows are decoded into the cache, some at a time, and used for every token.</summary>
/// <remarks>The same product as that of dense weights, so a token's result does not depend on the other tokens or on the threads.</remarks>
static unsafe class QuantizedExactProduct
{
    /// <summary>The product at the machine's width.</summary>
    public static void Multiply(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team) =>
        Widest.Run(new Kernel(rows, count, x, tokens, y, team));

    /// <summary>The product at a given width.</summary>
    internal static void Multiply<TVector>(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team)
        where TVector : struct, IVector<TVector> =>
        PanelProduct.Multiply<QuantizedPanels, TVector>(x, tokens, (nuint)rows.Columns, new(rows), count, rows.Columns, y, (nuint)count, team);

    /// <summary>The product.</summary>
    internal readonly ref struct Kernel(in QuantizedRows rows, int count, float* x, int tokens, float* y, WorkerTeam team) : IWidthKernel
    {
        readonly ref readonly QuantizedRows _rows = ref rows;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => Multiply<TVector>(_rows, count, x, tokens, y, team);
    }
}
