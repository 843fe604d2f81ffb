using GemmaSharp.Layers;

namespace GemmaSharp.Model.Vision;

/// <summary>
/// Fuses features of several resolutions into a fixed grid:
/// <c>norm(resize(norm(pw_proj · gelu(norm(pw_exp · concat(features))))))</c> at the first feature's resolution.
/// </summary>
/// <remarks>Source: <c>MobileNetV5MultiScaleFusionAdapter</c> of timm. Immutable, thread-safe.</remarks>
sealed class MultiScaleFusionAdapter
{
    readonly int _inChannels;
    readonly int _resolution;
    readonly Convolution _pwExp;
    readonly RmsNorm _pwExpBn;
    readonly Convolution _pwProj;
    readonly RmsNorm _pwProjBn;
    readonly RmsNorm _norm;

    public MultiScaleFusionAdapter(ParameterScope scope, int inChannels, int outChannels, int resolution)
    {
        (_inChannels, _resolution) = (inChannels, resolution);
        int midChannels = VisionNetwork.MakeDivisible(2.0 * inChannels);
        ParameterScope ffn = scope["ffn"];
        _pwExp = new Convolution(ffn["pw_exp"], "conv", inChannels, midChannels);
        _pwExpBn = ffn["pw_exp"].Norm("bn", midChannels);
        _pwProj = new Convolution(ffn["pw_proj"], "conv", midChannels, outChannels);
        _pwProjBn = ffn["pw_proj"].Norm("bn", outChannels);
        _norm = scope.Norm("norm", outChannels);
    }

    /// <summary>Fuses features.</summary>
    /// <param name="features">The features, the first of them the largest.</param>
    /// <param name="p">The pass.</param>
    /// <returns>The grid, <c>[r, r, C]</c>.</returns>
    public FeatureMap Forward(FeatureMap[] features, Pass p)
    {
        FeatureMap first = features[0];
        var fused = new FeatureMap(p.New(first.All.Count, _norm.Width), first.Height, first.Width);
        p.Bands((adapter: this, features, fused), fused.All, _inChannels + _pwExpBn.Width, static (b, band, s) => b.adapter.Fuse(b.features, b.fused, band, s));
        var y = new FeatureMap(p.New(_resolution * _resolution, _norm.Width), _resolution, _resolution);
        p.Bands((adapter: this, fused, y), y.All, 0, static (b, band, _) => b.adapter._norm.Apply(FeatureResize.Apply(b.fused, b.y, band)));
        return y;
    }

    /// <summary>Concatenation and feed-forward, at the first feature's resolution.</summary>
    void Fuse(FeatureMap[] features, FeatureMap y, PixelRange band, Scratch s)
    {
        Rows joined = s.New(band.Count, _inChannels);
        int channel = 0;
        foreach (FeatureMap feature in features)
        {
            FeatureResize.Nearest(feature, y, band, joined, channel);
            channel += feature.Channels;
        }

        Rows mid = _pwExpBn.Gelu(_pwExp.Forward(joined, s));
        _pwProjBn.Apply(_pwProj.Forward(mid, y[band]));
    }
}
