using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>Grouped-query attention of one layer, over a sliding window or over everything before.</summary>
/// <remarks>
/// <c>o_proj · softmax(rope(RN(q)) · rope(RN(k))ᵀ) · RN(v)</c>, scale 1, no soft cap. A KV-shared layer has no keys and values of its own:
/// it reads the cache of its source layer. Source: <c>Gemma3nTextAttention</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class Attention
{
    readonly int _heads;
    readonly int _kvHeads;
    readonly int _headDim;
    readonly float _eps;
    readonly int _cacheLayer;
    readonly bool _sliding;
    readonly Linear _qProj;
    readonly Linear? _kProj;
    readonly Linear? _vProj;
    readonly Linear _oProj;
    readonly float[] _qNorm;
    readonly float[] _kNorm = [];

    public Attention(ParameterScope scope, TextConfig config, int layer, KvLayout layout)
    {
        _heads = config.NumAttentionHeads;
        _kvHeads = config.NumKeyValueHeads;
        _headDim = config.HeadDim;
        _eps = config.RmsNormEps;
        _cacheLayer = layout.CacheLayer(layer);
        _sliding = layout.IsSliding(layer);
        _qProj = scope.Linear("q_proj", config.HiddenSize, _heads * _headDim);
        if (layout.IsShared(layer))
        {
            // Published files carry these tensors, newest transformers leaves them out; nothing reads them.
            scope.Ignore("k_proj");
            scope.Ignore("v_proj");
            scope.Ignore("k_norm");
        }
        else
        {
            _kProj = scope.Linear("k_proj", config.HiddenSize, _kvHeads * _headDim);
            _vProj = scope.Linear("v_proj", config.HiddenSize, _kvHeads * _headDim);
            _kNorm = scope.Vector("k_norm.weight", _headDim);
        }

        _oProj = scope.Linear("o_proj", _heads * _headDim, config.HiddenSize);
        _qNorm = scope.Vector("q_norm.weight", _headDim);
    }

    /// <summary>Appends the step's keys and values to the caches (unless shared) and computes the block for all rows of the step.</summary>
    /// <param name="n">Normed input, <c>[T, C]</c>.</param>
    /// <param name="workspace">Supplies scratch, threads, and the rows' sequences and positions.</param>
    /// <param name="destination">Receives <c>[T, C]</c>.</param>
    public void Forward(ReadOnlySpan<float> n, TextWorkspace workspace, Span<float> destination)
    {
        int rows = workspace.Rows;
        Span<float> q = workspace.Queries;
        _qProj.Forward(n, workspace, q);
        if (_kProj is not null)
        {
            _kProj.Forward(n, workspace, workspace.Keys);
            _vProj!.Forward(n, workspace, workspace.Values);
        }

        // Keys of the whole step are in the cache before any query looks, since rows of one chunk see each other.
        var prepare = new PrepareJob(this, workspace);
        workspace.Team.Run(ref prepare, rows, 1);
        var attend = new AttendJob(this, workspace);
        workspace.Team.Run(ref attend, rows * _kvHeads, 1);
        _oProj.Forward(workspace.Attended, workspace, destination);
    }

    /// <summary>Norms and rotates queries and keys of a row, norms its values, writes keys and values to the row's cache.</summary>
    readonly struct PrepareJob(Attention attention, TextWorkspace workspace) : IParallelJob
    {
        public void Run(int first, int last)
        {
            int d = attention._headDim;
            Span<float> queries = workspace.Queries, keys = workspace.Keys, values = workspace.Values;
            for (int t = first; t < last; t++)
            {
                ReadOnlySpan<float> cos = workspace.Cos(t, attention._sliding), sin = workspace.Sin(t, attention._sliding);
                for (int j = 0; j < attention._heads; j++)
                {
                    Span<float> q = queries.Slice(((t * attention._heads) + j) * d, d);
                    RmsNorm.Apply(q, attention._qNorm, attention._eps, q);
                    Rope.Apply(q, cos, sin);
                }

                if (attention._kProj is null)
                {
                    continue;
                }

                KvLayer cache = workspace.CacheOf(t).Layer(attention._cacheLayer);
                int position = workspace.PositionOf(t);
                for (int g = 0; g < attention._kvHeads; g++)
                {
                    Span<float> k = keys.Slice(((t * attention._kvHeads) + g) * d, d), v = values.Slice(((t * attention._kvHeads) + g) * d, d);
                    RmsNorm.Apply(k, attention._kNorm, attention._eps, k);
                    Rope.Apply(k, cos, sin);
                    RmsNorm.Apply(v, [], attention._eps, v);
                    cache.Write(g, position, k, v);
                }
            }
        }
    }

    /// <summary>One item is one row and one key-value head with the query heads that share it.</summary>
    readonly struct AttendJob(Attention attention, TextWorkspace workspace) : IParallelJob
    {
        public void Run(int first, int last)
        {
            int d = attention._headDim, group = attention._heads / attention._kvHeads;
            for (int item = first; item < last; item++)
            {
                int t = item / attention._kvHeads, g = item % attention._kvHeads;
                KvLayer cache = workspace.CacheOf(t).Layer(attention._cacheLayer);
                int end = workspace.PositionOf(t) + 1, start = cache.FirstVisible(end - 1), count = end - start;
                int offset = ((t * attention._heads) + (g * group)) * d;
                ReadOnlySpan<float> queries = workspace.Queries.Slice(offset, group * d);
                Span<float> attended = workspace.Attended.Slice(offset, group * d);
                Span<float> scores = TextWorkspace.Scores(group * count);

                for (int p = start; p < end;)
                {
                    int run = cache.Run(g, p, end, out ReadOnlySpan<float> keys, out _);
                    MatMul.Multiply(queries, group, keys, run, d, scores[(p - start)..], count);
                    p += run;
                }

                for (int j = 0; j < group; j++)
                {
                    Softmax.Apply(scores.Slice(j * count, count));
                }

                attended.Clear();
                for (int p = start; p < end;)
                {
                    int run = cache.Run(g, p, end, out _, out ReadOnlySpan<float> values);
                    WeightedSum.Accumulate(scores[(p - start)..], count, values, run, d, attended);
                    p += run;
                }
            }
        }
    }
}
