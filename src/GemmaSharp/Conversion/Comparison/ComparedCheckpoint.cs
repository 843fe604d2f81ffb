using GemmaSharp.Checkpoints;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Conversion.Comparison;

/// <summary>The parameters of a checkpoint as one side of a comparison, by canonical name.</summary>
sealed class ComparedCheckpoint : IDisposable
{
    readonly Checkpoint _checkpoint;
    readonly Dictionary<string, ParameterRequest> _requests;
    readonly Dictionary<string, StoredTensor> _tensors;
    readonly KernelLayouts _kernels;

    /// <exception cref="CheckpointException">The folder is no checkpoint.</exception>
    /// <exception cref="ConfigurationException">Its configuration is of another model, or impossible.</exception>
    public ComparedCheckpoint(string folder)
    {
        _checkpoint = Checkpoint.Open(folder, new CheckpointOptions { HeadersOnly = true });
        try
        {
            ModelParts.Build(_checkpoint.Root, _checkpoint.Config);
        }
        catch
        {
            _checkpoint.Dispose();
            throw;
        }

        _requests = _checkpoint.Requests.GroupBy(r => r.Tensor).ToDictionary(g => g.Key, g => g.First(), StringComparer.Ordinal);
        _tensors = _checkpoint.Tensors.ToDictionary(t => t.CanonicalName, StringComparer.Ordinal);
        _kernels = new KernelLayouts(_checkpoint.Tensors);
        Parameters = Collect();
    }

    /// <summary>Everything the checkpoint has; scales and biases belong to their weights, and a head beside tied embeddings is a copy.</summary>
    public IReadOnlyDictionary<string, ComparedParameter> Parameters { get; }

    /// <summary>Closes the files.</summary>
    public void Dispose() => _checkpoint.Dispose();

    Dictionary<string, ComparedParameter> Collect()
    {
        var parameters = new Dictionary<string, ComparedParameter>(StringComparer.Ordinal);
        var parts = new HashSet<string>(StringComparer.Ordinal);
        bool tied = _checkpoint.Config.TextConfig.TieWordEmbeddings;
        foreach (StoredTensor tensor in _checkpoint.Tensors)
        {
            string name = tensor.CanonicalName;
            if (!TensorNames.IsComputed(name) && !(tied && name.StartsWith("lm_head.", StringComparison.Ordinal)))
            {
                ComparedParameter parameter = Parameter(tensor);
                parameters.Add(name, parameter);
                parts.UnionWith(parameter.Parts.Skip(1).Select(part => part.CanonicalName));
            }
        }

        foreach (string part in parts)
        {
            parameters.Remove(part);
        }

        return parameters;
    }

    ComparedParameter Parameter(StoredTensor tensor)
    {
        string name = tensor.CanonicalName;
        _requests.TryGetValue(name, out ParameterRequest? request);

        // What is asked for only if it is there may also be absent.
        bool optional = request is null || name.EndsWith(".conv_stem.conv.bias", StringComparison.Ordinal);
        if (Quantised(tensor, request) is StoredMatrix matrix)
        {
            return new ComparedParameter(name, tensor) { Matrix = matrix, Shape = [tensor.Shape[0], matrix.Columns], IsOptional = optional };
        }

        return request?.ModuleType.Contains("Convolution", StringComparison.Ordinal) == true && Kernel(tensor, request) is ComparedParameter kernel
            ? kernel
            : new ComparedParameter(name, tensor) { Shape = tensor.Shape, IsOptional = optional };
    }

    StoredMatrix? Quantised(StoredTensor tensor, ParameterRequest? request)
    {
        string name = tensor.CanonicalName;
        if (tensor.Type != ElementType.U32 || tensor.Shape.Count != 2 || !name.EndsWith(".weight", StringComparison.Ordinal))
        {
            return null;
        }

        // Projections of layers that share keys and values are not asked for; they read the residual stream.
        string module = name[..^".weight".Length];
        long columns = request?.StoredShape is [_, long asked] ? asked
            : module.EndsWith(".self_attn.k_proj", StringComparison.Ordinal) || module.EndsWith(".self_attn.v_proj", StringComparison.Ordinal) ? _checkpoint.Config.TextConfig.HiddenSize
            : 0;
        return columns is > 0 and <= int.MaxValue
            && _tensors.TryGetValue(module + ".scales", out StoredTensor? scales) && scales.Shape is [long rows, long groups] && rows == tensor.Shape[0]
            && QuantizationFormat.TryDerive(columns, tensor.Shape[1], groups, scales.Type, out QuantizationFormat? format, out _)
            && _tensors.TryGetValue(module + ".biases", out StoredTensor? biases) == format.HasBiases
            && (biases is null || (biases.Type == scales.Type && biases.Shape.SequenceEqual(scales.Shape) && ParameterReader.IsMatrixType(scales.Type)))
            ? new StoredMatrix(module, tensor, scales, biases, format, (int)columns)
            : null;
    }

    ComparedParameter? Kernel(StoredTensor tensor, ParameterRequest request)
    {
        if (request.Shape is [long channels, 1, long taps] && tensor.Shape.SequenceEqual([channels, taps, 1]))
        {
            return new ComparedParameter(tensor.CanonicalName, tensor) { Shape = request.Shape };
        }

        bool turned = _checkpoint.TurnsVisionKernels && tensor.CanonicalName.StartsWith("vision_tower.", StringComparison.Ordinal);
        if (request.Shape.Count != 4 || !_kernels.Fit(tensor, request.Shape, turned, out KernelLayout layout))
        {
            return null;
        }

        (int ins, int height, int width) = ((int)request.Shape[1], (int)request.Shape[2], (int)request.Shape[3]);
        bool moves = (turned && height * width > 1) || (layout == KernelLayout.Mlx && ins > 1 && height * width > 1);
        return new ComparedParameter(tensor.CanonicalName, tensor) { Shape = request.Shape, Order = moves ? Order(ins, height, width, layout, turned) : null };
    }

    // Element [i, y, x] of a row of Hugging Face's layout is this one of the stored row.
    static int[] Order(int ins, int height, int width, KernelLayout layout, bool turned)
    {
        int[] order = new int[ins * height * width];
        int at = 0;
        for (int i = 0; i < ins; i++)
        {
            for (int y = 0; y < height; y++)
            {
                for (int x = 0; x < width; x++)
                {
                    int tap = turned ? x * height + y : y * width + x;
                    order[at++] = layout == KernelLayout.Mlx ? tap * ins + i : i * height * width + tap;
                }
            }
        }

        return order;
    }
}
