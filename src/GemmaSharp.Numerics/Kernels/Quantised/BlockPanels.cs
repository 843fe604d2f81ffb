using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Panels of weights in blocks, decoded where they are needed.</summary>
/// <param name="type">The form of the blocks.</param>
/// <param name="rows">The first block of row 0; the caller keeps its memory alive.</param>
/// <param name="stride">Bytes from row to row.</param>
readonly unsafe struct BlockPanels(BlockType type, byte* rows, nint stride) : IPanelSource
{
    const int PanelRows = TilePacking.PanelRows;

    /// <inheritdoc/>
    public void Fill<TVector>(int row, int count, nuint column, nuint columns, float* panel)
        where TVector : struct, IVector<TVector>
    {
        for (int r = 0; r < PanelRows; r++)
        {
            float* target = panel + r * TVector.Count;
            if (r < count)
            {
                // The product cuts columns at multiples of 256, the largest block.
                Decode<TVector>(row + r, (int)column, (int)columns, target, PanelRows * TVector.Count);
                continue;
            }

            for (nuint i = 0; i < columns; i += (nuint)TVector.Count, target += PanelRows * TVector.Count)
            {
                TVector.Store(TVector.Zero, target);
            }
        }
    }

    /// <summary>Some of a row's weights, one after the other.</summary>
    /// <param name="row">The row.</param>
    /// <param name="columns">How many, from the first on: whole blocks.</param>
    /// <param name="destination">Receives them.</param>
    public void DecodeRow(int row, int columns, float* destination) => Widest.Run(new RowKernel(this, row, columns, destination));

    /// <summary>The product <c>y = x · Wᵀ</c> with float32 activations, at the machine's width.</summary>
    public void Multiply(int n, int k, float* x, int tokens, float* y, WorkerTeam? team) => Widest.Run(new ProductKernel(this, n, k, x, tokens, y, team));

    [SkipLocalsInit]
    internal void Decode<TVector>(int row, int column, int columns, float* destination, int stepFloats)
        where TVector : struct, IVector<TVector>
    {
        int size = type.BlockSize(), bytes = type.BlockBytes(), groups = size / BlockUnpacker.GroupSize;
        byte* block = rows + row * stride + (nint)(column / size) * bytes;
        sbyte* codes = stackalloc sbyte[BlockTypes.MostWeights];
        float* scales = stackalloc float[BlockTypes.MostWeights / BlockUnpacker.GroupSize];
        float* biases = stackalloc float[BlockTypes.MostWeights / BlockUnpacker.GroupSize];
        for (int end = column + columns; column < end; column += size, block += bytes)
        {
            BlockUnpacker.Unpack(type, block, codes, scales, biases);
            for (int g = 0; g < groups; g++)
            {
                TVector scale = TVector.Create(scales[g]), bias = TVector.Create(biases[g]);
                sbyte* group = codes + g * BlockUnpacker.GroupSize;
                for (int i = 0; i < BlockUnpacker.GroupSize; i += TVector.Count, destination += stepFloats)
                {
                    TVector.Store(TVector.LoadSByte(group + i) * scale + bias, destination);
                }
            }
        }
    }

    readonly struct RowKernel(BlockPanels panels, int row, int columns, float* destination) : IWidthKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => panels.Decode<TVector>(row, 0, columns, destination, TVector.Count);
    }

    readonly struct ProductKernel(BlockPanels panels, int n, int k, float* x, int tokens, float* y, WorkerTeam? team) : IWidthKernel
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> =>
            PanelProduct.Multiply<BlockPanels, TVector>(x, tokens, (nuint)k, panels, n, k, y, (nuint)n, team);
    }
}
