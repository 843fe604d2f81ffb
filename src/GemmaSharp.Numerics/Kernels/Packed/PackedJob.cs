using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Some panels of an integer product: see <see cref="PackedProduct"/>.</summary>
unsafe struct PackedJob<TLanes, TFloat, TCodes, TScales> : IParallelJob
    where TLanes : struct, ICodeLanes<TLanes, TFloat>
    where TFloat : struct, IVector<TFloat>
    where TCodes : struct, IPackedCodes
    where TScales : struct, IPackedScales
{
    /// <summary>Panels of an item: one token meets their rows at once.</summary>
    public const int ItemPanels = 4;

    const int ItemRows = ItemPanels * PackedForm.PanelRows;

    public byte* Panels;
    public PackedShape Shape;
    public PackedActivations Activations;
    public int Rows;
    public int Tokens;
    public float* Y;

    [SkipLocalsInit]
    public readonly void Run(int first, int last)
    {
        float* aside = stackalloc float[2 * ItemRows];
        for (int item = first; item < last; item++)
        {
            int row = item * ItemRows, rows = Math.Min(ItemRows, Rows - row);
            int fours = Tokens & ~3;
            if (fours > 0)
            {
                for (int r = 0; r < rows; r += 2 * TFloat.Count)
                {
                    Fours(row + r, Math.Min(2 * TFloat.Count, rows - r), fours, aside);
                }
            }

            for (int t = fours; t < Tokens; t++)
            {
                for (int r = 0; r < rows; r += 4 * TFloat.Count)
                {
                    One(row + r, Math.Min(4 * TFloat.Count, rows - r), t, aside);
                }
            }
        }
    }

    readonly void One(int row, int rows, int token, float* aside)
    {
        byte* w = At(row);
        bool whole = rows == 4 * TFloat.Count;
        float* y = Y + (long)token * Rows + row;
        PackedTile<TLanes, TFloat, TCodes, TScales>.One(
            Shape, w, Step(w, row + TFloat.Count), Step(w, row + 2 * TFloat.Count), Step(w, row + 3 * TFloat.Count),
            Next(4 * TFloat.Count), Activations.Integers(token), Activations.Steps(token), whole ? y : aside);
        if (!whole)
        {
            new Span<float>(aside, rows).CopyTo(new Span<float>(y, rows));
        }
    }

    readonly void Fours(int row, int rows, int tokens, float* aside)
    {
        byte* w = At(row);
        nint at1 = Step(w, row + TFloat.Count);
        bool whole = rows == 2 * TFloat.Count;
        for (int t = 0; t < tokens; t += 4)
        {
            float* y = Y + (long)t * Rows + row;
            PackedTile<TLanes, TFloat, TCodes, TScales>.Four(
                Shape, w, at1, Activations.Integers(t), Activations.Steps(t), Activations.TokenBytes, whole ? y : aside, whole ? Rows : 2 * TFloat.Count);
            for (int i = 0; i < 4 && !whole; i++)
            {
                new Span<float>(aside + i * (2 * TFloat.Count), rows).CopyTo(new Span<float>(y + (long)i * Rows, rows));
            }
        }
    }

    readonly byte* At(int row) => Panels + row / PackedForm.PanelRows * Shape.PanelBytes + row % PackedForm.PanelRows * sizeof(float);

    /// <summary>From one vector of rows to another; beyond the last panel to itself, for sums that nobody reads.</summary>
    readonly nint Step(byte* from, int row) =>
        row / PackedForm.PanelRows < (Rows + PackedForm.PanelRows - 1) / PackedForm.PanelRows ? (nint)(At(row) - from) : 0;

    /// <summary>The panel behind a tile's first one is mostly in the tile; what comes next begins behind its last.</summary>
    readonly nint Next(int rows) => (Math.Max(1, rows / PackedForm.PanelRows) - 1) * Shape.PanelBytes;
}
