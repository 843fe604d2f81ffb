using System.Globalization;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>A place in the module tree from which a block asks for its parameters.</summary>
/// <remarks>
/// A request never throws. What is missing or does not fit becomes a finding of the load report, and the block gets an empty array or a matrix
/// without values, on which its constructor must not compute. Names are Hugging Face's without the leading <c>model.</c>, whatever the file uses.
/// Not thread-safe: a model is built by one thread.
/// </remarks>
sealed class ParameterScope
{
    readonly IParameterSource _source;

    public ParameterScope(IParameterSource source, string path)
        : this(source, path, null)
    {
    }

    ParameterScope(IParameterSource source, string path, ReducedProducts? reduced)
    {
        _source = source;
        ReducedProducts = reduced;
        Path = path;
    }

    /// <summary>Path of this place: <c>language_model.layers.0.self_attn</c>; empty at the root.</summary>
    public string Path { get; }

    /// <summary>The place <paramref name="name"/> below this one.</summary>
    /// <param name="name">A module name; may contain dots.</param>
    public ParameterScope this[string name] => new(_source, Join(name), ReducedProducts);

    /// <summary>Entry <paramref name="index"/> of the list of modules at this place.</summary>
    public ParameterScope this[int index] => this[index.ToString(CultureInfo.InvariantCulture)];

    /// <summary>The same place for a tower, whose matrices may multiply reduced.</summary>
    public ParameterScope AsTower() => _source.LeastReducedWeights is long least ? new(_source, Path, new ReducedProducts(least)) : this;

    /// <summary>The matrices of the tower that this place is in; null where all products are exact.</summary>
    public ReducedProducts? ReducedProducts { get; }

    /// <summary>A linear layer without bias, of weight <c>[outFeatures, inFeatures]</c>.</summary>
    public Linear Linear(string name, int inFeatures, int outFeatures) =>
        Linears.Create(Reduced(_source.Matrix(Join(name), "Linear", outFeatures, inFeatures)), Join(name), inFeatures, outFeatures, tied: false);

    /// <summary>A linear layer whose weight is also that of another module, such as a head that is the embedding table.</summary>
    public Linear TiedLinear(string name, Embedding table)
    {
        table.IsMultiplied = true;
        return Linears.Create(table.Weight, Join(name), table.Weight.Columns, table.Weight.Rows, tied: true);
    }

    /// <summary>All linear layers asked for so far, here and elsewhere.</summary>
    public LinearModules Linears => _source.Linears;

    /// <summary>Makes a linear layer known to adapters whose weight is asked for in another way.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="inFeatures">Columns of its weight.</param>
    /// <param name="outFeatures">Rows of its weight.</param>
    public LinearModule LinearModule(string name, int inFeatures, int outFeatures) =>
        Linears.Add(Join(name), inFeatures, outFeatures, tied: false);

    /// <summary>The table <c>[count, dimension]</c> of an embedding. Rows beyond <paramref name="count"/> are left out, with a warning.</summary>
    public Embedding Embedding(string name, int count, int dimension) => new(_source.Matrix(Join(name), "Embedding", count, dimension));

    /// <summary>A norm of weight <c>[width]</c>.</summary>
    /// <param name="name">Its module; the weight is the tensor <c>weight</c> in it.</param>
    /// <param name="width">Values of a row.</param>
    /// <param name="eps">Added to the mean of squares.</param>
    /// <param name="bound">What values are clipped to first; infinite for no clipping.</param>
    public RmsNorm RmsNorm(string name, int width, float eps, float bound = float.PositiveInfinity) => new(Vector($"{name}.weight", width), width, eps, bound);

    /// <summary>The vector <c>[length]</c> of exactly this name, such as <c>norm.weight</c> or <c>correct_output_scale</c>.</summary>
    public float[] Vector(string name, int length) => _source.Values(Join(name), [length], optional: false);

    /// <summary>As <see cref="Vector"/>, but empty and no fault when the checkpoint does not have it.</summary>
    public float[] OptionalVector(string name, int length) => _source.Values(Join(name), [length], optional: true);

    /// <summary>A small tensor of exactly this name and shape, in C order.</summary>
    public float[] Tensor(string name, params ReadOnlySpan<int> shape) => _source.Values(Join(name), Longs(shape), optional: false);

    /// <summary>
    /// A convolution's kernels as a matrix <c>[outChannels, kernelHeight · kernelWidth · inChannels]</c>, whose rows follow a patch of an NHWC picture.
    /// </summary>
    /// <remarks>The file may have <c>[O, I, kH, kW]</c> (PyTorch) or <c>[O, kH, kW, I]</c> (MLX). What needs no reordering is used in place.</remarks>
    public WeightMatrix Convolution(string name, int outChannels, int inChannels, int kernelHeight, int kernelWidth) =>
        Reduced(_source.Convolution(Join(name), outChannels, inChannels, kernelHeight, kernelWidth));

    /// <summary>Depthwise kernels as <c>[kernelHeight · kernelWidth, channels]</c>; the file has <c>[C, 1, kH, kW]</c> or <c>[C, kH, kW, 1]</c>.</summary>
    public float[] DepthwiseConvolution(string name, int channels, int kernelHeight, int kernelWidth) =>
        _source.Depthwise(Join(name), channels, kernelHeight, kernelWidth);

    /// <summary>Depthwise kernels in time as <c>[kernel, channels]</c>; the file has <c>[C, 1, k]</c> or <c>[C, k, 1]</c>.</summary>
    public float[] DepthwiseConvolution1d(string name, int channels, int kernel) => _source.Depthwise1d(Join(name), channels, kernel);

    /// <summary>Whether the checkpoint has a tensor of this name, or any below it.</summary>
    public bool Contains(string name) => _source.Contains(Join(name));

    /// <summary>Accepts every tensor of this name or below it, unused.</summary>
    public void Ignore(string name) => _source.Ignore(Join(name));

    WeightMatrix Reduced(WeightMatrix weight) => ReducedProducts?.Add(weight) ?? weight;

    string Join(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    static long[] Longs(ReadOnlySpan<int> shape)
    {
        long[] longs = new long[shape.Length];
        for (int i = 0; i < longs.Length; i++)
        {
            longs[i] = shape[i];
        }

        return longs;
    }
}
