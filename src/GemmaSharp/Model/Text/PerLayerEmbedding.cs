using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>Per-layer inputs: what each layer gets to know about a token besides the residual streams.</summary>
/// <remarks>
/// <c>u = (RMSNorm(per_layer_model_projection · x₀ / √C; per_layer_projection_norm) + embed_tokens_per_layer[id'] · √P) / √2</c>, where
/// <c>id'</c> is 0 for ids outside the table and <c>x₀</c> the merged input embeddings. Rows come from the mapping; the table is never read whole.
/// Source: <c>get_per_layer_inputs</c> and <c>project_per_layer_inputs</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class PerLayerEmbedding
{
    readonly TextConfig _config;
    readonly int _width;
    readonly WeightMatrix _embedTokensPerLayer;
    readonly Linear _perLayerModelProjection;
    readonly float[] _perLayerProjectionNorm;

    public PerLayerEmbedding(ParameterScope scope, TextConfig config)
    {
        _config = config;
        _width = config.NumHiddenLayers * config.HiddenSizePerLayerInput;
        _embedTokensPerLayer = scope.Embedding("embed_tokens_per_layer", config.VocabSizePerLayerInput, _width);
        _perLayerModelProjection = scope.Linear("per_layer_model_projection", config.HiddenSize, _width);
        _perLayerProjectionNorm = scope.Vector("per_layer_projection_norm.weight", config.HiddenSizePerLayerInput);
    }

    /// <summary>Computes <see cref="TextWorkspace.PerLayerInputs"/> of all rows.</summary>
    /// <param name="ids">Token ids, <c>[T]</c>.</param>
    /// <param name="embeddings">Merged input embeddings, <c>[T, C]</c>.</param>
    /// <param name="workspace">Supplies scratch and threads.</param>
    /// <param name="trace">Receives the table rows, the projection and its norm.</param>
    public void Forward(ReadOnlySpan<int> ids, ReadOnlySpan<float> embeddings, TextWorkspace workspace, ITrace? trace)
    {
        int rows = workspace.Rows, p = _config.HiddenSizePerLayerInput, layers = _config.NumHiddenLayers;
        Span<float> inputs = workspace.PerLayerInputs, table = workspace.PerLayerTable;
        var lookup = new LookupJob(this, ids, table);
        workspace.Team.Run(ref lookup, rows, 1);
        trace.Capture("language_model.embed_tokens_per_layer", [1, rows, _width], table);

        _perLayerModelProjection.Forward(embeddings, workspace, inputs);
        trace.Capture("language_model.per_layer_model_projection", [1, rows, _width], inputs);

        var project = new ProjectJob(this, inputs);
        workspace.Team.Run(ref project, rows, TextWorkspace.RowGrain);
        trace.Capture("language_model.per_layer_projection_norm", [1, rows, layers, p], inputs);

        var merge = new MergeJob(inputs, table, _width);
        workspace.Team.Run(ref merge, rows, TextWorkspace.RowGrain);
    }

    readonly ref struct LookupJob(PerLayerEmbedding embedding, ReadOnlySpan<int> ids, Span<float> table) : IParallelJob
    {
        readonly ReadOnlySpan<int> _ids = ids;
        readonly Span<float> _table = table;

        public void Run(int first, int last)
        {
            float scale = MathF.Sqrt(embedding._config.HiddenSizePerLayerInput);
            for (int t = first; t < last; t++)
            {
                int id = _ids[t];
                Span<float> row = _table.Slice(t * embedding._width, embedding._width);
                embedding._embedTokensPerLayer.ReadRow(id >= 0 && id < embedding._config.VocabSizePerLayerInput ? id : 0, row);
                VectorMath.Scale(row, scale, row);
            }
        }
    }

    readonly ref struct ProjectJob(PerLayerEmbedding embedding, Span<float> inputs) : IParallelJob
    {
        readonly Span<float> _inputs = inputs;

        public void Run(int first, int last)
        {
            int p = embedding._config.HiddenSizePerLayerInput, layers = embedding._config.NumHiddenLayers;
            float scale = (float)(1 / Math.Sqrt(embedding._config.HiddenSize));
            for (int i = first * layers; i < last * layers; i++)
            {
                Span<float> row = _inputs.Slice(i * p, p);
                VectorMath.Scale(row, scale, row);
                RmsNorm.Apply(row, embedding._perLayerProjectionNorm, embedding._config.RmsNormEps, row);
            }
        }
    }

    readonly ref struct MergeJob(Span<float> inputs, ReadOnlySpan<float> table, int width) : IParallelJob
    {
        readonly Span<float> _inputs = inputs;
        readonly ReadOnlySpan<float> _table = table;

        public void Run(int first, int last)
        {
            const float InverseSqrt2 = 0.70710678118654752f;
            for (int t = first; t < last; t++)
            {
                Span<float> row = _inputs.Slice(t * width, width);
                VectorMath.Add(row, _table.Slice(t * width, width), row);
                VectorMath.Scale(row, InverseSqrt2, row);
            }
        }
    }
}
