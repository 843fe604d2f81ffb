using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Checkpoints;

/// <summary>
/// Gives a model outlines in place of weights, by the headers of a checkpoint: matrices that know what they would hold, and zeros for small tensors. A model
/// built of them can be gone through with a team that does no job (<see cref="Numerics.Threading.WorkerTeam.Rehearsing"/>).
/// </summary>
/// <param name="reader">The checkpoint's account, opened for its headers only; everything asked here is asked there.</param>
sealed class OutlineParameters(ParameterReader reader) : IParameterSource
{
    readonly List<Outline> _matrices = [];

    /// <summary>The matrices given out, in order.</summary>
    public IReadOnlyList<Outline> Matrices => _matrices;

    /// <summary>Everything asked for, in order.</summary>
    public IReadOnlyList<ParameterRequest> Requests => reader.Requests;

    /// <inheritdoc/>
    public LinearModules Linears => reader.Linears;

    /// <inheritdoc/>
    public long? LeastReducedWeights => reader.LeastReducedWeights;

    /// <inheritdoc/>
    public WeightMatrix Matrix(string module, string type, int rows, int columns)
    {
        _ = reader.Matrix(module, type, rows, columns);
        ParameterRequest request = reader.Requests[^1];
        PackedForm? form = reader.Products == ProductMode.Fast ? FormOf(request) : null;
        WeightMatrix matrix = request.Selection is { } selection
            ? selection.View((r, c) => new OutlineMatrix(
                r.Count, c.Count, (long)((Int128)request.Bytes * r.Count * c.Count / Int128.Max(1, (Int128)rows * columns)), form))
            : new OutlineMatrix(rows, columns, request.Bytes, form);
        return Given(request, matrix);
    }

    /// <inheritdoc/>
    public float[] Values(string name, long[] shape, bool optional)
    {
        int asked = reader.Requests.Count;
        _ = reader.Values(name, shape, optional);
        return reader.Requests.Count == asked ? [] : new float[shape.Aggregate(1L, (size, axis) => size * axis)];
    }

    /// <inheritdoc/>
    public WeightMatrix Convolution(string module, int outChannels, int inChannels, int height, int width)
    {
        WeightMatrix absent = reader.Convolution(module, outChannels, inChannels, height, width);
        ParameterRequest request = reader.Requests[^1];
        return Given(request, new OutlineMatrix(absent.Rows, absent.Columns, request.IsCopied ? 0 : request.Bytes, packed: null));
    }

    /// <inheritdoc/>
    public float[] Depthwise(string module, int channels, int height, int width)
    {
        _ = reader.Depthwise(module, channels, height, width);
        return new float[height * width * channels];
    }

    /// <inheritdoc/>
    public float[] Depthwise1d(string module, int channels, int kernel)
    {
        _ = reader.Depthwise1d(module, channels, kernel);
        return new float[kernel * channels];
    }

    /// <inheritdoc/>
    public bool Contains(string name) => reader.Contains(name);

    /// <inheritdoc/>
    public void Ignore(string name) => reader.Ignore(name);

    WeightMatrix Given(ParameterRequest request, WeightMatrix matrix)
    {
        _matrices.Add(new Outline(request, matrix));
        return matrix;
    }

    PackedForm? FormOf(ParameterRequest request) => (request.Quantization, request.Stored?.Blocks) switch
    {
        (QuantizationFormat format, _) when reader.Stored(request.ModulePath + ".scales") is StoredTensor scales => PackedForm.Of(format, scales.Type),
        (null, BlockType blocks) => PackedForm.Of(blocks),
        _ => null,
    };

    /// <summary>A matrix that was given out.</summary>
    /// <param name="Request">What was asked.</param>
    /// <param name="Matrix">What was given.</param>
    internal readonly record struct Outline(ParameterRequest Request, WeightMatrix Matrix);
}
