using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Model.Text;

/// <summary>Grouped-query attention of one layer, over a sliding window or over everything before.</summary>
/// <remarks>
/// <c>o_proj · softmax(rope(RN(q)) · rope(RN(k))ᵀ) · RN(v)</c>, scale 1, no soft cap. A KV-shared layer has no keys and values of its own:
/// it reads the cache of its source layer. Source: <c>Gemma3nTextAttention</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class Attention
{
    const int LeastScores = 4096;

    [ThreadStatic]
    static float[]? s_scores;

    readonly int _group;
    readonly int _cacheLayer;
    readonly bool _sliding;
    readonly Linear _qProj;
    readonly Linear? _kProj;
    readonly Linear? _vProj;
    readonly Linear _oProj;
    readonly RmsNorm _qNorm;
    readonly RmsNorm? _kNorm;
    readonly RmsNorm? _vNorm;

    public Attention(ParameterScope scope, TextConfig c, int layer, KvLayout layout)
    {
        int d = c.HeadDim;
        _group = c.NumAttentionHeads / c.NumKeyValueHeads;
        _cacheLayer = layout.CacheLayer(layer);
        _sliding = layout.IsSliding(layer);
        _qProj = scope.Linear("q_proj", c.HiddenSize, c.NumAttentionHeads * d);
        if (layout.IsShared(layer))
        {
            // Published files carry these tensors, newest transformers leaves them out; nothing reads them.
            scope.Ignore("k_proj");
            scope.Ignore("v_proj");
            scope.Ignore("k_norm");
        }
        else
        {
            _kProj = scope.Linear("k_proj", c.HiddenSize, c.NumKeyValueHeads * d);
            _vProj = scope.Linear("v_proj", c.HiddenSize, c.NumKeyValueHeads * d);
            _kNorm = scope.RmsNorm("k_norm", d, c.RmsNormEps);
            _vNorm = new RmsNorm([], d, c.RmsNormEps);
        }

        _oProj = scope.Linear("o_proj", c.NumAttentionHeads * d, c.HiddenSize);
        _qNorm = scope.RmsNorm("q_norm", d, c.RmsNormEps);
    }

    /// <summary>Appends the step's keys and values to the caches (unless shared) and computes the block.</summary>
    /// <param name="n">Normed input, <c>[T, C]</c>.</param>
    /// <param name="p">The step.</param>
    /// <returns><c>[T, C]</c></returns>
    public Rows Forward(Rows n, TextPass p)
    {
        Rows q = _qProj.Forward(n, p);
        _qNorm.InPlace(q.Reshape(_qNorm.Width), p);
        p.Rotate(q, _sliding);
        if (_kProj is not null)
        {
            // Keys of the whole step are in the cache before any query looks, since rows of one chunk see each other.
            Rows k = _kProj.Forward(n, p), v = _vProj!.Forward(n, p);
            _kNorm!.InPlace(k.Reshape(_kNorm.Width), p);
            p.Rotate(k, _sliding);
            _vNorm!.InPlace(v.Reshape(_vNorm.Width), p);
            p.Write(_cacheLayer, k, v);
        }

        Rows context = p.New(q.Count, q.Width);
        int kvHeads = q.Width / (_group * _qNorm.Width);
        using (p.Measure(PassPart.Attention))
        {
            p.ForEach((this, q, context, kvHeads, p), n.Count * kvHeads, 1, static (s, first, last) =>
            {
                for (int i = first; i < last; i++)
                {
                    (int t, int head) = Math.DivRem(i, s.kvHeads);
                    s.Item1.Attend(s.q, s.context, t, head, s.p);
                }
            });
        }

        return _oProj.Forward(context, p);
    }

    /// <summary><c>softmax(q · Kᵀ) · V</c> of one row and one key-value head with the query heads that share it.</summary>
    void Attend(Rows q, Rows context, int t, int head, TextPass p)
    {
        int d = _qNorm.Width, end = p.PositionOf(t) + 1;
        KvLayer cache = p.CacheOf(t).Layer(_cacheLayer);
        int start = cache.FirstVisible(end - 1), count = end - start;
        ReadOnlySpan<float> queries = q[t].Slice(head * _group * d, _group * d);
        Span<float> sums = context[t].Slice(head * _group * d, _group * d);
        Span<float> scores = Scores(_group * count);
        for (int s = start; s < end;)
        {
            int run = cache.Run(head, s, end, out StoredRows keys, out _);
            MatMul.Multiply(queries, _group, keys, run, d, scores[(s - start)..], count);
            s += run;
        }

        for (int j = 0; j < _group; j++)
        {
            Softmax.Apply(scores.Slice(j * count, count));
        }

        sums.Clear();
        for (int s = start; s < end;)
        {
            int run = cache.Run(head, s, end, out _, out StoredRows values);
            WeightedSum.Accumulate(scores[(s - start)..], count, values, run, d, sums);
            s += run;
        }
    }

    /// <summary>Bytes of the scores that threads keep once the longest sequence has had so many positions.</summary>
    public static long ScoreBytes(TextConfig c, int positions, int threads) =>
        threads * sizeof(float) * (Math.Max((long)(c.NumAttentionHeads / c.NumKeyValueHeads) * positions, LeastScores) * 3 / 2);

    /// <summary>Attention scores of the calling thread.</summary>
    static Span<float> Scores(int count)
    {
        if (s_scores is null || s_scores.Length < count)
        {
            s_scores = GC.AllocateUninitializedArray<float>(Math.Max(count, LeastScores) * 3 / 2);
        }

        return s_scores.AsSpan(0, count);
    }
}
