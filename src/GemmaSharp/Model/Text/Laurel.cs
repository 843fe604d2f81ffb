using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Text;

/// <summary>The learned augmented residual: <c>n + RMSNorm(linear_right · linear_left · n; post_laurel_norm)</c>.</summary>
/// <remarks>The residual is the normed input, as in <c>Gemma3nTextLaurelBlock</c> of transformers. Immutable, thread-safe.</remarks>
sealed class Laurel
{
    readonly float _eps;
    readonly Linear _linearLeft;
    readonly Linear _linearRight;
    readonly float[] _postLaurelNorm;

    public Laurel(ParameterScope scope, TextConfig config)
    {
        _eps = config.RmsNormEps;
        _linearLeft = scope.Linear("linear_left", config.HiddenSize, config.LaurelRank);
        _linearRight = scope.Linear("linear_right", config.LaurelRank, config.HiddenSize);
        _postLaurelNorm = scope.Vector("post_laurel_norm.weight", config.HiddenSize);
    }

    /// <summary>Computes the block for all rows of the step.</summary>
    /// <param name="n">Normed input, <c>[T, C]</c>.</param>
    /// <param name="workspace">Supplies scratch and threads.</param>
    /// <param name="destination">Receives <c>[T, C]</c>; may not alias <paramref name="n"/>.</param>
    public void Forward(ReadOnlySpan<float> n, TextWorkspace workspace, Span<float> destination)
    {
        _linearLeft.Forward(n, workspace, workspace.LaurelLow);
        _linearRight.Forward(workspace.LaurelLow, workspace, destination);
        RmsNorm.Rows(destination, _postLaurelNorm, _eps, destination, workspace.Team);
        Rowwise.Add(destination, n, destination, workspace);
    }
}
