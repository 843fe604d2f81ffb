using System.Numerics;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>The members of an object: which names are still to come, must come and may come, told from those that were there.</summary>
/// <remarks>Immutable, thread-safe.</remarks>
sealed class ObjectMembers : RuleFamily
{
    /// <summary>The rule of a member and what follows it.</summary>
    public const int Member = 0;

    /// <summary>The rule of what follows a member.</summary>
    const int Rest = 1;

    readonly (Symbol Name, Symbol Value, bool IsRequired)[] _declared;
    readonly (Symbol Name, Symbol Value)[] _others;
    readonly BigInteger _required;
    readonly int _min;
    readonly int _max;
    readonly bool _inOrder;
    readonly Symbol _comma;
    readonly Symbol _close;

    /// <summary>Describes the members of an object.</summary>
    /// <param name="declared">Names with their quotes and colon, values, and whether they must come.</param>
    /// <param name="others">Kinds of other names, each as often as it likes.</param>
    /// <param name="count">How many members.</param>
    /// <param name="inOrder">Whether declared members come in their order, and others after them.</param>
    /// <param name="comma">Between members.</param>
    /// <param name="close">After the last.</param>
    public ObjectMembers(
        (Symbol Name, Symbol Value, bool IsRequired)[] declared, (Symbol Name, Symbol Value)[] others, (int Min, int? Max) count, bool inOrder, Symbol comma, Symbol close)
    {
        _declared = declared;
        _others = others;
        (_min, _max) = (count.Min, count.Max ?? int.MaxValue);
        _inOrder = inOrder;
        (_comma, _close) = (comma, close);
        for (int i = 0; i < declared.Length; i++)
        {
            _required |= declared[i].IsRequired ? BigInteger.One << i : BigInteger.Zero;
        }
    }

    /// <summary>Whether an object without members will do.</summary>
    public bool CanBeEmpty => _required.IsZero && _min == 0;

    public override IEnumerable<Symbol> Needs
    {
        get
        {
            // Names beyond the required ones are only needed where the least count asks for them; a kind of others can fill any number.
            foreach ((Symbol name, Symbol value, bool isRequired) in _declared)
            {
                if (isRequired)
                {
                    yield return name;
                    yield return value;
                }
            }
        }
    }

    public override IEnumerable<Symbol[]> Alternatives(FamilyKey key, Func<FamilyKey, Symbol> rule, Func<Symbol, bool> produces)
    {
        if (key.Kind == Rest)
        {
            if (key.Count >= _min && (key.Set & _required) == _required)
            {
                yield return [_close];
            }

            if (Next(key, produces).Any())
            {
                yield return [_comma, rule(key with { Kind = Member })];
            }

            yield break;
        }

        foreach ((Symbol name, Symbol value, FamilyKey after) in Next(key, produces))
        {
            yield return [name, value, rule(after)];
        }
    }

    /// <summary>The members that can follow and from which the object can be completed.</summary>
    IEnumerable<(Symbol Name, Symbol Value, FamilyKey After)> Next(FamilyKey key, Func<Symbol, bool> produces)
    {
        // Counts beyond what is asked for are all the same.
        int cap = _max == int.MaxValue ? _min : _max, count = Math.Min(key.Count + 1, cap);
        if (key.Count >= _max)
        {
            yield break;
        }

        for (int i = 0; i < _declared.Length; i++)
        {
            (Symbol name, Symbol value, bool isRequired) = _declared[i];
            BigInteger set = key.Set | (BigInteger.One << i);
            if (set != key.Set && (!_inOrder || key.Set >> i == BigInteger.Zero) && produces(name) && produces(value) && CanComplete(set, key.Count + 1, produces))
            {
                yield return (name, value, new FamilyKey(Rest, set, count));
            }

            if (_inOrder && isRequired && key.Set >> i == BigInteger.Zero)
            {
                yield break;
            }
        }

        // In order, others come when nothing declared can follow any more: the set then counts as full.
        BigInteger others = _inOrder ? key.Set | (BigInteger.One << _declared.Length) : key.Set;
        foreach ((Symbol name, Symbol value) in _others)
        {
            if (produces(name) && produces(value) && CanComplete(others, key.Count + 1, produces))
            {
                yield return (name, value, new FamilyKey(Rest, others, count));
            }
        }
    }

    /// <summary>Whether what is still needed can come and has room.</summary>
    bool CanComplete(BigInteger set, int count, Func<Symbol, bool> produces)
    {
        if (_max == int.MaxValue && _min == 0)
        {
            return true;
        }

        int missing = 0, possible = 0;
        for (int i = 0; i < _declared.Length; i++)
        {
            bool free = (set >> i & BigInteger.One) == 0 && (!_inOrder || set >> i == BigInteger.Zero);
            missing += free && _declared[i].IsRequired ? 1 : 0;
            possible += free && produces(_declared[i].Name) && produces(_declared[i].Value) ? 1 : 0;
        }

        bool endless = _others.Any(each => produces(each.Name) && produces(each.Value));
        return count + missing <= _max && (endless || count + possible >= _min);
    }
}
