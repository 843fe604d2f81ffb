namespace GemmaSharp.Generation.Constraints;

/// <summary>A compiled constraint: lexemes and rules over bytes, independent of any vocabulary. Immutable, thread-safe.</summary>
sealed class Grammar
{
    /// <summary>Bytes held, for the cache of grammars.</summary>
    public long Bytes => throw new NotImplementedException();
}
