namespace GemmaSharp.Generation.Constraints;

/// <summary>A deterministic automaton over bytes that is written as a program rather than as an expression. Its states are found as they are reached.</summary>
/// <remarks>Charts of one grammar share it, so it must be thread-safe.</remarks>
abstract class Automaton
{
    /// <summary>Where a byte leads; negative for nowhere.</summary>
    public abstract int Next(int state, int b);

    /// <summary>Whether the text may end in a state.</summary>
    public abstract bool Accepts(int state);
}
