using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

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
/// <para>Immutable and thread-safe. Source: transformers <c>Gemma3nAudioAttention</c>.</para>
/// </remarks>
sealed class ConformerDotProductAttention
{
    readonly int _heads;
    readonly int _headSize;
    readonly int _left;
    readonly int _right;
    readonly int _chunk;
    readonly float _cap;
    readonly Linear _qProj;
    readonly Linear _kProj;
    readonly Linear _vProj;
    readonly float[] _perDimScale;
    readonly RelativePositionEmbedding _relativePositionEmbedding;
    float[]? _queryScale;

    /// <summary>Asks for the projections.</summary>
    public ConformerDotProductAttention(ParameterScope scope, AudioConfig config)
    {
        int width = config.HiddenSize;
        _heads = config.ConfNumAttentionHeads;
        _headSize = width / _heads;
        _left = Left(config);
        _right = config.ConfAttentionContextRight;
        _chunk = config.ConfAttentionChunkSize;
        _cap = config.ConfAttentionLogitCap;
        _perDimScale = scope.Vector("per_dim_scale", _headSize);
        _qProj = scope.Linear("q_proj", width, width);
        _kProj = scope.Linear("k_proj", width, width);
        _vProj = scope.Linear("v_proj", width, width);
        _relativePositionEmbedding = new(scope["relative_position_embedding"], config, _left, _right);
    }

    int Width => _qProj.OutFeatures;

    /// <summary>L: how many steps a query sees back.</summary>
    public static int Left(AudioConfig config) => Math.Max(0, config.ConfAttentionContextLeft - 1);

    /// <summary>The contexts of all steps.</summary>
    /// <param name="h"><c>[rows, D]</c>, normed.</param>
    /// <param name="steps">Which steps the rows are.</param>
    /// <param name="workspace">The wide activation takes queries, keys and values.</param>
    /// <param name="state">The stream's memory; null for whole clips.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <returns><c>[rows, D]</c>, in the workspace.</returns>
    public ReadOnlySpan<float> Forward(
        ReadOnlySpan<float> h, AudioSteps steps, AudioWorkspace workspace, ConformerState? state, WorkerTeam team)
    {
        int size = steps.Rows * Width;
        Span<float> wide = workspace.Wide(3 * size);
        Span<float> q = wide[..size];
        Span<float> k = wide.Slice(size, size);
        Span<float> v = wide[(2 * size)..];
        _qProj.Forward(h, steps.Rows, q, team, workspace.Adapters);
        _kProj.Forward(h, steps.Rows, k, team, workspace.Adapters);
        _vProj.Forward(h, steps.Rows, v, team, workspace.Adapters);

        AttendJob attend = new(this, steps, q, k, v, state, _relativePositionEmbedding.Table(team, workspace.Adapters));
        team.Run(ref attend, steps.Rows, grain: 4);
        state?.KeepKeysAndValues(k, v);
        return q;
    }

    /// <summary><c>softplus(per_dim_scale) / (√headSize · softplus(0))</c> for every channel.</summary>
    ReadOnlySpan<float> QueryScale()
    {
        if (_queryScale is null)
        {
            float[] scale = new float[Width];
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

    /// <summary>Replaces the query of each row by its context.</summary>
    readonly ref struct AttendJob : IParallelJob
    {
        readonly ConformerDotProductAttention _owner;
        readonly AudioSteps _steps;
        readonly Span<float> _q;
        readonly ReadOnlySpan<float> _k;
        readonly ReadOnlySpan<float> _v;
        readonly ReadOnlySpan<float> _pastKeys;
        readonly ReadOnlySpan<float> _pastValues;
        readonly ReadOnlySpan<float> _queryScale;
        readonly ReadOnlySpan<float> _positions;

        public AttendJob(
            ConformerDotProductAttention owner,
            AudioSteps steps,
            Span<float> q,
            ReadOnlySpan<float> k,
            ReadOnlySpan<float> v,
            ConformerState? state,
            ReadOnlySpan<float> positions)
        {
            _owner = owner;
            _steps = steps;
            _q = q;
            _k = k;
            _v = v;
            _pastKeys = state is null ? [] : state.Keys;
            _pastValues = state is null ? [] : state.Values;
            _queryScale = owner.QueryScale();
            _positions = positions;
        }

        public void Run(int first, int last)
        {
            int width = _owner.Width;
            Span<float> logits = stackalloc float[_owner._left + _owner._right + 1];
            for (int row = first; row < last; row++)
            {
                (int clip, int local) = Math.DivRem(row, _steps.Count);
                int step = _steps.Start + local;
                int begin = Math.Max(0, step - _owner._left);
                int end = Math.Min(Math.Min(step + _owner._right + 1, _steps.Start + _steps.Count), _steps.ValidSteps[clip]);
                Span<float> q = _q.Slice(row * width, width);
                if (begin < end)
                {
                    VectorMath.Multiply(q, _queryScale, q);
                    Attend(clip, step, begin, end, q, logits[..(end - begin)]);
                }
                else
                {
                    Average(clip, step, q);
                }
            }
        }

        /// <summary>Attention of one step to the keys <paramref name="begin"/> … <paramref name="end"/> − 1, head by head.</summary>
        void Attend(int clip, int step, int begin, int end, Span<float> q, Span<float> logits)
        {
            int width = _owner.Width;
            int size = _owner._headSize;
            for (int channel = 0; channel < width; channel += size)
            {
                Span<float> query = q.Slice(channel, size);
                for (int s = begin; s < end; s++)
                {
                    ReadOnlySpan<float> position = _positions.Slice((step - s + _owner._right) * width + channel, size);
                    logits[s - begin] =
                        VectorMath.Dot(query, Key(clip, s).Slice(channel, size)) + VectorMath.Dot(query, position);
                }

                SoftCap.Apply(logits, _owner._cap, logits);
                Softmax.Apply(logits);
                VectorMath.Scale(Value(clip, begin).Slice(channel, size), logits[0], query);
                for (int s = begin + 1; s < end; s++)
                {
                    VectorMath.MultiplyAdd(Value(clip, s).Slice(channel, size), logits[s - begin], query, query);
                }
            }
        }

        /// <summary>The mean of the block's W + L + R values, zeros where the clip has none.</summary>
        void Average(int clip, int step, Span<float> context)
        {
            int block = step / _owner._chunk * _owner._chunk;
            int begin = Math.Max(0, block - _owner._left);
            int end = Math.Min(block + _owner._chunk + _owner._right, _steps.Start + _steps.Count);
            context.Clear();
            for (int s = begin; s < end; s++)
            {
                VectorMath.Add(context, Value(clip, s), context);
            }

            VectorMath.Scale(context, 1f / (_owner._chunk + _owner._left + _owner._right), context);
        }

        ReadOnlySpan<float> Key(int clip, int step) => Row(_k, _pastKeys, clip, step);

        ReadOnlySpan<float> Value(int clip, int step) => Row(_v, _pastValues, clip, step);

        ReadOnlySpan<float> Row(ReadOnlySpan<float> rows, ReadOnlySpan<float> past, int clip, int step)
        {
            int width = _owner.Width;
            int local = step - _steps.Start;
            return local >= 0
                ? rows.Slice((clip * _steps.Count + local) * width, width)
                : past.Slice((_owner._left + local) * width, width);
        }
    }
}
