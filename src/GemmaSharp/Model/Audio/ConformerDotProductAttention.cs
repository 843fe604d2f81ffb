using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Audio;

/// <summary>
/// Local attention with relative positions: step t sees the steps t − L … t + R of its clip.
/// <c>logit(t, s) = cap · tanh(q[t] · (k[s] + P[t − s]) / cap)</c>, softmax over s, <c>Σ p v[s]</c>, per head.
/// </summary>
/// <remarks>
/// <para>
/// The reference cuts time into blocks of W queries with W + L + R keys each and masks what a query must not see; what
/// remains is this window. Only a query without any valid key differs: there the reference's masked softmax is uniform
/// over its block's keys, and so is ours.
/// </para>
/// <para>Immutable, thread-safe. Source: transformers <c>Gemma3nAudioAttention</c>.</para>
/// </remarks>
sealed class ConformerDotProductAttention
{
    readonly int _heads;
    readonly int _headSize;
    readonly int _left;
    readonly int _right;
    readonly int _chunk;
    readonly float _cap;
    readonly float[] _perDimScale;
    readonly Linear _qProj;
    readonly Linear _kProj;
    readonly Linear _vProj;
    readonly RelativePositionEmbedding _relativePositionEmbedding;
    float[]? _queryScale;

    /// <summary>Asks for the projections.</summary>
    public ConformerDotProductAttention(ParameterScope scope, AudioConfig config)
    {
        int width = config.HiddenSize;
        _heads = config.ConfNumAttentionHeads;
        _headSize = width / _heads;
        _left = Math.Max(0, config.ConfAttentionContextLeft - 1);
        _right = config.ConfAttentionContextRight;
        _chunk = config.ConfAttentionChunkSize;
        _cap = config.ConfAttentionLogitCap;
        _perDimScale = scope.Vector("per_dim_scale", _headSize);
        _qProj = scope.Linear("q_proj", width, width);
        _kProj = scope.Linear("k_proj", width, width);
        _vProj = scope.Linear("v_proj", width, width);
        _relativePositionEmbedding = new(scope["relative_position_embedding"], config, _left, _right);
    }

    /// <summary>The contexts of all steps.</summary>
    /// <param name="n">Normed input, <c>[steps.Rows, D]</c>.</param>
    /// <param name="steps">Which steps its rows are.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[steps.Rows, D]</c></returns>
    public Rows Forward(Rows n, AudioSteps steps, Pass p)
    {
        Rows context = p.New(n.Count, n.Width);
        using Pass.Scope _ = p.Enter();
        Rows q = _qProj.Forward(n, p), k = _kProj.Forward(n, p), v = _vProj.Forward(n, p);
        Rows positions = _relativePositionEmbedding.Forward(p);
        p.ForEach((this, q, k, v, positions, context, steps), n.Count, 4, static (s, first, last) =>
        {
            for (int row = first; row < last; row++)
            {
                s.Item1.Attend(s.q[row], s.k, s.v, s.positions, s.context[row], s.steps, row);
            }
        });
        return context;
    }

    /// <summary><c>Σ softmax(logits) v</c> of one step; its query is scaled in place.</summary>
    void Attend(Span<float> q, Rows k, Rows v, Rows positions, Span<float> context, AudioSteps steps, int row)
    {
        (int clip, int step) = Math.DivRem(row, steps.Count);
        int begin = Math.Max(0, step - _left), count = Math.Min(Math.Min(step + _right + 1, steps.Count), steps.Valid(clip)) - begin;
        if (count <= 0)
        {
            Average(v.Slice(clip * steps.Count, steps.Count), step, context);
            return;
        }

        Rows keys = k.Slice(clip * steps.Count + begin, count), values = v.Slice(clip * steps.Count + begin, count);
        Span<float> logits = stackalloc float[count];
        VectorMath.Multiply(q, QueryScale(), q);
        for (int head = 0; head < _heads; head++)
        {
            ReadOnlySpan<float> query = Head(q, head);
            for (int s = 0; s < count; s++)
            {
                logits[s] = VectorMath.Dot(query, Head(keys[s], head)) + VectorMath.Dot(query, Head(positions[step - begin - s + _right], head));
            }

            SoftCap.Apply(logits, _cap, logits);
            Softmax.Apply(logits);
            Span<float> sum = Head(context, head);
            VectorMath.Scale(Head(values[0], head), logits[0], sum);
            for (int s = 1; s < count; s++)
            {
                VectorMath.MultiplyAdd(Head(values[s], head), logits[s], sum, sum);
            }
        }
    }

    /// <summary>The mean of the block's W + L + R values, zeros where the clip has none.</summary>
    void Average(Rows values, int step, Span<float> context)
    {
        int block = step / _chunk * _chunk;
        context.Clear();
        for (int s = Math.Max(0, block - _left); s < Math.Min(block + _chunk + _right, values.Count); s++)
        {
            VectorMath.Add(context, values[s], context);
        }

        VectorMath.Scale(context, 1f / (_chunk + _left + _right), context);
    }

    Span<float> Head(Span<float> row, int head) => row.Slice(head * _headSize, _headSize);

    /// <summary><c>softplus(per_dim_scale) / (√headSize · softplus(0))</c> for every channel.</summary>
    ReadOnlySpan<float> QueryScale()
    {
        // Not in the constructor, where weights may not be there; several threads may compute it, all the same.
        if (_queryScale is null)
        {
            float[] scale = new float[_heads * _headSize];
            double factor = 1 / (Math.Sqrt(_headSize) * Math.Log(2));
            for (int i = 0; i < scale.Length; i++)
            {
                scale[i] = (float)(factor * Softplus(_perDimScale[i % _headSize]));
            }

            _queryScale = scale;
        }

        return _queryScale;
    }

    // Above 30, ln(1 + e^s) is s to the last bit.
    static double Softplus(double s) => s > 30 ? s : Math.Log(1 + Math.Exp(s));
}
