using GemmaSharp.Configuration;
using GemmaSharp.Layers;

namespace GemmaSharp.Model.Text;

/// <summary>Per-layer inputs: what each layer gets to know about a token besides the residual streams.</summary>
/// <remarks>
/// <c>u = (RMSNorm(per_layer_model_projection · x₀ / √C; per_layer_projection_norm) + embed_tokens_per_layer[id'] · √P) / √2</c>, where
/// <c>id'</c> is 0 for ids outside the table and <c>x₀</c> the merged input embeddings. Rows come from the mapping; the table is never read whole.
/// Source: <c>get_per_layer_inputs</c> and <c>project_per_layer_inputs</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class PerLayerEmbedding(ParameterScope scope, TextConfig c)
{
    readonly Embedding _embedTokensPerLayer =
        scope.Embedding("embed_tokens_per_layer", c.VocabSizePerLayerInput, c.NumHiddenLayers * c.HiddenSizePerLayerInput);

    readonly Linear _perLayerModelProjection =
        scope.Linear("per_layer_model_projection", c.HiddenSize, c.NumHiddenLayers * c.HiddenSizePerLayerInput);

    readonly RmsNorm _perLayerProjectionNorm = scope.RmsNorm("per_layer_projection_norm", c.HiddenSizePerLayerInput, c.RmsNormEps);

    /// <summary>The per-layer inputs of all rows.</summary>
    /// <param name="x">Merged input embeddings, <c>[T, C]</c>.</param>
    /// <param name="p">The step; has the rows' ids.</param>
    /// <returns><c>[T, L·P]</c></returns>
    public Rows Forward(Rows x, TextPass p)
    {
        int width = _embedTokensPerLayer.Dimension;
        Rows u = p.New(x.Count, width);
        using Pass.Scope _ = p.Enter("language_model");
        Rows table = p.New(x.Count, width);
        using (p.Measure(PassPart.Embeddings))
        {
            p.ForEach((this, table, p, c), x.Count, 1, static (s, first, last) =>
            {
                for (int t = first; t < last; t++)
                {
                    int id = s.p.Ids[t];
                    s.Item1._embedTokensPerLayer.Read(
                        id >= 0 && id < s.c.VocabSizePerLayerInput ? id : 0, MathF.Sqrt(s.c.HiddenSizePerLayerInput), s.table[t]);
                }
            });
        }

        p.Trace(".embed_tokens_per_layer", table);
        _perLayerModelProjection.Forward(x, u, p);
        p.Trace(".per_layer_model_projection", u);
        p.ScaleInPlace(u, (float)(1 / Math.Sqrt(c.HiddenSize)));
        _perLayerProjectionNorm.InPlace(u.Reshape(c.HiddenSizePerLayerInput), p);
        p.Trace(".per_layer_projection_norm", [1, x.Count, c.NumHiddenLayers, c.HiddenSizePerLayerInput], u);
        p.AverageInto(u, table);
        return u;
    }
}
