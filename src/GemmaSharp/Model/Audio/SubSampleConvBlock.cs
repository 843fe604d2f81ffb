using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Audio;

/// <summary><c>relu(norm(conv(x)))</c>: a strided convolution over time and frequency that looks ahead in time, never back.</summary>
/// <remarks>
/// <para>
/// Frequency is padded by one zero on either side; time by kernel − 1 zeros at the end. Output row t reads the input rows from
/// <c>stride · t</c> on, so it is final as soon as those are there.
/// </para>
/// <para>Immutable and thread-safe. Source: transformers <c>Gemma3nAudioSSCPConvBlock</c>.</para>
/// </remarks>
sealed class SubSampleConvBlock
{
    const int Border = 1;

    readonly int _channels;
    readonly int _rowLength;
    readonly int _kernelTime;
    readonly int _kernelFrequency;
    readonly int _strideTime;
    readonly int _strideFrequency;
    readonly WeightMatrix _conv;
    readonly CumulativeGroupNorm _norm;
    float[]? _taps;

    /// <summary>Asks for kernels and norm weight.</summary>
    /// <param name="scope">The module's place.</param>
    /// <param name="frequencies">Frequencies of an input row.</param>
    /// <param name="channels">Channels of an input row.</param>
    /// <param name="outChannels">Channels of an output row.</param>
    /// <param name="kernel"><c>[time, frequency]</c></param>
    /// <param name="stride"><c>[time, frequency]</c></param>
    /// <param name="eps">ε of the norm.</param>
    public SubSampleConvBlock(
        ParameterScope scope, int frequencies, int channels, int outChannels, IReadOnlyList<int> kernel, IReadOnlyList<int> stride, float eps)
    {
        _channels = channels;
        _rowLength = (frequencies + 2 * Border) * channels;
        (_kernelTime, _kernelFrequency) = (kernel[0], kernel[1]);
        (_strideTime, _strideFrequency) = (stride[0], stride[1]);
        OutFrequencies = OutFrequenciesOf(frequencies, kernel, stride);
        OutChannels = outChannels;
        _conv = scope.Convolution("conv", outChannels, channels, _kernelTime, _kernelFrequency);
        _norm = new(scope.Vector("norm.weight", outChannels), OutFrequencies, outChannels, eps);
    }

    /// <summary>Frequencies of an output row.</summary>
    public int OutFrequencies { get; }

    /// <summary>Channels of an output row.</summary>
    public int OutChannels { get; }

    /// <summary>Values of an output row, <c>[OutFrequencies, OutChannels]</c>.</summary>
    public int OutLength => OutFrequencies * OutChannels;

    /// <summary>Rows of zeros that end a clip.</summary>
    public int Lookahead => _kernelTime - 1;

    // With one input channel a patch is a handful of numbers, too short for a dot product's lanes:
    // there the lanes run over the output channels.
    bool IsDirect => _channels == 1;

    int PatchLength => _conv.Columns;

    /// <summary>Frequencies of an output row; below 1 when the kernel is wider than the padded input.</summary>
    public static int OutFrequenciesOf(int frequencies, IReadOnlyList<int> kernel, IReadOnlyList<int> stride) =>
        frequencies + 2 * Border < kernel[1] ? 0 : (frequencies + 2 * Border - kernel[1]) / stride[1] + 1;

    /// <summary>Output rows of a clip.</summary>
    public int OutRows(int rows) => (rows + _strideTime - 1) / _strideTime;

    /// <summary>The most output rows that become final by <paramref name="rows"/> new input rows.</summary>
    public int MostNewRows(int rows) => (Math.Max(rows, Lookahead) - 1) / _strideTime + 1;

    /// <summary>The memory of a clip.</summary>
    /// <param name="rows">The most input rows added at once.</param>
    /// <param name="trace">Receives the norm's output, or null.</param>
    public SubSampleConvState NewState(int rows, float[]? trace)
    {
        long output = MostNewRows(rows) * (long)OutLength;
        return new(
            Math.Max(rows, Lookahead) + Lookahead,
            _rowLength,
            Border * _channels,
            output,
            IsDirect ? 0 : output / OutChannels * PatchLength)
        {
            NormTrace = trace,
        };
    }

    /// <summary>The output rows that the rows held make final; those no longer needed are dropped.</summary>
    /// <param name="state">The clip's memory.</param>
    /// <param name="team">The threads that share the rows.</param>
    /// <returns><c>[rows, OutLength]</c>, in the state.</returns>
    public ReadOnlySpan<float> Forward(SubSampleConvState state, WorkerTeam team)
    {
        int rows = state.Count < _kernelTime ? 0 : (state.Count - _kernelTime) / _strideTime + 1;
        Span<float> z = state.Output(rows * OutLength);
        if (IsDirect)
        {
            DirectJob direct = new(this, state.Rows, z);
            team.Run(ref direct, rows);
        }
        else
        {
            Span<float> patches = state.Patches(rows * OutFrequencies * PatchLength);
            PatchesJob gather = new(this, state.Rows, patches);
            team.Run(ref gather, rows);
            _conv.Multiply(patches, rows * OutFrequencies, z, team);
        }

        state.Drop(rows * _strideTime);
        _norm.Forward(z, state, team);
        if (state.NormTrace is not null)
        {
            z.CopyTo(state.NormTrace.AsSpan(state.NormTraced));
            state.NormTraced += z.Length;
        }

        ReluJob relu = new(z, OutLength);
        team.Run(ref relu, rows);
        return z;
    }

    /// <summary>The kernels as <c>[PatchLength, OutChannels]</c>.</summary>
    float[] Taps()
    {
        if (_taps is null)
        {
            float[] taps = new float[PatchLength * OutChannels];
            float[] row = new float[PatchLength];
            for (int channel = 0; channel < OutChannels; channel++)
            {
                _conv.ReadRow(channel, row);
                for (int i = 0; i < row.Length; i++)
                {
                    taps[i * OutChannels + channel] = row[i];
                }
            }

            _taps = taps;
        }

        return _taps;
    }

    /// <summary>A kernel's row of input: <c>[kernel frequencies, channels]</c>.</summary>
    ReadOnlySpan<float> PatchRow(ReadOnlySpan<float> rows, int step, int frequency, int kernelRow) => rows.Slice(
        (step * _strideTime + kernelRow) * _rowLength + frequency * _strideFrequency * _channels, _kernelFrequency * _channels);

    /// <summary><c>z[t, f] = Σ_i patch[t, f, i] · tap[i]</c>, a row of channels at a time.</summary>
    readonly ref struct DirectJob(SubSampleConvBlock owner, ReadOnlySpan<float> rows, Span<float> z) : IParallelJob
    {
        readonly ReadOnlySpan<float> _taps = owner.Taps();
        readonly ReadOnlySpan<float> _rows = rows;
        readonly Span<float> _z = z;

        public void Run(int first, int last)
        {
            for (int step = first; step < last; step++)
            {
                for (int f = 0; f < owner.OutFrequencies; f++)
                {
                    Span<float> y = _z.Slice(step * owner.OutLength + f * owner.OutChannels, owner.OutChannels);
                    y.Clear();
                    int tap = 0;
                    for (int i = 0; i < owner._kernelTime; i++)
                    {
                        foreach (float value in owner.PatchRow(_rows, step, f, i))
                        {
                            VectorMath.MultiplyAdd(_taps.Slice(tap, owner.OutChannels), value, y, y);
                            tap += owner.OutChannels;
                        }
                    }
                }
            }
        }
    }

    /// <summary>Lays out the patches side by side, <c>[rows, OutFrequencies, kernel · channels]</c>.</summary>
    readonly ref struct PatchesJob(SubSampleConvBlock owner, ReadOnlySpan<float> rows, Span<float> patches) : IParallelJob
    {
        readonly ReadOnlySpan<float> _rows = rows;
        readonly Span<float> _patches = patches;

        public void Run(int first, int last)
        {
            int length = owner._kernelFrequency * owner._channels;
            int at = first * owner.OutFrequencies * owner.PatchLength;
            for (int step = first; step < last; step++)
            {
                for (int f = 0; f < owner.OutFrequencies; f++)
                {
                    for (int i = 0; i < owner._kernelTime; i++)
                    {
                        owner.PatchRow(_rows, step, f, i).CopyTo(_patches[at..]);
                        at += length;
                    }
                }
            }
        }
    }

    readonly ref struct ReluJob(Span<float> z, int size) : IParallelJob
    {
        readonly Span<float> _z = z;

        public void Run(int first, int last)
        {
            Span<float> part = _z[(first * size)..(last * size)];
            Relu.Apply(part, part);
        }
    }
}
