namespace GemmaSharp.Adapters;

/// <summary>The adapters of a conversation: none, one, or several whose changes add up.</summary>
/// <remarks>Those of weight 0 are left out, so that they cost nothing and change no bit. Immutable, thread-safe.</remarks>
public sealed class AdapterSet
{
    /// <summary>Makes a set.</summary>
    /// <param name="adapters">Adapters loaded for one model, in the order in which they are added.</param>
    /// <exception cref="ArgumentException">A weight is not finite, or the adapters were loaded for different models.</exception>
    public AdapterSet(params IEnumerable<WeightedAdapter> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        var kept = new List<WeightedAdapter>();
        foreach (WeightedAdapter weighted in adapters)
        {
            ArgumentNullException.ThrowIfNull(weighted.Adapter, nameof(adapters));
            if (!float.IsFinite(weighted.Weight))
            {
                throw new ArgumentException(FormattableString.Invariant($"The weight of the adapter in {weighted.Adapter.Folder} is {weighted.Weight}; give a finite number, 1 for the adapter as it is."), nameof(adapters));
            }

            if (kept.Count > 0 && kept[0].Adapter.Base != weighted.Adapter.Base)
            {
                throw new ArgumentException($"The adapters in {kept[0].Adapter.Folder} and {weighted.Adapter.Folder} were loaded for different models; load both for the model they are used with.", nameof(adapters));
            }

            if (weighted.Weight != 0)
            {
                kept.Add(weighted);
            }
        }

        Adapters = [.. kept];
    }

    /// <summary>No adapter: the base as it is.</summary>
    public static AdapterSet None { get; } = new([]);

    /// <summary>The adapters with their weights, none of which is 0.</summary>
    public IReadOnlyList<WeightedAdapter> Adapters { get; }

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => Adapters.Count == 0;
}
