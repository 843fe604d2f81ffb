using GemmaSharp.Layers;

namespace GemmaSharp.Model.Text;

/// <summary>Linear layers over the rows of a step.</summary>
static class LinearExtensions
{
    /// <summary>Computes the layer for all rows of the step, with the adapters they carry.</summary>
    /// <param name="linear">The layer.</param>
    /// <param name="x">Input, <c>[T, in]</c>.</param>
    /// <param name="workspace">Supplies rows, adapters and threads.</param>
    /// <param name="destination">Receives <c>[T, out]</c>; may not alias <paramref name="x"/>.</param>
    public static void Forward(this Linear linear, ReadOnlySpan<float> x, TextWorkspace workspace, Span<float> destination) =>
        linear.Forward(x, workspace.Rows, destination, workspace.Team, workspace.Adapters);
}
