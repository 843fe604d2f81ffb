using System.Globalization;
using GemmaSharp.Layers;

namespace GemmaSharp;

/// <summary>The adapters of a conversation: none, one, or several whose changes add up.</summary>
/// <remarks>Those of weight 0 are left out, so that they cost nothing and change no bit. Immutable, thread-safe.</remarks>
public sealed class AdapterSet : IEquatable<AdapterSet>
{
    /// <summary>Makes a set.</summary>
    /// <param name="adapters">Adapters loaded for one model, in the order in which they are added.</param>
    /// <exception cref="ArgumentException">A weight is not finite or its scale overflows, or the adapters were loaded for different models.</exception>
    public AdapterSet(params IEnumerable<WeightedAdapter> adapters)
    {
        ArgumentNullException.ThrowIfNull(adapters);
        var kept = new List<WeightedAdapter>();
        foreach (WeightedAdapter weighted in adapters)
        {
            ArgumentNullException.ThrowIfNull(weighted.Adapter, nameof(adapters));
            if (!float.IsFinite(weighted.Weight) || !float.IsFinite(weighted.Weight * weighted.Adapter.LargestScale))
            {
                throw new ArgumentException(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"The weight of the adapter in {weighted.Adapter.Folder} is {weighted.Weight}; give a finite number of sensible size, ")
                    + "1 for the adapter as it is.",
                    nameof(adapters));
            }

            if (kept.Count > 0 && kept[0].Adapter.Base != weighted.Adapter.Base)
            {
                throw new ArgumentException(
                    $"The adapters in {kept[0].Adapter.Folder} and {weighted.Adapter.Folder} were loaded for different models; load both for the model they "
                        + $"are used with.", nameof(adapters));
            }

            if (weighted.Weight != 0)
            {
                kept.Add(weighted);
            }
        }

        Adapters = [.. kept];
    }

    /// <summary>Makes a set of one adapter.</summary>
    /// <param name="adapter">The adapter.</param>
    /// <param name="weight">Its weight, finite.</param>
    /// <exception cref="ArgumentException">The weight is not finite.</exception>
    public AdapterSet(LoraAdapter adapter, float weight = 1f)
        : this([new WeightedAdapter(adapter, weight)])
    {
    }

    /// <summary>No adapter: the base as it is.</summary>
    public static AdapterSet None { get; } = new([]);

    /// <summary>The adapters with their weights, none of which is 0.</summary>
    public IReadOnlyList<WeightedAdapter> Adapters { get; }

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => Adapters.Count == 0;

    /// <summary>Whether the other set has the same adapters, weights and order, and so the same results.</summary>
    public bool Equals(AdapterSet? other) => other is not null && Adapters.SequenceEqual(other.Adapters);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as AdapterSet);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (WeightedAdapter weighted in Adapters)
        {
            hash.Add(weighted);
        }

        return hash.ToHashCode();
    }

    /// <summary>Whether any of the adapters changes the layer.</summary>
    internal bool Changes(LinearModule module)
    {
        for (int i = 0; i < Adapters.Count; i++)
        {
            if (Adapters[i].Adapter.Find(module.Index) is not null)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Numbers that are equal when two sets change the parts of the model below these paths in the same way; empty when nothing is changed
    /// there.</summary>
    internal int[] KeyFor(params IEnumerable<string> parts) =>
        [.. Adapters.Where(weighted => weighted.Adapter.ChangesAnyBelow(parts))
            .SelectMany(weighted => (int[])[(int)weighted.Adapter.Id, (int)(weighted.Adapter.Id >> 32), BitConverter.SingleToInt32Bits(weighted.Weight)])];

    /// <summary>Refuses adapters that were loaded for another model.</summary>
    /// <exception cref="ArgumentException">They were.</exception>
    internal void RequireBase(LinearModules modules)
    {
        if (!IsEmpty && Adapters[0].Adapter.Base != modules)
        {
            throw new ArgumentException($"The adapter in {Adapters[0].Adapter.Folder} was loaded for another model; load it for the model it is used with.");
        }
    }
}

/// <summary>An adapter with the weight at which it is applied: <c>W + weight · s · B · A</c>.</summary>
/// <param name="Adapter">The adapter.</param>
/// <param name="Weight">Any finite number: 1 as it was trained, 0 not at all, between and beyond them more or less of it.</param>
public readonly record struct WeightedAdapter(LoraAdapter Adapter, float Weight = 1f);
