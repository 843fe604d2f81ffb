namespace GemmaSharp.Numerics.Threading;

/// <summary>Does a range of items with a state; called from several threads at once, with ranges that do not overlap.</summary>
/// <typeparam name="TState">What the action works on.</typeparam>
/// <param name="state">The state of the loop.</param>
/// <param name="first">First item.</param>
/// <param name="last">The item after the last.</param>
public delegate void RangeAction<TState>(TState state, int first, int last)
    where TState : allows ref struct;
