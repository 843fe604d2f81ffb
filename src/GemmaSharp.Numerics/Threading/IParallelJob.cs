namespace GemmaSharp.Numerics.Threading;

/// <summary>Work over a range of items that a <see cref="WorkerTeam"/> splits over its threads.</summary>
/// <remarks>
/// <see cref="Run"/> is called from several threads at once on the same instance, with ranges that do not overlap.
/// A job may be a ref struct and hold spans.
/// </remarks>
interface IParallelJob
{
    /// <summary>Does the items of a half-open range.</summary>
    /// <param name="first">First item.</param>
    /// <param name="last">The item after the last.</param>
    void Run(int first, int last);
}

/// <summary>Does a range of items with a state; called from several threads at once, with ranges that do not overlap.</summary>
/// <typeparam name="TState">What the action works on.</typeparam>
/// <param name="state">The state of the loop.</param>
/// <param name="first">First item.</param>
/// <param name="last">The item after the last.</param>
delegate void RangeAction<TState>(TState state, int first, int last)
    where TState : allows ref struct;
