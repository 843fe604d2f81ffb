using GemmaSharp.Configuration;
using GemmaSharp.Layers;

namespace GemmaSharp.Model.Text;

/// <summary>The learned augmented residual: <c>n + RMSNorm(linear_right · linear_left · n; post_laurel_norm)</c>.</summary>
/// <remarks>The residual is the normed input, as in <c>Gemma3nTextLaurelBlock</c> of transformers. Immutable, thread-safe.</remarks>
sealed class Laurel(ParameterScope scope, TextConfig c)
{
    readonly Linear _linearLeft = scope.Linear("linear_left", c.HiddenSize, c.LaurelRank);
    readonly Linear _linearRight = scope.Linear("linear_right", c.LaurelRank, c.HiddenSize);
    readonly RmsNorm _postLaurelNorm = scope.RmsNorm("post_laurel_norm", c.HiddenSize, c.RmsNormEps);

    /// <summary>Computes the block.</summary>
    /// <param name="n">Normed input, <c>[T, C]</c>.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[T, C]</c></returns>
    public Rows Forward(Rows n, Pass p)
    {
        Rows x = _linearRight.Forward(_linearLeft.Forward(n, p), p);
        _postLaurelNorm.InPlace(x, p);
        p.AddTo(x, n);
        return x;
    }
}
