using System.Collections.Concurrent;
using GemmaSharp.Numerics.MachineCode;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The tiles of a form of packed weights as machine code, each written when first wanted and kept.</summary>
/// <remarks>Thread-safe.</remarks>
sealed unsafe class AssembledTiles
{
    static readonly ConcurrentDictionary<PackedForm, AssembledTiles> s_forms = new();

    readonly PackedForm _form;
    readonly nint[] _tiles = new nint[AssembledTile.MostPanels * AssembledTile.MostTokens];

    AssembledTiles(PackedForm form) => _form = form;

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
    public delegate* unmanaged<void*, void> Tile(int panels, int tokens)
    {
        ref nint place = ref _tiles[(panels - 1) * AssembledTile.MostTokens + tokens - 1];
        nint code = Volatile.Read(ref place);
        if (code == 0)
        {
            // Two threads may write it twice; both texts are the same, and a few kilobytes stay unused.
            code = (nint)AssembledTile.Make(_form, panels, tokens);
            if (code == 0)
            {
                throw new InsufficientMemoryException($"The system has no memory for the product of {panels} panels and {tokens} tokens as machine code.");
            }

            Volatile.Write(ref place, code);
        }

        return (delegate* unmanaged<void*, void>)code;
    }
}
