using System.Numerics;

namespace GemmaSharp.Generation.Constraints;

/// <summary>
/// Rules without number, one for each key, whose alternatives are written down when a text gets there: what objects need whose members come in any order.
/// </summary>
/// <remarks>None of its rules matches the empty text. Charts of one grammar share it, so it must be thread-safe.</remarks>
abstract class RuleFamily
{
    /// <summary>The symbols without which none of its rules matches anything; with them each does for which <see cref="CanProduce"/> holds.</summary>
    public abstract IEnumerable<Symbol> Needs { get; }

    /// <summary>Whether a rule matches anything, once all that it needs does.</summary>
    /// <param name="key">Which rule.</param>
    /// <param name="produces">Whether a symbol is known to match anything. Asked again as more are; what held goes on to hold.</param>
    public virtual bool CanProduce(FamilyKey key, Func<Symbol, bool> produces) => true;

    /// <summary>The alternatives of a rule.</summary>
    /// <param name="key">Which rule.</param>
    /// <param name="rule">The symbol of another rule of the family.</param>
    /// <param name="produces">Whether a symbol can match anything; alternatives with one that cannot must not be among the results.</param>
    public abstract IEnumerable<Symbol[]> Alternatives(FamilyKey key, Func<FamilyKey, Symbol> rule, Func<Symbol, bool> produces);
}

/// <summary>Which rule of a family.</summary>
/// <param name="Kind">Whose meaning the family knows.</param>
/// <param name="Set">Members that were there.</param>
/// <param name="Count">How many there were.</param>
readonly record struct FamilyKey(int Kind, BigInteger Set, int Count);
