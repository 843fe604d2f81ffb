namespace GemmaSharp.Generation.Constraints;

/// <summary>Puts a grammar together: lexemes, which are regular expressions over bytes, and rules over them.</summary>
/// <remarks>
/// The lexer takes no longest match: where lexemes overlap or one may go on or end, all readings are followed, so that a text is accepted whenever some
/// division into lexemes fits the rules. Left and right recursion, empty alternatives and ambiguity are allowed. Not thread-safe.
/// </remarks>
sealed class GrammarBuilder
{
    /// <summary>The expressions that its lexemes are made of.</summary>
    public Expressions Expressions { get; } = new();

    /// <summary>A symbol that stands for an expression.</summary>
    public Symbol Lexeme(int expression) => throw new NotImplementedException();

    /// <summary>A symbol to be defined.</summary>
    public Symbol Rule(string name) => throw new NotImplementedException();

    /// <summary>Adds an alternative to a rule: these symbols in a row, none for the empty text.</summary>
    public void Add(Symbol rule, params ReadOnlySpan<Symbol> symbols) => throw new NotImplementedException();

    /// <summary>The grammar of a symbol.</summary>
    /// <exception cref="ConstraintException">Nothing matches it, or it is too large.</exception>
    public Grammar Build(Symbol start) => throw new NotImplementedException();
}

/// <summary>A lexeme or a rule of one <see cref="GrammarBuilder"/>.</summary>
readonly record struct Symbol(int Index);
