using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>
/// Universal inverted residual block: <c>γ ⊙ norm(pw_proj · gelu(norm(dw_mid(gelu(norm(pw_exp · norm(dw_start(x)))))))) [+ x]</c>,
/// either depthwise convolution being optional, with its norm and gelu.
/// </summary>
/// <remarks>
/// The middle map, up to six times the input, is never whole in memory: without <c>dw_mid</c> it lives a band of pixels
/// long, with it a few lines. Source: <c>UniversalInvertedResidual</c> of timm. Immutable, thread-safe.
/// </remarks>
sealed class UniversalInvertedResidual : IVisionBlock
{
    /// <summary>Middle elements held at once where <c>dw_mid</c> needs neighbours: 12 MB.</summary>
    const long MidElements = 3 << 20;

    readonly int _inChannels;
    readonly int _midChannels;
    readonly bool _skip;
    readonly DepthwiseConvolution? _dwStart;
    readonly RmsNorm? _dwStartBn;
    readonly Convolution _pwExp;
    readonly RmsNorm _pwExpBn;
    readonly DepthwiseConvolution? _dwMid;
    readonly RmsNorm? _dwMidBn;
    readonly Convolution _pwProj;
    readonly RmsNorm _pwProjBn;
    readonly float[] _gamma;

    public UniversalInvertedResidual(ParameterScope scope, VisionBlockShape shape)
    {
        (_inChannels, _midChannels, _skip) = (shape.InChannels, shape.MidChannels, shape.Skip);
        (int start, int mid) = (shape.Args.DwKernelSizeStart, shape.Args.DwKernelSizeMid);
        if (start > 0)
        {
            _dwStart = new DepthwiseConvolution(scope["dw_start"], "conv", _inChannels, start, mid > 0 ? 1 : shape.Stride);
            _dwStartBn = scope["dw_start"].Norm("bn", _inChannels);
        }

        _pwExp = new Convolution(scope["pw_exp"], "conv", _inChannels, _midChannels);
        _pwExpBn = scope["pw_exp"].Norm("bn", _midChannels);
        if (mid > 0)
        {
            _dwMid = new DepthwiseConvolution(scope["dw_mid"], "conv", _midChannels, mid, shape.Stride);
            _dwMidBn = scope["dw_mid"].Norm("bn", _midChannels);
        }

        _pwProj = new Convolution(scope["pw_proj"], "conv", _midChannels, shape.OutChannels);
        _pwProjBn = scope["pw_proj"].Norm("bn", shape.OutChannels);
        _gamma = shape.LayerScale ? scope.Vector("layer_scale.gamma", shape.OutChannels) : [];
    }

    public void Forward(FeatureMap x, FeatureMap y, Pass p)
    {
        if (_dwMid is not null)
        {
            Forward(_dwMid, x, y, p);
            return;
        }

        p.Bands((block: this, x, y), y.All, _inChannels + _midChannels, static (b, band, s) =>
        {
            Rows mid = s.New(band.Count, b.block._midChannels);
            b.block.Expand(b.x, mid, band, s);
            b.block.Project(mid, b.x, b.y, band);
        });
    }

    /// <summary>A few output lines at a time, for which the middle lines are there; those that the next ones need again move to the front.</summary>
    void Forward(DepthwiseConvolution dwMid, FeatureMap x, FeatureMap y, Pass p)
    {
        ConvolutionWindow window = dwMid.Window(x);
        (int lines, int midLines) = LinesAtOnce(window);
        var mid = new FeatureMap(p.New(midLines * x.Width, _midChannels), x.Height, x.Width);
        int done = 0;
        for (int line = 0; line < y.Height; line += lines)
        {
            int end = Math.Min(line + lines, y.Height);
            (int midFirst, int midEnd) = window.InputRows(line, end);
            mid = mid.MoveTo(midFirst, done);
            p.Bands((block: this, x, mid), mid.Lines(Math.Max(midFirst, done), midEnd), _inChannels, static (b, band, s) =>
                b.block.Expand(b.x, b.mid[band], band, s));
            p.Bands((block: this, dwMid, x, mid, y), y.Lines(line, end), _midChannels, static (b, band, s) =>
                b.block.Project(b.block._dwMidBn!.Gelu(b.dwMid.Forward(b.mid, band, s)), b.x, b.y, band));
            done = midEnd;
        }
    }

    /// <summary><c>mid = gelu(norm(pw_exp · norm(dw_start(x))))</c></summary>
    void Expand(FeatureMap x, Rows mid, PixelRange band, Scratch s)
    {
        Rows start = _dwStart is null ? x[band] : _dwStartBn!.Apply(_dwStart.Forward(x, band, s));
        _pwExpBn.Gelu(_pwExp.Forward(start, mid));
    }

    /// <summary><c>y = γ ⊙ norm(pw_proj · mid) [+ x]</c></summary>
    void Project(Rows mid, FeatureMap x, FeatureMap y, PixelRange band) =>
        _pwProjBn.Residual(_pwProj.Forward(mid, y[band]), _gamma, _skip ? x[band] : null);

    /// <summary>Output lines computed together, and the most middle lines they read.</summary>
    (int Lines, int MidLines) LinesAtOnce(ConvolutionWindow window)
    {
        long held = Math.Max(window.Kernel, MidElements / ((long)window.Width * _midChannels));
        int lines = (int)Math.Min(window.OutputHeight, ((held - window.Kernel) / window.Stride) + 1);
        return (lines, Math.Min(window.Height, ((lines - 1) * window.Stride) + window.Kernel));
    }
}
