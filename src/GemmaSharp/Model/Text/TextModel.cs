using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>The language model: token ids in, logits out.</summary>
/// <remarks>
/// Embeddings and per-layer inputs, AltUp entry, the decoder layers, AltUp exit, final norm, tied unembedding, soft cap.
/// A step's rows may belong to any number of sequences, and a row's result does not depend on its neighbours, on how a prompt was cut into chunks, or on the number of threads.
/// KV-shared layers write no cache, so only rows whose logits are wanted pass through them. Immutable after loading and safe to share between threads;
/// a <see cref="TextWorkspace"/> and the caches of a step belong to one running step. Source: <c>Gemma3nTextModel</c> of transformers.
/// </remarks>
sealed class TextModel
{
    readonly TextConfig _config;
    readonly KvLayout _layout;
    readonly LinearModules _linears;
    readonly WeightMatrix _embedTokens;
    readonly Linear _lmHead;
    readonly PerLayerEmbedding _perLayerEmbedding;
    readonly Linear[] _altupProjections;
    readonly Linear[] _altupUnembedProjections;
    readonly DecoderLayer[] _layers;
    readonly float[] _norm;
    readonly RotaryEmbedding _localRope;
    readonly RotaryEmbedding _globalRope;

    internal TextModel(ParameterScope root, TextConfig config)
    {
        _linears = root.Linears;
        _config = config;
        _layout = new KvLayout(config);
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

        _norm = scope.Vector("norm.weight", hidden);
    }

    /// <summary>The configuration the model was built from.</summary>
    public TextConfig Config => _config;

    /// <summary>A new, empty sequence.</summary>
    /// <param name="maxStepRows">The most tokens of it that one step may take, which is also how far it can be rewound at least.</param>
    public KvCache NewCache(int maxStepRows) => new(_layout, maxStepRows);

    /// <summary>Scratch for one running step.</summary>
    public TextWorkspace NewWorkspace(WorkerTeam team) => new(_config, _localRope, _globalRope, team);

    /// <summary>Runs one step: extends the caches and leaves the wanted logits in <see cref="TextWorkspace.Logits"/>.</summary>
    /// <param name="step">The batch; at least one row.</param>
    /// <param name="workspace">Scratch and threads.</param>
    /// <param name="trace">Receives every named intermediate; null for none. Meant for one sequence with all logits wanted.</param>
    /// <exception cref="ArgumentException">The step is empty, an id is outside the vocabulary, embedding rows do not fit, or adapters are another model's.</exception>
    public void Forward(TextStep step, TextWorkspace workspace, ITrace? trace = null)
    {
        Check(step);

        // All caches or none: what is short of memory fails before any sequence has moved.
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            chunk.Cache.Reserve(chunk.Rows);
        }

        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            chunk.Cache.Extend(chunk.Rows);
        }

        workspace.Begin(step);
        Embed(step, workspace, trace);
        _perLayerEmbedding.Forward(step.Ids, Stream(workspace, 0), workspace, trace);
        EnterStreams(workspace, trace);
        for (int l = 0; l < _layers.Length; l++)
        {
            if (l == _layout.FirstShared)
            {
                workspace.KeepWanted();
                if (workspace.Rows == 0)
                {
                    break;
                }
            }

            _layers[l].Forward(workspace, trace);
        }

        if (_layout.FirstShared == _layers.Length)
        {
            workspace.KeepWanted();
        }

        if (workspace.Rows > 0)
        {
            ExitStreams(workspace, trace);
            Unembed(workspace, trace);
        }

        workspace.End();
    }

    /// <summary>The input embedding of one id, <c>E[id] · √C</c>, before any merging.</summary>
    internal void EmbedToken(int id, Span<float> destination)
    {
        _embedTokens.ReadRow(id, destination);
        VectorMath.Scale(destination, MathF.Sqrt(_config.HiddenSize), destination);
    }

    static Span<float> Stream(TextWorkspace workspace, int index)
    {
        Span<float> streams = workspace.Streams;
        int plane = workspace.Normed.Length;
        return streams.Slice(index * plane, plane);
    }

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
                throw new ArgumentException($"Token id {id} is outside the vocabulary of {_config.VocabSize}; use ids from 0 to {_config.VocabSize - 1}.", nameof(step));
            }
        }

        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            chunk.Adapters?.RequireBase(_linears);
            foreach (EmbeddingRows rows in chunk.Embeddings ?? [])
            {
                int count = rows.Values.Length / _config.HiddenSize;
                if (rows.Values.Length % _config.HiddenSize != 0 || rows.First < 0 || rows.First + count > chunk.Rows)
                {
                    throw new ArgumentException(
                        $"Embedding rows of {rows.Values.Length} values at token {rows.First} do not fit a chunk of {chunk.Rows} tokens of width {_config.HiddenSize}; give whole rows inside the chunk.", nameof(step));
                }
            }
        }
    }

    /// <summary>Stream 0 ← the merged input embeddings.</summary>
    void Embed(TextStep step, TextWorkspace workspace, ITrace? trace)
    {
        Span<float> x = Stream(workspace, 0);
        var job = new EmbedJob(this, step.Ids, x);
        workspace.Team.Run(ref job, step.Rows, TextWorkspace.RowGrain);
        trace.Capture("language_model.embed_tokens", [1, step.Rows, _config.HiddenSize], x);
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            foreach (EmbeddingRows rows in chunk.Embeddings ?? [])
            {
                rows.Values.Span.CopyTo(x[((chunk.FirstRow + rows.First) * _config.HiddenSize)..]);
            }
        }
    }

    /// <summary><c>h_i = A_{i−1}(h_0)</c> brought to the magnitude of <c>h_0</c>.</summary>
    void EnterStreams(TextWorkspace workspace, ITrace? trace)
    {
        for (int i = 0; i < _altupProjections.Length; i++)
        {
            Span<float> stream = Stream(workspace, i + 1);
            _altupProjections[i].Forward(Stream(workspace, 0), workspace, stream);
            trace.Capture("language_model.altup_projections.", i, [1, workspace.Rows, _config.HiddenSize], stream);
            var job = new MagnitudeJob(Stream(workspace, 0), stream, _config.HiddenSize);
            workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
        }
    }

    /// <summary>Stream 0 ← the mean of all streams, the others first unprojected and brought to the magnitude of stream 0; then the final norm.</summary>
    void ExitStreams(TextWorkspace workspace, ITrace? trace)
    {
        Span<float> first = Stream(workspace, 0), sum = workspace.X, y = workspace.Y;
        first.CopyTo(sum);
        for (int i = 0; i < _altupUnembedProjections.Length; i++)
        {
            _altupUnembedProjections[i].Forward(Stream(workspace, i + 1), workspace, y);
            trace.Capture("language_model.altup_unembed_projections.", i, [1, workspace.Rows, _config.HiddenSize], y);
            var job = new MagnitudeJob(first, y, _config.HiddenSize);
            workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
            Rowwise.Add(sum, y, sum, workspace);
        }

        var mean = new MeanJob(sum, 1f / _config.AltupNumInputs, _config.HiddenSize);
        workspace.Team.Run(ref mean, workspace.Rows, TextWorkspace.RowGrain);
        RmsNorm.Rows(sum, _norm, _config.RmsNormEps, first, workspace.Team);
        trace.Capture("language_model.norm", [1, workspace.Rows, _config.HiddenSize], first);
    }

    /// <summary><c>logits = c · tanh((y · Eᵀ) / c)</c></summary>
    void Unembed(TextWorkspace workspace, ITrace? trace)
    {
        Span<float> logits = workspace.LogitsBuffer;
        int rows = workspace.Rows, vocabulary = _config.VocabSize;
        _lmHead.Forward(Stream(workspace, 0), workspace, logits);
        trace.Capture("lm_head", [1, rows, vocabulary], logits);
        if (_config.FinalLogitSoftcapping is float cap)
        {
            var job = new SoftCapJob(logits, cap, vocabulary);
            workspace.Team.Run(ref job, rows, 1);
        }

        trace.Capture("logits", [1, rows, vocabulary], logits);
        trace.Capture("last_logits", [1, vocabulary], logits[^vocabulary..]);
    }

    readonly ref struct EmbedJob(TextModel model, ReadOnlySpan<int> ids, Span<float> x) : IParallelJob
    {
        readonly ReadOnlySpan<int> _ids = ids;
        readonly Span<float> _x = x;

        public void Run(int first, int last)
        {
            int hidden = model._config.HiddenSize;
            for (int t = first; t < last; t++)
            {
                model.EmbedToken(_ids[t], _x.Slice(t * hidden, hidden));
            }
        }
    }

    /// <summary><c>y ← y · √mean(reference²) / √max(mean(y²), 1e-5)</c></summary>
    readonly ref struct MagnitudeJob(ReadOnlySpan<float> reference, Span<float> y, int width) : IParallelJob
    {
        readonly ReadOnlySpan<float> _reference = reference;
        readonly Span<float> _y = y;

        public void Run(int first, int last)
        {
            const float Floor = 1e-5f;
            for (int t = first; t < last; t++)
            {
                Span<float> row = _y.Slice(t * width, width);
                float target = MathF.Sqrt(VectorMath.SumOfSquares(_reference.Slice(t * width, width)) / width);
                float own = MathF.Sqrt(MathF.Max(VectorMath.SumOfSquares(row) / width, Floor));
                VectorMath.Scale(row, target / own, row);
            }
        }
    }

    readonly ref struct MeanJob(Span<float> sum, float inverse, int width) : IParallelJob
    {
        readonly Span<float> _sum = sum;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Span<float> row = _sum.Slice(t * width, width);
                VectorMath.Scale(row, inverse, row);
            }
        }
    }

    readonly ref struct SoftCapJob(Span<float> logits, float cap, int width) : IParallelJob
    {
        readonly Span<float> _logits = logits;

        public void Run(int first, int last)
        {
            for (int t = first; t < last; t++)
            {
                Span<float> row = _logits.Slice(t * width, width);
                SoftCap.Apply(row, cap, row);
            }
        }
    }
}
