using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Matrices;

/// <summary>The packed panels of a matrix: made when first wanted, once, and kept.</summary>
/// <remarks>Thread-safe, but for <see cref="Release"/>, which no product may overlap.</remarks>
sealed class PackedWeights
{
    PackedPanels? _panels;
    volatile bool _refused;

    /// <summary>Bytes of the panels.</summary>
    public long Bytes => Volatile.Read(ref _panels)?.Bytes ?? 0;

    /// <summary>The panels, packed now unless they were before.</summary>
    /// <param name="source">The stored weights.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <returns>The panels; null where the weights cannot be packed.</returns>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public PackedPanels? Of<TSource>(TSource source, WorkerTeam team)
        where TSource : struct, IPackSource
    {
        if (Volatile.Read(ref _panels) is PackedPanels packed)
        {
            return packed;
        }

        if (_refused)
        {
            return null;
        }

        // No lock: who holds one would wait for a team whose turn may belong to someone who waits for the lock. Packing twice is only slower.
        PackedPanels? made = PackedPanels.Pack(source, team);
        if (made is null)
        {
            _refused = true;
            return null;
        }

        if (Interlocked.CompareExchange(ref _panels, made, null) is PackedPanels first)
        {
            made.Dispose();
            return first;
        }

        AssembledTiles.Of(source.Form)?.Prepare();
        return made;
    }

    /// <summary>Frees the panels.</summary>
    public void Release() => Interlocked.Exchange(ref _panels, null)?.Dispose();
}
