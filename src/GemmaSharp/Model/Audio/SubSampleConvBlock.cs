using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Audio;

/// <summary><c>relu(norm(conv(x)))</c>: a strided convolution over time and frequency that looks ahead in time, never back.</summary>
/// <remarks>
/// Frequency is padded by one zero on either side; time by kernel − 1 zeros at the end. Output row t reads the input rows from <c>stride · t</c> on.
/// Immutable, thread-safe. Source: transformers <c>Gemma3nAudioSSCPConvBlock</c>.
/// </remarks>
sealed class SubSampleConvBlock
{
    const int Border = 1;

    readonly string _path;
    readonly int _channels;
    readonly int _kernelTime;
    readonly int _kernelFrequency;
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
        _path = scope.Path;
        _channels = channels;
        (_kernelTime, _kernelFrequency) = (kernel[0], kernel[1]);
        (TimeStride, _strideFrequency) = (stride[0], stride[1]);
        OutFrequencies = OutFrequenciesOf(frequencies, kernel, stride);
        OutLength = OutFrequencies * outChannels;
        _conv = scope.Convolution("conv", outChannels, channels, _kernelTime, _kernelFrequency);
        _norm = new(scope.Vector("norm.weight", outChannels), OutFrequencies, eps);
    }

    /// <summary>Input rows per output row.</summary>
    public int TimeStride { get; }

    /// <summary>Frequencies of an output row.</summary>
    public int OutFrequencies { get; }

    /// <summary>Values of an output row, <c>[frequencies, channels]</c>.</summary>
    public int OutLength { get; }

    /// <summary>Frequencies of an output row; below 1 when the kernel is wider than the padded input.</summary>
    public static int OutFrequenciesOf(int frequencies, IReadOnlyList<int> kernel, IReadOnlyList<int> stride) =>
        frequencies + 2 * Border < kernel[1] ? 0 : (frequencies + 2 * Border - kernel[1]) / stride[1] + 1;

    /// <summary>Output rows of a clip.</summary>
    /// <param name="rows">Its input rows.</param>
    public int OutRows(int rows) => (rows + TimeStride - 1) / TimeStride;

    /// <summary>Input rows that so many output rows, one or more, read or step over.</summary>
    public int InRows(int outRows) => (outRows - 1) * TimeStride + Math.Max(TimeStride, _kernelTime);

    /// <summary>Makes the next rows of a clip.</summary>
    /// <param name="x">Input rows, <c>[·, frequencies · channels]</c>; zeros follow the last.</param>
    /// <param name="start">The input row at which the first of these output rows begins.</param>
    /// <param name="z">Receives them, <c>[·, OutLength]</c>.</param>
    /// <param name="progress">The rows made before; carried on.</param>
    /// <param name="p">The pass.</param>
    public void Forward(Rows x, int start, Rows z, ConvolutionProgress progress, Pass p)
    {
        using Pass.Scope _ = p.Enter(_path);
        Multiply(Patches(x, start, z.Count, p), z.Reshape(_conv.Rows), p);
        _norm.Forward(z, progress, p);
        p.TracePart(".norm", [progress.Clips, progress.Rows, OutFrequencies, _conv.Rows], progress.Next, z);
        p.Map(z, static (z, t) => Relu.Apply(z[t], z[t]), z.Count);
        progress.Done += z.Count;
    }

    /// <summary>What the kernels lie on, output row by output row: <c>[rows · frequencies, kernelTime · kernelFrequency · channels]</c>.</summary>
    Rows Patches(Rows x, int start, int rows, Pass p)
    {
        Rows patches = p.New(rows * OutFrequencies, _conv.Columns);
        p.ForEach((this, x, start, patches), patches.Count, OutFrequencies, static (s, first, last) =>
        {
            for (int i = first; i < last; i++)
            {
                (int t, int f) = Math.DivRem(i, s.Item1.OutFrequencies);
                s.Item1.Gather(s.x, s.start + t * s.Item1.TimeStride, f * s.Item1._strideFrequency - Border, s.patches[i]);
            }
        });
        return patches;
    }

    /// <summary>One patch, zero outside of x.</summary>
    void Gather(Rows x, int row, int frequency, Span<float> patch)
    {
        int length = _kernelFrequency * _channels;
        int begin = Math.Max(0, frequency * _channels), end = Math.Min(x.Width, frequency * _channels + length);
        patch.Clear();
        for (int i = 0; i < _kernelTime && row + i < x.Count && begin < end; i++)
        {
            x[row + i][begin..end].CopyTo(patch[(i * length + begin - frequency * _channels)..]);
        }
    }

    /// <summary><c>z = patches · convᵀ</c></summary>
    void Multiply(Rows patches, Rows z, Pass p)
    {
        if (_channels > 1)
        {
            _conv.Multiply(patches.Span, patches.Count, z.Span, p.Team);
            return;
        }

        // With one input channel a patch is a handful of numbers, too short for a dot product's lanes: here they run over the output channels.
        p.ForEach((patches, z, taps: Taps()), z.Count, OutFrequencies, static (s, first, last) =>
        {
            for (int i = first; i < last; i++)
            {
                Span<float> y = s.z[i];
                y.Clear();
                for (int tap = 0; tap < s.patches.Width; tap++)
                {
                    VectorMath.MultiplyAdd(s.taps.AsSpan(tap * y.Length, y.Length), s.patches[i][tap], y, y);
                }
            }
        });
    }

    /// <summary>The kernels turned, <c>[kernelTime · kernelFrequency, outChannels]</c>.</summary>
    float[] Taps()
    {
        if (_taps is null)
        {
            float[] taps = new float[_conv.Columns * _conv.Rows];
            float[] row = new float[_conv.Columns];
            for (int channel = 0; channel < _conv.Rows; channel++)
            {
                _conv.ReadRow(channel, row);
                for (int i = 0; i < row.Length; i++)
                {
                    taps[i * _conv.Rows + channel] = row[i];
                }
            }

            _taps = taps;
        }

        return _taps;
    }
}
