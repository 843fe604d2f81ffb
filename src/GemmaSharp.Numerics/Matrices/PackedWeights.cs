namespace GemmaSharp.Numerics.Matrices;

/// <summary>A copy of a matrix as its products read it: made when first wanted, once, and kept.</summary>
/// <typeparam name="TPanels">The copy.</typeparam>
/// <remarks>Thread-safe, but for <see cref="Release"/>, which no product may overlap.</remarks>
sealed class PackedWeights<TPanels>
    where TPanels : class, IDisposable
{
    TPanels? _panels;
    volatile bool _refused;

    /// <summary>The copy, if it was made.</summary>
    public TPanels? Panels => Volatile.Read(ref _panels);

    /// <summary>The copy, made now unless it was before.</summary>
    /// <param name="state">Handed to <paramref name="pack"/>.</param>
    /// <param name="pack">Makes the copy, null where the weights cannot be packed; static, so that it costs no allocation.</param>
    /// <returns>The copy; null where the weights cannot be packed.</returns>
    /// <exception cref="OutOfMemoryException">The system has not enough memory.</exception>
    public TPanels? Of<TState>(TState state, Func<TState, TPanels?> pack)
    {
        if (Panels is TPanels packed)
        {
            return packed;
        }

        if (_refused)
        {
            return null;
        }

        // No lock: who holds one would wait for a team whose turn may belong to someone who waits for the lock. Packing twice is only slower.
        TPanels? made = pack(state);
        if (made is null)
        {
            _refused = true;
            return null;
        }

        if (Interlocked.CompareExchange(ref _panels, made, null) is TPanels first)
        {
            made.Dispose();
            return first;
        }

        return made;
    }

    /// <summary>Frees the copy.</summary>
    public void Release() => Interlocked.Exchange(ref _panels, null)?.Dispose();
}
