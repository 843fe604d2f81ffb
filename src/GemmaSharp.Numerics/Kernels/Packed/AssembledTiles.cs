using System.Collections.Concurrent;
using GemmaSharp.Numerics.MachineCode;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The tiles of a form of packed weights as machine code, each written when first wanted and kept.</summary>
/// <remarks>Thread-safe.</remarks>
sealed unsafe class AssembledTiles
{
    static readonly ConcurrentDictionary<PackedForm, AssembledTiles> s_forms = new();

    readonly KernelTable _tiles;

    AssembledTiles(PackedForm form) => _tiles = new KernelTable(
        AssembledTile.MostPanels * AssembledTile.MostTokens,
        number => (nint)AssembledTile.Make(form, (number / AssembledTile.MostTokens) + 1, (number % AssembledTile.MostTokens) + 1));

    /// <summary>The tiles of a form; null where this machine or system has none.</summary>
    public static AssembledTiles? Of(PackedForm form) => Processor.HasVnni512 ? s_forms.GetOrAdd(form, static key => new(key)) : null;

    /// <summary>Writes what one token and a whole tile need, so that no product has to wait for it.</summary>
    public void Prepare()
    {
        _ = Tile(AssembledTile.MostPanels, 1);
        _ = Tile(AssembledTile.MostPanels, AssembledTile.MostTokens);
    }

    /// <summary>A tile's code.</summary>
    /// <param name="panels">1 or <see cref="AssembledTile.MostPanels"/>.</param>
    /// <param name="tokens">1 to <see cref="AssembledTile.MostTokens"/>.</param>
    /// <exception cref="InsufficientMemoryException">The system has not enough memory for more code.</exception>
    public delegate* unmanaged<void*, void> Tile(int panels, int tokens) => _tiles[((panels - 1) * AssembledTile.MostTokens) + tokens - 1];
}
