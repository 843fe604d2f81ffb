using System.Collections.Concurrent;
using System.Numerics;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>What an item can be, and which demands on some items that meets, as bits.</summary>
readonly record struct ItemValue(Symbol Value, int Meets);

/// <summary>The items of an array of which some must have schemas: those that have are counted.</summary>
/// <remarks>Immutable but for what it remembers; thread-safe. A key's set has sixteen bits for each demand.</remarks>
/// <param name="first">What the first items can be.</param>
/// <param name="others">What all others can be.</param>
/// <param name="demands">How many items meet each demand, and a symbol that produces if one can.</param>
/// <param name="count">How many items.</param>
/// <param name="comma">Between items.</param>
/// <param name="close">After the last.</param>
sealed class ContainedItems(
    ItemValue[][] first, ItemValue[] others, (int Min, int? Max, Symbol Possible)[] demands, (int Min, int? Max) count, Symbol comma, Symbol close) : RuleFamily
{
    /// <summary>The rule of an item and what follows it.</summary>
    public const int Item = 0;

    const int Rest = 1;
    const int Bits = 16;

    readonly ConcurrentDictionary<FamilyKey, bool> _complete = [];

    /// <summary>Whether an array without items will do.</summary>
    public bool CanBeEmpty => count.Min == 0 && Array.TrueForAll(demands, each => each.Min == 0);

    public override IEnumerable<Symbol> Needs => demands.Where(each => each.Min > 0).Select(each => each.Possible);

    /// <summary>Whether there are as many items as there may be among which each demand is met: which items can stand where, the needs do not tell.</summary>
    public override bool CanProduce(FamilyKey key, Func<Symbol, bool> produces) => Next(key, produces).Any(each => Search(each.After, produces));

    public override IEnumerable<Symbol[]> Alternatives(FamilyKey key, Func<FamilyKey, Symbol> rule, Func<Symbol, bool> produces)
    {
        if (key.Kind == Rest)
        {
            if (IsComplete(key))
            {
                yield return [close];
            }

            if (Next(key, produces).Any(each => CanComplete(each.After, produces)))
            {
                yield return [comma, rule(key with { Kind = Item })];
            }

            yield break;
        }

        foreach ((Symbol item, FamilyKey after) in Next(key, produces))
        {
            if (CanComplete(after, produces))
            {
                yield return [item, rule(after)];
            }
        }
    }

    bool IsComplete(FamilyKey key)
    {
        if (key.Count < count.Min)
        {
            return false;
        }

        for (int i = 0; i < demands.Length; i++)
        {
            if (Counted(key.Set, i) < demands[i].Min)
            {
                return false;
            }
        }

        return true;
    }

    static int Counted(BigInteger set, int demand) => (int)(set >> (Bits * demand) & 0xFFFF);

    IEnumerable<(Symbol Item, FamilyKey After)> Next(FamilyKey key, Func<Symbol, bool> produces)
    {
        if (key.Count >= (count.Max ?? int.MaxValue))
        {
            yield break;
        }

        // Counts beyond what is asked for are all the same.
        int cap = count.Max ?? Math.Max(count.Min, first.Length), index = Math.Min(key.Count + 1, cap);
        foreach (ItemValue value in key.Count < first.Length ? first[key.Count] : others)
        {
            BigInteger set = key.Set;
            bool fits = produces(value.Value);
            for (int i = 0; i < demands.Length && fits; i++)
            {
                if ((value.Meets >> i & 1) != 0)
                {
                    int counted = Counted(set, i) + 1;
                    fits = !(counted > demands[i].Max);
                    set += demands[i].Max is not null || counted <= demands[i].Min ? BigInteger.One << (Bits * i) : BigInteger.Zero;
                }
            }

            if (fits)
            {
                yield return (value.Value, new FamilyKey(Rest, set, index));
            }
        }
    }

    /// <summary>Whether an array can be completed.</summary>
    bool CanComplete(FamilyKey key, Func<Symbol, bool> produces)
    {
        if (!_complete.TryGetValue(key, out bool known))
        {
            known = Search(key, produces);
            _complete[key] = known;
        }

        return known;
    }

    /// <summary>A search among what may follow, each place once.</summary>
    bool Search(FamilyKey key, Func<Symbol, bool> produces)
    {
        var seen = new HashSet<FamilyKey> { key };
        var stack = new Stack<FamilyKey>([key]);
        bool found = false;
        while (!found && stack.TryPop(out FamilyKey next))
        {
            found = IsComplete(next) || (_complete.TryGetValue(next, out bool complete) && complete);
            foreach ((_, FamilyKey after) in found ? [] : Next(next, produces))
            {
                if (seen.Add(after))
                {
                    stack.Push(after);
                }
            }
        }

        return found;
    }
}
