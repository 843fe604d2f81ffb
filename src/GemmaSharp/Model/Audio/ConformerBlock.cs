using GemmaSharp.Configuration;
using GemmaSharp.Layers;

namespace GemmaSharp.Model.Audio;

/// <summary>One conformer block: half a feed-forward step, attention, light convolution, half a feed-forward step, norm.</summary>
/// <remarks>Immutable, thread-safe. Source: transformers <c>Gemma3nAudioConformerBlock</c>.</remarks>
sealed class ConformerBlock(ParameterScope scope, AudioConfig config)
{
    readonly string _path = scope.Path;
    readonly ConformerFeedForward _ffwLayerStart = new(scope["ffw_layer_start"], config);
    readonly ConformerAttention _attention = new(scope["attention"], config);
    readonly ConformerLightConv1d _lconv1d = new(scope["lconv1d"], config);
    readonly ConformerFeedForward _ffwLayerEnd = new(scope["ffw_layer_end"], config);
    readonly RmsNorm _norm = scope.RmsNorm("norm", config.HiddenSize, config.RmsNormEps, config.GradientClipping);

    /// <summary>Whether the trace takes a result of which <see cref="Forward"/> may drop steps.</summary>
    public bool NeedsEveryStep(Pass p)
    {
        using Pass.Scope _ = p.Enter(_path);
        return p.Wants("") || p.Wants(".lconv1d") || p.Wants(".ffw_layer_end") || p.Wants(".norm");
    }

    /// <summary>Runs the block on the residual stream, in place.</summary>
    /// <param name="x"><c>[steps.Rows, D]</c></param>
    /// <param name="steps">Which steps its rows are.</param>
    /// <param name="every">Of each clip the steps 0, n, 2n … are returned; 1 for all.</param>
    /// <param name="p">The pass.</param>
    /// <returns><c>[steps.Every(n).Rows, D]</c>, the beginning of x.</returns>
    public Rows Forward(Rows x, AudioSteps steps, int every, Pass p)
    {
        using Pass.Scope _ = p.Enter(_path);
        x = p.TraceBatch(".ffw_layer_start", steps.Clips, _ffwLayerStart.Forward(x, p));
        x = p.TraceBatch(".attention", steps.Clips, _attention.Forward(x, steps, p));
        steps.ClearPadding(x);
        x = p.TraceBatch(".lconv1d", steps.Clips, _lconv1d.Forward(x, steps, every, p));
        x = p.TraceBatch(".ffw_layer_end", steps.Clips, _ffwLayerEnd.Forward(x, p));
        x = p.TraceBatch(".norm", steps.Clips, _norm.InPlace(x, p));
        return p.TraceBatch("", steps.Clips, x);
    }
}
