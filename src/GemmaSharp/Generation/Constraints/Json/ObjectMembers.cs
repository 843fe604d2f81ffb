using System.Numerics;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>What a member can be, and which demands on some member that meets, as bits.</summary>
readonly record struct MemberValue(Symbol Value, int Meets);

/// <summary>A member, or one of a kind of names.</summary>
/// <param name="Name">The name with its quotes and colon.</param>
/// <param name="Values">What it can be.</param>
/// <param name="IsRequired">Whether it must come.</param>
sealed record Member(Symbol Name, MemberValue[] Values, bool IsRequired = false)
{
    /// <summary>Whether anything can be there.</summary>
    public bool Produces(Func<Symbol, bool> produces) => produces(Name) && Values.Any(each => produces(each.Value));
}

/// <summary>The members of an object: which names are still to come, must come and may come, told from those that were there.</summary>
/// <remarks>
/// Immutable, thread-safe. A key's set has a bit for each declared member that was there, one that says that others have begun, and one for each demand on some
/// member that is met.
/// </remarks>
sealed class ObjectMembers : RuleFamily
{
    /// <summary>The rule of a member and what follows it.</summary>
    public const int Member = 0;

    /// <summary>The rule of what follows a member.</summary>
    const int Rest = 1;

    readonly Member[] _declared;
    readonly Member[] _others;
    readonly Symbol[] _demands;
    readonly BigInteger _required;
    readonly BigInteger _demanded;
    readonly BigInteger _members;
    readonly int _min;
    readonly int _max;
    readonly bool _inOrder;
    readonly Symbol _comma;
    readonly Symbol _close;

    /// <summary>Describes the members of an object.</summary>
    /// <param name="declared">Members with a name of their own.</param>
    /// <param name="others">Kinds of other names, each as often as it likes.</param>
    /// <param name="demands">For each demand on some member a symbol that produces if a member can meet it.</param>
    /// <param name="count">How many members.</param>
    /// <param name="inOrder">Whether declared members come in their order, and others after them.</param>
    /// <param name="comma">Between members.</param>
    /// <param name="close">After the last.</param>
    public ObjectMembers(Member[] declared, Member[] others, Symbol[] demands, (int Min, int? Max) count, bool inOrder, Symbol comma, Symbol close)
    {
        (_declared, _others, _demands) = (declared, others, demands);
        (_min, _max) = (count.Min, count.Max ?? int.MaxValue);
        _inOrder = inOrder;
        (_comma, _close) = (comma, close);
        for (int i = 0; i < declared.Length; i++)
        {
            _required |= declared[i].IsRequired ? BigInteger.One << i : BigInteger.Zero;
        }

        _members = (BigInteger.One << (declared.Length + 1)) - 1;
        _demanded = ((BigInteger.One << demands.Length) - 1) << (declared.Length + 1);
    }

    /// <summary>Whether an object without members will do.</summary>
    public bool CanBeEmpty => _required.IsZero && _min == 0 && _demands.Length == 0;

    /// <summary>Whether there can be as many members as there must be, whatever they are.</summary>
    public bool HasRoom => _declared.Count(each => each.IsRequired) <= _max && (_others.Length > 0 || _declared.Length >= _min);

    public override IEnumerable<Symbol> Needs
    {
        get
        {
            // Names beyond the required ones are only needed where the least count asks for them; a kind of others can fill any number.
            foreach (Member member in _declared)
            {
                if (member.IsRequired)
                {
                    yield return member.Name;
                    if (member.Values is [MemberValue only])
                    {
                        yield return only.Value;
                    }
                }
            }

            foreach (Symbol demand in _demands)
            {
                yield return demand;
            }
        }
    }

    public override IEnumerable<Symbol[]> Alternatives(FamilyKey key, Func<FamilyKey, Symbol> rule, Func<Symbol, bool> produces)
    {
        if (key.Kind == Rest)
        {
            if (key.Count >= _min && (key.Set & (_required | _demanded)) == (_required | _demanded))
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

        BigInteger were = key.Set & _members;
        for (int i = 0; i < _declared.Length; i++)
        {
            Member member = _declared[i];
            BigInteger set = key.Set | (BigInteger.One << i);
            if (set != key.Set && (!_inOrder || were >> i == BigInteger.Zero) && produces(member.Name))
            {
                foreach (MemberValue value in member.Values)
                {
                    BigInteger after = With(set, value.Meets);
                    if (produces(value.Value) && CanComplete(after, key.Count + 1, produces))
                    {
                        yield return (member.Name, value.Value, new FamilyKey(Rest, after, count));
                    }
                }
            }

            if (_inOrder && member.IsRequired && were >> i == BigInteger.Zero)
            {
                yield break;
            }
        }

        // In order, others come when nothing declared can follow any more: the set then counts as full.
        BigInteger others = _inOrder ? key.Set | (BigInteger.One << _declared.Length) : key.Set;
        foreach (Member member in _others)
        {
            foreach (MemberValue value in member.Values)
            {
                BigInteger after = With(others, value.Meets);
                if (produces(member.Name) && produces(value.Value) && CanComplete(after, key.Count + 1, produces))
                {
                    yield return (member.Name, value.Value, new FamilyKey(Rest, after, count));
                }
            }
        }
    }

    BigInteger With(BigInteger set, int meets) => meets == 0 ? set : set | ((BigInteger)meets << (_declared.Length + 1));

    /// <summary>Whether what is still needed can come and has room.</summary>
    bool CanComplete(BigInteger set, int count, Func<Symbol, bool> produces)
    {
        if (_demands.Length > 0 && (set & _demanded) != _demanded)
        {
            return CanMeet(set, BigInteger.Zero, count, produces);
        }

        if (_max == int.MaxValue && _min == 0)
        {
            return true;
        }

        int missing = 0, possible = 0;
        for (int i = 0; i < _declared.Length; i++)
        {
            bool free = IsFree(set, i);
            missing += free && _declared[i].IsRequired ? 1 : 0;
            possible += free && _declared[i].Produces(produces) ? 1 : 0;
        }

        bool endless = _others.Any(each => each.Produces(produces));
        return count + missing <= _max && (endless || count + possible >= _min);
    }

    bool IsFree(BigInteger set, int member) =>
        (set >> member & BigInteger.One) == 0 && (!_inOrder || (set & _members) >> member == BigInteger.Zero);

    /// <summary>Whether members that may still come, each once, meet all demands that are not met, and there is room for the rest.</summary>
    bool CanMeet(BigInteger set, BigInteger used, int count, Func<Symbol, bool> produces)
    {
        BigInteger missing = (_demanded & ~set) >> (_declared.Length + 1);
        if (missing.IsZero)
        {
            // In order, those that were used are still to come: they count as members that may.
            return CanComplete(_inOrder ? set : set | used, count, produces);
        }

        int first = (int)(missing & -missing);
        for (int i = 0; i < _declared.Length; i++)
        {
            BigInteger bit = BigInteger.One << i;
            if (IsFree(set, i) && (used & bit).IsZero && produces(_declared[i].Name)
                && _declared[i].Values.Any(value => (value.Meets & first) != 0 && produces(value.Value)
                    && CanMeet(With(set, value.Meets), used | bit, _inOrder ? count : count + 1, produces)))
            {
                return true;
            }
        }

        return _others.Any(member => produces(member.Name) && member.Values.Any(value => (value.Meets & first) != 0 && produces(value.Value)
            && CanMeet(With(set, value.Meets), used, count + 1, produces)));
    }
}
