using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary>Two strided convolutions and a projection: four mel frames become one conformer step.</summary>
/// <remarks>
/// A clip passes through in short pieces, each through both convolutions, so that the first one's wide output stays small.
/// Immutable and thread-safe. Source: transformers <c>Gemma3nAudioSubSampleConvProjection</c>.
/// </remarks>
sealed class SubSampleConvProjection
{
    /// <summary>Mel frames of a piece.</summary>
    public const int PieceFrames = 64;

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
        _conv1 = Conv(scope["conv_1"], config, 1, _conv0.OutFrequencies, _conv0.OutChannels);
        _inputProjLinear = scope.Linear("input_proj_linear", _conv1.OutLength, config.HiddenSize);
        TimeStride = config.SscpConvStrideSize[0][0] * config.SscpConvStrideSize[1][0];
    }

    /// <summary>Mel frames per step.</summary>
    public int TimeStride { get; }

    /// <summary>Values of a step before the projection.</summary>
    public int FlatLength => _conv1.OutLength;

    /// <summary>Steps of a clip.</summary>
    public int Steps(int frames) => _conv1.OutRows(_conv0.OutRows(frames));

    /// <summary>The most steps that become final by <paramref name="frames"/> more mel frames and the clip's end.</summary>
    public int MostNewSteps(int frames) => Steps(frames) + _conv0.Lookahead + _conv1.Lookahead + 2;

    /// <summary>The memory of one clip after another.</summary>
    /// <param name="clips">How many there will be, and</param>
    /// <param name="frames">mel frames of each, if a trace wants the norms' outputs.</param>
    /// <param name="trace">May want the norms' outputs; or null.</param>
    public SubSampleState NewState(int clips, int frames, ITrace? trace)
    {
        return new(
            _conv0.NewState(PieceFrames, NormTrace(".conv_0.norm", _conv0, clips * _conv0.OutRows(frames))),
            _conv1.NewState(_conv0.MostNewRows(PieceFrames), NormTrace(".conv_1.norm", _conv1, clips * Steps(frames))));

        float[]? NormTrace(string part, SubSampleConvBlock conv, int rows) =>
            trace is not null && trace.Wants(_path + part) ? new float[rows * conv.OutLength] : null;
    }

    /// <summary>Takes in mel frames and writes what becomes final, before the projection.</summary>
    /// <param name="mel"><c>[frames, bands]</c></param>
    /// <param name="last">Whether the clip ends here.</param>
    /// <param name="state">The clip's memory.</param>
    /// <param name="flat"><c>[steps, FlatLength]</c>, at most <see cref="MostNewSteps"/> of them.</param>
    /// <param name="team">The threads that share the work.</param>
    /// <returns>Number of steps written.</returns>
    public int Subsample(ReadOnlySpan<float> mel, bool last, SubSampleState state, Span<float> flat, WorkerTeam team)
    {
        int steps = 0;
        for (; !mel.IsEmpty; mel = mel[Math.Min(mel.Length, PieceFrames * _bands)..])
        {
            AddRows(mel[..Math.Min(mel.Length, PieceFrames * _bands)], _bands, state.Conv0);
            steps += Convolve(state, flat[(steps * FlatLength)..], team);
        }

        if (last)
        {
            AddZeros(_conv0.Lookahead, state.Conv0);
            steps += Convolve(state, flat[(steps * FlatLength)..], team);
            AddZeros(_conv1.Lookahead, state.Conv1);
            steps += Emit(_conv1.Forward(state.Conv1, team), flat[(steps * FlatLength)..]);
        }

        return steps;
    }

    /// <summary><c>input_proj_linear · flat</c></summary>
    /// <param name="flat"><c>[steps, FlatLength]</c></param>
    /// <param name="steps">Number of steps.</param>
    /// <param name="x"><c>[steps, D]</c></param>
    /// <param name="team">The threads that share the work.</param>
    /// <param name="adapters">What is added to the projection.</param>
    public void Project(ReadOnlySpan<float> flat, int steps, Span<float> x, WorkerTeam team, AdapterRows adapters) =>
        _inputProjLinear.Forward(flat, steps, x, team, adapters);

    /// <summary>Hands the norms' outputs and the projection to a trace.</summary>
    /// <param name="trace">Receives them.</param>
    /// <param name="clips">Clips that went through.</param>
    /// <param name="state">Their memory.</param>
    /// <param name="x"><c>[clips, steps, D]</c></param>
    public void Record(ITrace trace, int clips, SubSampleState state, ReadOnlySpan<float> x)
    {
        RecordNorm(".conv_0.norm", _conv0, state.Conv0);
        RecordNorm(".conv_1.norm", _conv1, state.Conv1);
        if (trace.Wants(_path))
        {
            int width = _inputProjLinear.OutFeatures;
            trace.Record(_path, [clips, x.Length / (clips * width), width], 0, x);
        }

        void RecordNorm(string part, SubSampleConvBlock conv, SubSampleConvState convState)
        {
            if (convState.NormTrace is { } values)
            {
                trace.Record(
                    _path + part, [clips, values.Length / (clips * conv.OutLength), conv.OutFrequencies, conv.OutChannels], 0, values);
            }
        }
    }

    int Convolve(SubSampleState state, Span<float> flat, WorkerTeam team)
    {
        AddRows(_conv0.Forward(state.Conv0, team), _conv0.OutLength, state.Conv1);
        return Emit(_conv1.Forward(state.Conv1, team), flat);
    }

    int Emit(ReadOnlySpan<float> rows, Span<float> flat)
    {
        rows.CopyTo(flat);
        return rows.Length / FlatLength;
    }

    static void AddRows(ReadOnlySpan<float> rows, int length, SubSampleConvState state)
    {
        int count = rows.Length / length;
        for (int i = 0; i < count; i++)
        {
            rows.Slice(i * length, length).CopyTo(state.Incoming(i));
        }

        state.Add(count);
    }

    static void AddZeros(int count, SubSampleConvState state)
    {
        for (int i = 0; i < count; i++)
        {
            state.Incoming(i).Clear();
        }

        state.Add(count);
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
