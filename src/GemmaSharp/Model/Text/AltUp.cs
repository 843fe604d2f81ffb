using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>Alternating updates of one layer: predicts all residual streams from each other, and corrects them by what the layer computed for the active one.</summary>
/// <remarks>
/// Streams are <c>[A, T, C]</c>, stream-major. Mixing is done in float32. Source: <c>Gemma3nTextAltUp</c> of transformers.
/// Immutable after construction, safe to share between threads.
/// </remarks>
sealed class AltUp
{
    readonly int _active;
    readonly int _streams;
    readonly int _hiddenSize;
    readonly float _eps;
    readonly Linear _modalityRouter;
    readonly float[] _routerNorm;
    readonly float[] _predictionCoefs;
    readonly float[] _correctionCoefs;
    readonly LinearModule _predictionModule;
    readonly LinearModule _correctionModule;

    public AltUp(ParameterScope scope, TextConfig config)
    {
        _active = config.AltupActiveIdx;
        _streams = config.AltupNumInputs;
        _hiddenSize = config.HiddenSize;
        _eps = config.RmsNormEps;
        _modalityRouter = scope.Linear("modality_router", _hiddenSize, _streams);
        _routerNorm = scope.Vector("router_norm.weight", _hiddenSize);
        _predictionModule = scope.LinearModule("prediction_coefs", _streams, _streams * _streams);
        _correctionModule = scope.LinearModule("correction_coefs", _streams, _streams);
        _predictionCoefs = Clipped(scope.Tensor("prediction_coefs.weight", [_streams * _streams, _streams]), config.AltupCoefClip);
        _correctionCoefs = Clipped(scope.Tensor("correction_coefs.weight", [_streams, _streams]), config.AltupCoefClip);
        CorrectOutputScale = scope.Vector("correct_output_scale", _hiddenSize);
    }

    /// <summary>Weight of the corrected active stream before the per-layer input gate, <c>[C]</c>; not part of <see cref="Correct"/>.</summary>
    public float[] CorrectOutputScale { get; }

    /// <summary><c>pred_i = h_i + Σ_j c[i·A + j] · h_j</c> with <c>c = prediction_coefs · R(h_active)</c>.</summary>
    /// <param name="streams">The layer's input <c>h</c>, <c>[A, T, C]</c>.</param>
    /// <param name="workspace">Supplies the router's scratch.</param>
    /// <param name="predictions">Receives <c>[A, T, C]</c>; may not alias <paramref name="streams"/>.</param>
    public void Predict(ReadOnlySpan<float> streams, TextWorkspace workspace, Span<float> predictions)
    {
        int plane = workspace.Rows * _hiddenSize;
        ReadOnlySpan<float> modalities = Route(streams.Slice(_active * plane, plane), workspace);
        ReadOnlySpan<float> added = workspace.Adapters.Deltas(_predictionModule, modalities, workspace.Rows, workspace.Team);
        var job = new PredictJob(this, streams, modalities, added, predictions, plane);
        workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
    }

    /// <summary><c>corr_i = pred_i + k_i · (act − pred_active)</c> with <c>k = correction_coefs · R(act) + 1</c>.</summary>
    /// <param name="predictions">What <see cref="Predict"/> gave, <c>[A, T, C]</c>.</param>
    /// <param name="activated">The layer's output for the active stream, <c>[T, C]</c>.</param>
    /// <param name="workspace">Supplies the router's scratch.</param>
    /// <param name="corrected">Receives <c>[A, T, C]</c>; may not alias <paramref name="predictions"/>.</param>
    public void Correct(ReadOnlySpan<float> predictions, ReadOnlySpan<float> activated, TextWorkspace workspace, Span<float> corrected)
    {
        ReadOnlySpan<float> modalities = Route(activated, workspace);
        ReadOnlySpan<float> added = workspace.Adapters.Deltas(_correctionModule, modalities, workspace.Rows, workspace.Team);
        var job = new CorrectJob(this, predictions, activated, modalities, added, corrected, workspace.Rows * _hiddenSize);
        workspace.Team.Run(ref job, workspace.Rows, TextWorkspace.RowGrain);
    }

    /// <summary><c>R(x) = tanh(modality_router · (RMSNorm(x; router_norm) / C))</c>, <c>[T, A]</c>.</summary>
    ReadOnlySpan<float> Route(ReadOnlySpan<float> x, TextWorkspace workspace)
    {
        Span<float> normed = workspace.Normed;
        Span<float> modalities = workspace.Modalities;
        RmsNorm.Rows(x, _routerNorm, _eps, normed, workspace.Team);
        _modalityRouter.Forward(normed, workspace, modalities);
        float inverse = 1f / _hiddenSize;
        foreach (ref float m in modalities)
        {
            m = MathF.Tanh(m * inverse);
        }

        return modalities;
    }

    /// <summary>What adapters add to a coefficient, if there are any.</summary>
    static float Added(ReadOnlySpan<float> added, int index) => added.IsEmpty ? 0f : added[index];

    /// <summary>Clamping the coefficients once is what the reference does at every step.</summary>
    static float[] Clipped(float[] coefs, float? clip)
    {
        if (clip is float c)
        {
            for (int i = 0; i < coefs.Length; i++)
            {
                coefs[i] = Math.Clamp(coefs[i], -c, c);
            }
        }

        return coefs;
    }

    readonly ref struct PredictJob(AltUp altUp, ReadOnlySpan<float> streams, ReadOnlySpan<float> modalities, ReadOnlySpan<float> added, Span<float> predictions, int plane) : IParallelJob
    {
        readonly ReadOnlySpan<float> _streams = streams;
        readonly ReadOnlySpan<float> _modalities = modalities;
        readonly ReadOnlySpan<float> _added = added;
        readonly Span<float> _predictions = predictions;

        public void Run(int first, int last)
        {
            int n = altUp._streams, size = altUp._hiddenSize;
            for (int t = first; t < last; t++)
            {
                ReadOnlySpan<float> r = _modalities.Slice(t * n, n);
                for (int i = 0; i < n; i++)
                {
                    Span<float> prediction = _predictions.Slice((i * plane) + (t * size), size);
                    _streams.Slice((i * plane) + (t * size), size).CopyTo(prediction);
                    for (int j = 0; j < n; j++)
                    {
                        float c = SmallDot(altUp._predictionCoefs.AsSpan(((i * n) + j) * n, n), r) + Added(_added, (((t * n) + i) * n) + j);
                        VectorMath.MultiplyAdd(_streams.Slice((j * plane) + (t * size), size), c, prediction, prediction);
                    }
                }
            }
        }
    }

    readonly ref struct CorrectJob(AltUp altUp, ReadOnlySpan<float> predictions, ReadOnlySpan<float> activated, ReadOnlySpan<float> modalities, ReadOnlySpan<float> added, Span<float> corrected, int plane) : IParallelJob
    {
        readonly ReadOnlySpan<float> _predictions = predictions;
        readonly ReadOnlySpan<float> _activated = activated;
        readonly ReadOnlySpan<float> _modalities = modalities;
        readonly ReadOnlySpan<float> _added = added;
        readonly Span<float> _corrected = corrected;

        public void Run(int first, int last)
        {
            int n = altUp._streams, size = altUp._hiddenSize, active = altUp._active;
            for (int t = first; t < last; t++)
            {
                ReadOnlySpan<float> r = _modalities.Slice(t * n, n);

                // The innovation act − pred_active is kept in the active stream's place until that stream's own turn, which comes last.
                Span<float> innovation = _corrected.Slice((active * plane) + (t * size), size);
                VectorMath.MultiplyAdd(_predictions.Slice((active * plane) + (t * size), size), -1f, _activated.Slice(t * size, size), innovation);
                for (int step = 1; step <= n; step++)
                {
                    int i = (active + step) % n;
                    float k = SmallDot(altUp._correctionCoefs.AsSpan(i * n, n), r) + Added(_added, (t * n) + i) + 1f;
                    VectorMath.MultiplyAdd(innovation, k, _predictions.Slice((i * plane) + (t * size), size), _corrected.Slice((i * plane) + (t * size), size));
                }
            }
        }
    }

    static float SmallDot(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        float sum = 0f;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
