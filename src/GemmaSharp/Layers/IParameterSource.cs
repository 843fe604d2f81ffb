using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>Where a <see cref="ParameterScope"/> gets parameters from, by canonical path: a checkpoint, or whatever stands for one.</summary>
/// <remarks>A request never throws: what is missing or faulty is noted, and answered with an empty array or a matrix without values.</remarks>
interface IParameterSource
{
    /// <summary>The linear layers asked for so far, by which adapters find them.</summary>
    LinearModules Linears { get; }

    /// <summary>The fewest weights of a tower whose products may round activations; null where none may.</summary>
    long? LeastReducedWeights { get; }

    /// <summary>The matrix <c>[rows, columns]</c> of a module.</summary>
    WeightMatrix Matrix(string module, string type, int rows, int columns);

    /// <summary>A small tensor, in C order; empty where it is optional and absent.</summary>
    float[] Values(string name, long[] shape, bool optional);

    /// <summary>Kernels <c>[outChannels, height · width · inChannels]</c>.</summary>
    WeightMatrix Convolution(string module, int outChannels, int inChannels, int height, int width);

    /// <summary>Depthwise kernels <c>[height · width, channels]</c>.</summary>
    float[] Depthwise(string module, int channels, int height, int width);

    /// <summary>Depthwise kernels in time, <c>[kernel, channels]</c>.</summary>
    float[] Depthwise1d(string module, int channels, int kernel);

    /// <summary>Whether there is a tensor of this name, or any below it.</summary>
    bool Contains(string name);

    /// <summary>Accepts tensors of this name or below it, unused.</summary>
    void Ignore(string name);
}
