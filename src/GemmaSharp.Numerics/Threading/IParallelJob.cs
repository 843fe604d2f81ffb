namespace GemmaSharp.Numerics.Threading;

/// <summary>Work over a range of items that a <see cref="WorkerTeam"/> splits over its threads.</summary>
/// <remarks>
/// <see cref="Run"/> is called from several threads at once on the same instance, with ranges that do not overlap.
/// A job may be a ref struct and hold spans.
/// </remarks>
public interface IParallelJob
{
    /// <summary>Does the items of a half-open range.</summary>
    /// <param name="first">First item.</param>
    /// <param name="last">The item after the last.</param>
    void Run(int first, int last);
}
