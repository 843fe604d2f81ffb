using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>The language model: token ids in, logits out.</summary>
/// <remarks>
/// Embeddings and per-layer inputs, AltUp entry, the decoder layers, AltUp exit, final norm, tied unembedding, soft cap. A step's rows may belong to any number
/// of sequences, and a row's result does not depend on its neighbours, on how a prompt was cut into chunks, or on the number of threads. KV-shared layers write
/// no cache, so only rows whose logits are wanted pass through them. Immutable after loading and safe to share between threads; a <see cref="TextPass"/> and
/// the caches of a step belong to one running step. Source: <c>Gemma3nTextModel</c> of transformers.
/// </remarks>
sealed class TextModel
{
    /// <summary>Rows whose logits exist at once while all are traced: a quarter of a gigabyte of the real vocabulary.</summary>
    const int TracedLogitsRows = 256;

    readonly TextConfig _config;
    readonly KvLayout _layout;
    readonly LinearModules _linears;
    readonly Embedding _embedTokens;
    readonly Linear _lmHead;
    readonly PerLayerEmbedding _perLayerEmbedding;
    readonly Linear[] _altupProjections;
    readonly Linear[] _altupUnembedProjections;
    readonly DecoderLayer[] _layers;
    readonly RmsNorm _norm;
    readonly RotaryEmbedding _localRope;
    readonly RotaryEmbedding _globalRope;

    /// <summary>Asks for the model's parameters.</summary>
    /// <param name="root">Where.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="cacheType">How caches store keys and values: F32, F16 or BF16.</param>
    public TextModel(ParameterScope root, TextConfig config, ElementType cacheType = ElementType.F32)
    {
        _linears = root.Linears;
        _config = config;
        _layout = new KvLayout(config, cacheType);
        _localRope = new RotaryEmbedding(config.RopeLocalBaseFreq, config.HeadDim);
        _globalRope = new RotaryEmbedding(config.RopeTheta, config.HeadDim);
        int hidden = config.HiddenSize;
        ParameterScope scope = root["language_model"];
        _embedTokens = scope.Embedding("embed_tokens", config.VocabSize, hidden);
        _lmHead = config.TieWordEmbeddings ? root.TiedLinear("lm_head", _embedTokens) : root.Linear("lm_head", hidden, config.VocabSize);
        _perLayerEmbedding = new PerLayerEmbedding(scope, config);
        _altupProjections = new Linear[config.AltupNumInputs - 1];
        _altupUnembedProjections = new Linear[config.AltupNumInputs - 1];
        for (int i = 0; i < _altupProjections.Length; i++)
        {
            _altupProjections[i] = scope["altup_projections"].Linear($"{i}", hidden, hidden);
            _altupUnembedProjections[i] = scope["altup_unembed_projections"].Linear($"{i}", hidden, hidden);
        }

        _layers = new DecoderLayer[config.NumHiddenLayers];
        for (int l = 0; l < _layers.Length; l++)
        {
            _layers[l] = new DecoderLayer(scope["layers"][l], config, l, _layout);
        }

        _norm = scope.RmsNorm("norm", hidden, config.RmsNormEps);
    }

    /// <summary>The configuration the model was built from.</summary>
    public TextConfig Config => _config;

    /// <summary>A new, empty sequence.</summary>
    /// <param name="maxStepRows">The most tokens of it that one step may take, which is also how far it can be rewound at least.</param>
    /// <param name="ledger">Counts its bytes together with those of other caches; null for nobody.</param>
    public KvCache NewCache(int maxStepRows, KvLedger? ledger = null) => new(_layout, maxStepRows, ledger);

    /// <summary>A pass for one running step at a time.</summary>
    public TextPass NewPass(WorkerTeam team) => new(_config, _localRope, _globalRope, team);

    /// <summary>Runs one step: extends the caches and leaves the wanted logits in <see cref="TextPass.Logits"/>.</summary>
    /// <param name="step">The batch; at least one row.</param>
    /// <param name="p">Scratch and threads.</param>
    /// <param name="trace">Receives every named intermediate, of every row where it wants them; null for none. Meant for one sequence.</param>
    /// <exception cref="ArgumentException">The step is empty, an id is outside the vocabulary, embedding rows do not fit, or adapters are another
    /// model's.</exception>
    public void Forward(TextStep step, TextPass p, ITrace? trace = null)
    {
        Prepare(step);
        try
        {
            p.Begin(step, trace);
            Streams h = Enter(step, p);
            for (int l = 0; l <= _layers.Length; l++)
            {
                h = Layer(l, h, p, trace);
            }

            if (trace is null)
            {
                Logits(h, p);
                return;
            }

            foreach (int _ in TracedLogits(h, p))
            {
            }
        }
        finally
        {
            p.End();
        }
    }

    /// <summary>The same with pauses, for a trace that others should not have to wait for.</summary>
    /// <param name="step">The batch; at least one row.</param>
    /// <param name="p">A pass of this step's own, which is left alone until the last part.</param>
    /// <param name="trace">Receives every named intermediate.</param>
    /// <returns>A number after each layer and each part of the logits.</returns>
    /// <exception cref="ArgumentException">As of <see cref="Forward"/>.</exception>
    public IEnumerable<int> ForwardInParts(TextStep step, TextPass p, ITrace trace)
    {
        Prepare(step);
        try
        {
            p.Begin(step, trace);
            Streams h = Enter(step, p);
            for (int l = 0; l <= _layers.Length; l++)
            {
                h = Layer(l, h, p, trace);
                yield return l;
            }

            foreach (int part in TracedLogits(h, p))
            {
                yield return part;
            }
        }
        finally
        {
            p.End();
        }
    }

    /// <summary>Checks a step and makes room for it: all caches grow or none, so that what is short of memory fails before any sequence has moved.</summary>
    void Prepare(TextStep step)
    {
        Check(step);
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            chunk.Cache.Reserve(chunk.Rows);
        }

        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            chunk.Cache.Extend(chunk.Rows);
        }
    }

    /// <summary>From ids to streams, with the per-layer inputs set.</summary>
    Streams Enter(TextStep step, TextPass p)
    {
        Rows x = Embed(step, p);
        p.SetPerLayerInputs(_perLayerEmbedding.Forward(x, p));
        return EnterStreams(x, p);
    }

    /// <summary>Layer <paramref name="l"/>, before the first of the KV-shared ones (or behind the last layer) with only the wanted rows from there
    /// on.</summary>
    Streams Layer(int l, Streams h, TextPass p, ITrace? trace)
    {
        if (l == _layout.FirstShared && h.RowCount > 0 && !NeedsEveryRow(trace))
        {
            h = p.KeepWanted(h);
        }

        if (l < _layers.Length && h.RowCount > 0)
        {
            _layers[l].Forward(h, p);
        }

        return h;
    }

    /// <summary>The input embedding of one id, <c>E[id] · √C</c>, before any merging.</summary>
    public void EmbedToken(int id, Span<float> destination) => _embedTokens.Read(id, MathF.Sqrt(_config.HiddenSize), destination);

    /// <summary>Refuses what cannot be computed, before any cache is touched.</summary>
    void Check(TextStep step)
    {
        if (step.Rows == 0)
        {
            throw new ArgumentException("The step has no tokens; add at least one.", nameof(step));
        }

        foreach (int id in step.Ids)
        {
            if ((uint)id >= (uint)_config.VocabSize)
            {
                throw new ArgumentException(
                    $"Token id {id} is outside the vocabulary of {_config.VocabSize}; use ids from 0 to {_config.VocabSize - 1}.", nameof(step));
            }
        }

        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            chunk.Adapters?.RequireBase(_linears);
            foreach (EmbeddingRows rows in chunk.Embeddings)
            {
                int count = rows.Values.Length / _config.HiddenSize;
                if (rows.Values.Length % _config.HiddenSize != 0 || rows.First < 0 || rows.First + count > chunk.Rows)
                {
                    throw new ArgumentException(
                        $"Embedding rows of {rows.Values.Length} values at token {rows.First} do not fit a chunk of {chunk.Rows} tokens of width "
                            + $"{_config.HiddenSize}; give whole rows inside the chunk.",
                        nameof(step));
                }
            }
        }
    }

    /// <summary>Whether the trace takes a result of which only the wanted rows would be computed.</summary>
    bool NeedsEveryRow(ITrace? trace)
    {
        if (trace is null)
        {
            return false;
        }

        bool wants = trace.Wants("lm_head") || trace.Wants("logits") || trace.Wants("language_model.norm");
        for (int i = 0; i < _altupUnembedProjections.Length && !wants; i++)
        {
            wants = trace.Wants(_altupUnembedProjections[i].Path);
        }

        for (int l = _layout.FirstShared; l < _layers.Length && !wants; l++)
        {
            wants = _layers[l].IsTraced(trace);
        }

        return wants;
    }

    /// <summary>The merged input embeddings, <c>[T, C]</c>.</summary>
    Rows Embed(TextStep step, TextPass p)
    {
        using PassProfile.Section _ = p.Measure(PassPart.Embeddings);
        Rows x = p.New(step.Rows, _config.HiddenSize);
        p.Map((this, x, p), static (s, t) => s.Item1.EmbedToken(s.p.Ids[t], s.x[t]), x.Count);
        p.Trace("language_model.embed_tokens", x);
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            foreach (EmbeddingRows rows in chunk.Embeddings)
            {
                rows.Values.Span.CopyTo(x.Slice(chunk.FirstRow + rows.First, rows.Values.Length / x.Width).Span);
            }
        }

        return x;
    }

    /// <summary><c>h_0 = x</c>, and <c>h_i = A_{i−1}(x)</c> brought to the magnitude of x.</summary>
    Streams EnterStreams(Rows x, TextPass p)
    {
        Streams h = p.NewStreams(_config.AltupNumInputs, x.Count, x.Width);
        x.Span.CopyTo(h[0].Span);
        for (int i = 0; i < _altupProjections.Length; i++)
        {
            _altupProjections[i].Forward(x, h[i + 1], p);
            p.Trace("language_model.altup_projections.", i, h[i + 1]);
            ToMagnitude(x, h[i + 1], p);
        }

        return h;
    }

    /// <summary>The norm of the mean of all streams, of which all but the first are first unprojected and brought to its magnitude; <c>[T, C]</c>.</summary>
    Rows ExitStreams(Streams h, TextPass p)
    {
        Rows sum = p.New(h.RowCount, _config.HiddenSize);
        h[0].Span.CopyTo(sum.Span);
        for (int i = 0; i < _altupUnembedProjections.Length; i++)
        {
            Rows y = _altupUnembedProjections[i].Forward(h[i + 1], p);
            p.Trace("language_model.altup_unembed_projections.", i, y);
            ToMagnitude(h[0], y, p);
            p.AddTo(sum, y);
        }

        p.ScaleInPlace(sum, 1f / h.Count);
        return p.Trace("language_model.norm", _norm.Forward(sum, p));
    }

    /// <summary><c>y ← y · √mean(reference²) / √max(mean(y²), 1e-5)</c></summary>
    static void ToMagnitude(Rows reference, Rows y, TextPass p) => p.Map((reference, y), static (s, t) =>
    {
        const float Floor = 1e-5f;
        float target = MathF.Sqrt(VectorMath.SumOfSquares(s.reference[t]) / s.y.Width);
        float own = MathF.Sqrt(MathF.Max(VectorMath.SumOfSquares(s.y[t]) / s.y.Width, Floor));
        VectorMath.Scale(s.y[t], target / own, s.y[t]);
    }, y.Count);

    /// <summary><c>logits = c · tanh((y · Eᵀ) / c)</c> of the wanted rows.</summary>
    void Logits(Streams h, TextPass p)
    {
        if (h.RowCount > 0)
        {
            Rows y = p.KeepWanted(ExitStreams(h, p));
            using PassProfile.Section _ = p.Measure(PassPart.Logits, _lmHead, y.Count);
            _lmHead.Forward(y, p.Logits, p);
            SoftCap(p.Logits, p);
        }
    }

    /// <summary>The same with a trace, which may want all rows: some at a time, since all of a long prompt's would not fit one span, nor most
    /// memories.</summary>
    IEnumerable<int> TracedLogits(Streams h, TextPass p)
    {
        if (h.RowCount == 0)
        {
            yield break;
        }

        Rows y = ExitStreams(h, p);
        if (!p.Wants("lm_head") && !p.Wants("logits"))
        {
            y = p.KeepWanted(y);
        }

        int wanted = 0;
        for (int start = 0; start < y.Count; start += TracedLogitsRows)
        {
            wanted = TraceLogits(y, start, wanted, p);
            yield return start;
        }

        if (p.Logits.Count > 0)
        {
            p.Trace("last_logits", [1, _config.VocabSize], p.Logits.Slice(p.Logits.Count - 1, 1));
        }
    }

    /// <summary>Logits of the rows from <paramref name="start"/> on; those that somebody wants are kept behind the <paramref name="wanted"/> ones
    /// before.</summary>
    int TraceLogits(Rows y, int start, int wanted, TextPass p)
    {
        using Pass.Scope _ = p.Enter("");
        Rows part = y.Slice(start, Math.Min(TracedLogitsRows, y.Count - start)), logits = p.New(part.Count, _config.VocabSize);
        _lmHead.Forward(part, logits, p, start);
        p.TracePart("lm_head", logits, start, y.Count);
        SoftCap(logits, p);
        p.TracePart("logits", logits, start, y.Count);
        for (int t = 0; t < part.Count; t++)
        {
            if (p.IsWanted(start + t))
            {
                logits[t].CopyTo(p.Logits[wanted++]);
            }
        }

        return wanted;
    }

    void SoftCap(Rows logits, TextPass p)
    {
        if (_config.FinalLogitSoftcapping is float cap)
        {
            p.ForEach((logits, cap), logits.Count, 1, static (s, first, last) =>
            {
                for (int t = first; t < last; t++)
                {
                    Numerics.Kernels.SoftCap.Apply(s.logits[t], s.cap, s.logits[t]);
                }
            });
        }
    }
}
