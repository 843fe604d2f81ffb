using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Some panels of an integer product by assembled tiles: see <see cref="PackedProduct"/>.</summary>
unsafe struct AssembledJob : IParallelJob
{
    /// <summary>Panels of an item: they are read side by side.</summary>
    public const int ItemPanels = AssembledTile.MostPanels;

    const int RoomFloats = AssembledTile.MostPanels * AssembledTile.MostTokens * PackedForm.PanelRows;

    public AssembledTiles Tiles;
    public byte* Panels;
    public nint PanelBytes;
    public nint Blocks;
    public PackedActivations Activations;
    public int Rows;
    public int Tokens;
    public float* Y;

    [SkipLocalsInit]
    public readonly void Run(int first, int last)
    {
        float* room = stackalloc float[2 * RoomFloats + PackedForm.PanelRows];
        float* sums = (float*)(((nint)room + PackedForm.LineBytes - 1) & -PackedForm.LineBytes), aside = sums + RoomFloats;
        for (int item = first; item < last; item++)
        {
            int row = item * ItemPanels * PackedForm.PanelRows;
            if (row + ItemPanels * PackedForm.PanelRows <= Rows)
            {
                AllTokens(row, ItemPanels, sums, aside);
                continue;
            }

            for (; row < Rows; row += PackedForm.PanelRows)
            {
                AllTokens(row, 1, sums, aside);
            }
        }
    }

    /// <summary>Tiles of about the same size: eight tokens are four and four.</summary>
    readonly void AllTokens(int row, int panels, float* sums, float* aside)
    {
        int tiles = (Tokens + AssembledTile.MostTokens - 1) / AssembledTile.MostTokens, rows = Math.Min(panels * PackedForm.PanelRows, Rows - row);
        bool whole = rows == panels * PackedForm.PanelRows;
        for (int tile = 0, token = 0; tile < tiles; tile++)
        {
            int tokens = (Tokens - token + tiles - tile - 1) / (tiles - tile);
            float* y = Y + (long)token * Rows + row;
            AssembledTileArguments arguments = new()
            {
                Panels = Panels + row / PackedForm.PanelRows * PanelBytes,
                PanelBytes = PanelBytes,
                Blocks = Blocks,
                X = Activations.Integers(token),
                Steps = Activations.Steps(token),
                TokenBytes = Activations.TokenBytes,
                Y = whole ? y : aside,
                YStride = sizeof(float) * (whole ? Rows : PackedForm.PanelRows),
                Sums = sums,
            };
            Tiles.Tile(panels, tokens)(&arguments);
            for (int t = 0; t < tokens && !whole; t++)
            {
                new Span<float>(aside + t * PackedForm.PanelRows, rows).CopyTo(new Span<float>(y + (long)t * Rows, rows));
            }

            token += tokens;
        }
    }
}
