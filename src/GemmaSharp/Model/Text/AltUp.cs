using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Text;

/// <summary>Alternating updates of one layer: predicts all residual streams from each other, and corrects them by what the layer computed for the active
/// one.</summary>
/// <remarks>
/// Streams are <c>[A, T, C]</c>. Mixing is done in float32. Source: <c>Gemma3nTextAltUp</c> of transformers. Immutable, thread-safe.
/// </remarks>
sealed class AltUp(ParameterScope scope, TextConfig c)
{
    readonly Linear _modalityRouter = scope.Linear("modality_router", c.HiddenSize, c.AltupNumInputs);
    readonly RmsNorm _routerNorm = scope.RmsNorm("router_norm", c.HiddenSize, c.RmsNormEps);
    readonly Coefficients _predictionCoefs = new(scope, "prediction_coefs", c.AltupNumInputs, c.AltupNumInputs * c.AltupNumInputs, c.AltupCoefClip);
    readonly Coefficients _correctionCoefs = new(scope, "correction_coefs", c.AltupNumInputs, c.AltupNumInputs, c.AltupCoefClip);
    readonly float[] _correctOutputScale = scope.Vector("correct_output_scale", c.HiddenSize);

    /// <summary>Number of the active stream, on which the layer computes.</summary>
    public int Active { get; } = c.AltupActiveIdx;

    /// <summary><c>pred_i = h_i + Σ_j c[i·A + j] · h_j</c> with <c>c = prediction_coefs · R(h_active)</c>.</summary>
    /// <param name="h">The layer's input, <c>[A, T, C]</c>.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[A, T, C]</c></returns>
    public Streams Predict(Streams h, Pass p)
    {
        using PassProfile.Section _ = p.Measure(PassPart.AltUp);
        Streams predictions = p.NewStreams(h.Count, h.RowCount, c.HiddenSize);
        Rows coefs = _predictionCoefs.Forward(Route(h[Active], p), p);
        p.Map((h, coefs, predictions), static (s, t) =>
        {
            int n = s.h.Count;
            ReadOnlySpan<float> coefs = s.coefs[t];
            for (int i = 0; i < n; i++)
            {
                Span<float> prediction = s.predictions[i][t];
                s.h[i][t].CopyTo(prediction);
                for (int j = 0; j < n; j++)
                {
                    VectorMath.MultiplyAdd(s.h[j][t], coefs[i * n + j], prediction, prediction);
                }
            }
        }, h.RowCount);
        return predictions;
    }

    /// <summary><c>h_i = pred_i + k_i · (activated − pred_active)</c> with <c>k = correction_coefs · R(activated) + 1</c>.</summary>
    /// <param name="predictions">What <see cref="Predict"/> gave, <c>[A, T, C]</c>.</param>
    /// <param name="activated">The layer's output for the active stream, <c>[T, C]</c>.</param>
    /// <param name="h">Receives <c>[A, T, C]</c>; may not be <paramref name="predictions"/>.</param>
    /// <param name="p">The pass.</param>
    public void Correct(Streams predictions, Rows activated, Streams h, Pass p)
    {
        using PassProfile.Section _ = p.Measure(PassPart.AltUp);
        Rows innovation = p.New(activated.Count, activated.Width);
        Rows coefs = _correctionCoefs.Forward(Route(activated, p), p);
        p.Map((predictions, active: predictions[Active], activated, coefs, innovation, h), static (s, t) =>
        {
            Span<float> innovation = s.innovation[t];
            ReadOnlySpan<float> coefs = s.coefs[t];
            VectorMath.MultiplyAdd(s.active[t], -1f, s.activated[t], innovation);
            for (int i = 0; i < s.h.Count; i++)
            {
                VectorMath.MultiplyAdd(innovation, coefs[i] + 1f, s.predictions[i][t], s.h[i][t]);
            }
        }, activated.Count);
    }

    /// <summary>The corrected active stream <c>x ⊙ correct_output_scale</c>, as the per-layer input's gate sees it; x itself where the configuration says
    /// so.</summary>
    public Rows ScaleCorrectedOutput(Rows x, Pass p) => c.AltupCorrectScale ? p.Multiply(x, _correctOutputScale) : x;

    /// <summary><c>R(x) = tanh(modality_router · (RMSNorm(x; router_norm) / C))</c>, <c>[T, A]</c>.</summary>
    Rows Route(Rows x, Pass p)
    {
        Rows modalities = _modalityRouter.Forward(_routerNorm.Forward(x, p), p);
        float inverse = 1f / c.HiddenSize;
        foreach (ref float m in modalities.Span)
        {
            m = MathF.Tanh(m * inverse);
        }

        return modalities;
    }

    /// <summary>A linear layer of a few inputs whose weights are clipped, which the reference does at every step and we once.</summary>
    sealed class Coefficients(ParameterScope scope, string name, int inFeatures, int outFeatures, float? clip)
    {
        readonly float[] _weight = Clipped(scope.Tensor($"{name}.weight", [outFeatures, inFeatures]), clip);
        readonly LinearModule _module = scope.LinearModule(name, inFeatures, outFeatures);

        /// <summary><c>W · x</c> and what adapters add, <c>[T, out]</c>.</summary>
        public Rows Forward(Rows x, Pass p)
        {
            Rows y = p.New(x.Count, outFeatures);
            ReadOnlySpan<float> deltas = p.Adapters.Deltas(_module, x.Span, x.Count, p.Team);
            for (int t = 0; t < x.Count; t++)
            {
                ReadOnlySpan<float> inputs = x[t];
                Span<float> outputs = y[t];
                for (int o = 0; o < outFeatures; o++)
                {
                    float sum = 0f;
                    for (int i = 0; i < inFeatures; i++)
                    {
                        sum += _weight[o * inFeatures + i] * inputs[i];
                    }

                    outputs[o] = sum + (deltas.IsEmpty ? 0f : deltas[t * outFeatures + o]);
                }
            }

            return y;
        }

        static float[] Clipped(float[] weight, float? clip)
        {
            if (clip is float c)
            {
                for (int i = 0; i < weight.Length; i++)
                {
                    weight[i] = Math.Clamp(weight[i], -c, c);
                }
            }

            return weight;
        }
    }
}
