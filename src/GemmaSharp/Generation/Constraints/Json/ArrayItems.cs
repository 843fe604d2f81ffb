using System.Numerics;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>The items of an array that are counted, or differ from each other.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
/// <param name="prefix">The first items.</param>
/// <param name="items">The others; null for none.</param>
/// <param name="count">How many items.</param>
/// <param name="values">Where items must differ: the values that they can have, instead of <paramref name="items"/>.</param>
/// <param name="comma">Between items.</param>
/// <param name="close">After the last.</param>
sealed class ArrayItems(Symbol[] prefix, Symbol? items, (int Min, int? Max) count, Symbol[] values, Symbol comma, Symbol close) : RuleFamily
{
    /// <summary>The rule of an item and what follows it.</summary>
    public const int Item = 0;

    const int Rest = 1;

    readonly int _max = Math.Min(count.Max ?? int.MaxValue, values.Length > 0 ? values.Length : items is null ? prefix.Length : int.MaxValue);

    public override IEnumerable<Symbol> Needs => prefix.Take(Math.Max(1, count.Min)).Concat(items is Symbol each && count.Min > prefix.Length ? [each] : []);

    /// <summary>Whether there can be as many items as there must.</summary>
    public override bool CanProduce(FamilyKey key, Func<Symbol, bool> produces)
    {
        int possible = values.Length > 0 ? values.Count(produces) : prefix.TakeWhile(produces).Count();
        possible = values.Length == 0 && possible == prefix.Length && items is Symbol each && produces(each) ? int.MaxValue : possible;
        return Math.Min(possible, _max) >= Math.Max(1, count.Min);
    }

    public override IEnumerable<Symbol[]> Alternatives(FamilyKey key, Func<FamilyKey, Symbol> rule, Func<Symbol, bool> produces)
    {
        if (key.Kind == Rest)
        {
            if (key.Count >= count.Min)
            {
                yield return [close];
            }

            if (key.Count < _max && Next(key).Any(next => produces(next.Item)))
            {
                yield return [comma, rule(key with { Kind = Item })];
            }

            yield break;
        }

        foreach ((Symbol item, FamilyKey after) in Next(key))
        {
            if (produces(item))
            {
                yield return [item, rule(after)];
            }
        }
    }

    IEnumerable<(Symbol Item, FamilyKey After)> Next(FamilyKey key)
    {
        // Counts beyond what is asked for are all the same.
        int cap = _max == int.MaxValue ? Math.Max(count.Min, prefix.Length) : _max, after = Math.Min(key.Count + 1, cap);
        if (values.Length > 0)
        {
            for (int i = 0; i < values.Length; i++)
            {
                BigInteger set = key.Set | (BigInteger.One << i);
                if (set != key.Set)
                {
                    yield return (values[i], new FamilyKey(Rest, set, after));
                }
            }
        }
        else if (key.Count < prefix.Length)
        {
            yield return (prefix[key.Count], new FamilyKey(Rest, 0, after));
        }
        else if (items is Symbol item)
        {
            yield return (item, new FamilyKey(Rest, 0, after));
        }
    }
}
