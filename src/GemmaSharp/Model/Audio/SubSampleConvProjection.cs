using GemmaSharp.Configuration;
using GemmaSharp.Layers;

namespace GemmaSharp.Model.Audio;

/// <summary>Two strided convolutions and a projection: four mel frames become one conformer step.</summary>
/// <remarks>
/// A clip passes through in short pieces, each through both convolutions, so that the first one's wide output stays small.
/// Immutable, thread-safe. Source: transformers <c>Gemma3nAudioSubSampleConvProjection</c>.
/// </remarks>
sealed class SubSampleConvProjection
{
    // 64 mel frames of the published tower.
    const int PieceSteps = 16;

    readonly string _path;
    readonly int _bands;
    readonly SubSampleConvBlock _conv0;
    readonly SubSampleConvBlock _conv1;
    readonly Linear _inputProjLinear;

    /// <summary>Asks for the parameters.</summary>
    /// <exception cref="ConfigurationException">The configuration describes other than two convolutions, or kernels wider than their input.</exception>
    public SubSampleConvProjection(ParameterScope scope, AudioConfig config)
    {
        Check(config);
        _path = scope.Path;
        _bands = config.InputFeatSize;
        _conv0 = Conv(scope["conv_0"], config, 0, _bands, 1);
        _conv1 = Conv(scope["conv_1"], config, 1, _conv0.OutFrequencies, config.SscpConvChannelSize[0]);
        _inputProjLinear = scope.Linear("input_proj_linear", _conv1.OutLength, config.HiddenSize);
        TimeStride = _conv0.TimeStride * _conv1.TimeStride;
    }

    /// <summary>Mel frames per step.</summary>
    public int TimeStride { get; }

    /// <summary>Values of a step before the projection.</summary>
    public int FlatLength => _conv1.OutLength;

    /// <summary>Steps of a clip.</summary>
    public int Steps(int frames) => _conv1.OutRows(_conv0.OutRows(frames));

    /// <summary>The steps of clips of the same length.</summary>
    /// <param name="mel"><c>[steps.Clips, frames, bands]</c></param>
    /// <param name="frames">Mel frames of each clip.</param>
    /// <param name="steps">Which steps the rows of x are.</param>
    /// <param name="x">Receives <c>[steps.Rows, D]</c>.</param>
    /// <param name="p">The pass.</param>
    public void Forward(float[] mel, int frames, AudioSteps steps, Rows x, Pass p)
    {
        using Pass.Scope _ = p.Enter(_path);
        Rows flat = p.New(steps.Rows, FlatLength);
        for (int clip = 0; clip < steps.Clips; clip++)
        {
            Convolve(mel.AsSpan(clip * frames * _bands, frames * _bands), flat.Slice(clip * steps.Count, steps.Count), steps.Clips, clip, p);
        }

        _inputProjLinear.Forward(flat, x, p);
        p.TraceBatch("", steps.Clips, x);
    }

    /// <summary>Both convolutions over one of the clips, a piece of steps after the other.</summary>
    void Convolve(ReadOnlySpan<float> mel, Rows flat, int clips, int clip, Pass p)
    {
        using Pass.Scope _ = p.Enter();
        Rows input = p.New(mel.Length / _bands, _bands);
        mel.CopyTo(input.Span);
        ConvolutionProgress progress0 = new(clips, clip, _conv0.OutRows(input.Count)), progress1 = new(clips, clip, flat.Count);

        // The first convolution's rows that the second still needs, from row "first" of the clip on.
        Rows held = p.New(Math.Min(progress0.Rows, _conv1.InRows(PieceSteps)), _conv0.OutLength);
        while (progress1.Done < flat.Count)
        {
            int first = progress1.Done * _conv1.TimeStride, count = Math.Min(PieceSteps, flat.Count - progress1.Done);
            int end = Math.Min(progress0.Rows, first + _conv1.InRows(count));
            if (progress0.Done < end)
            {
                Rows made = held.Slice(progress0.Done - first, end - progress0.Done);
                _conv0.Forward(input, progress0.Done * _conv0.TimeStride, made, progress0, p);
            }

            _conv1.Forward(held.Slice(0, end - first), 0, flat.Slice(progress1.Done, count), progress1, p);
            int left = Math.Max(0, end - progress1.Done * _conv1.TimeStride);
            held.Slice(end - first - left, left).Span.CopyTo(held.Span);
        }
    }

    static SubSampleConvBlock Conv(ParameterScope scope, AudioConfig config, int i, int frequencies, int channels) => new(
        scope,
        frequencies,
        channels,
        config.SscpConvChannelSize[i],
        config.SscpConvKernelSize[i],
        config.SscpConvStrideSize[i],
        config.SscpConvGroupNormEps);

    static void Check(AudioConfig config)
    {
        CheckCount("sscp_conv_channel_size", config.SscpConvChannelSize.Count);
        CheckCount("sscp_conv_kernel_size", config.SscpConvKernelSize.Count);
        CheckCount("sscp_conv_stride_size", config.SscpConvStrideSize.Count);
        int frequencies = config.InputFeatSize;
        for (int i = 0; i < 2; i++)
        {
            frequencies = SubSampleConvBlock.OutFrequenciesOf(frequencies, config.SscpConvKernelSize[i], config.SscpConvStrideSize[i]);
            if (frequencies < 1)
            {
                throw new ConfigurationException(
                    "config.json",
                    $"$.audio_config.sscp_conv_kernel_size[{i}][1]",
                    $"is {config.SscpConvKernelSize[i][1]}, wider than what it runs over; input_feat_size {config.InputFeatSize} needs narrower kernels.");
            }
        }
    }

    static void CheckCount(string key, int count)
    {
        if (count != 2)
        {
            throw new ConfigurationException(
                "config.json", $"$.audio_config.{key}", $"has {count} entries; the sub-sampling has two convolutions and needs 2.");
        }
    }
}
