using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>A module of the model with what it holds, as recorded while the model was built.</summary>
sealed class ModuleNode
{
    readonly List<ModuleNode> _children = [];
    readonly List<ModuleParameter> _parameters = [];

    internal ModuleNode(string path, string type)
    {
        Path = path;
        Type = type;
    }

    /// <summary>Full path; empty at the root.</summary>
    public string Path { get; }

    /// <summary>Last part of the path.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>Kind of block: <c>DecoderLayer</c>, <c>Linear</c>; empty for one without a name.</summary>
    public string Type { get; internal set; }

    /// <summary>Modules inside, in the order the model asked.</summary>
    public IReadOnlyList<ModuleNode> Children => _children;

    /// <summary>Tensors of this module itself.</summary>
    public IReadOnlyList<ModuleParameter> Parameters => _parameters;

    /// <summary>Weights in this module and all inside.</summary>
    public long ParameterCount => _parameters.Sum(p => p.Count) + _children.Sum(c => c.ParameterCount);

    /// <summary>Bytes in the files of this module and all inside.</summary>
    public long Bytes => _parameters.Sum(p => p.Bytes) + _children.Sum(c => c.Bytes);

    /// <summary>The tree of everything that was asked for.</summary>
    internal static ModuleNode Tree(IEnumerable<ParameterRequest> requests)
    {
        var nodes = new Dictionary<string, ModuleNode>(StringComparer.Ordinal) { [""] = new("", ModuleTypes.Of("")) };
        foreach (ParameterRequest request in requests)
        {
            ModuleNode module = Node(request.ModulePath, nodes);
            module.Type = module.Type.Length > 0 ? module.Type : request.ModuleType;
            module._parameters.Add(new ModuleParameter(request.Tensor, request.Stored?.Name, request.Shape, request.Format, request.Bytes,
                request.Stored?.File.Name)
            {
                Quantization = request.Quantization,
                IsQuantized = request.Quantization is not null || request.Stored?.Blocks is not null,
            });
        }

        return nodes[""];
    }

    static ModuleNode Node(string path, Dictionary<string, ModuleNode> nodes)
    {
        if (nodes.TryGetValue(path, out ModuleNode? node))
        {
            return node;
        }

        ModuleNode parent = Node(path[..Math.Max(0, path.LastIndexOf('.'))], nodes);
        nodes[path] = node = new ModuleNode(path, ModuleTypes.Of(path));
        parent._children.Add(node);
        return node;
    }
}

/// <summary>A tensor of a module.</summary>
/// <param name="Name">Canonical name.</param>
/// <param name="StoredName">Name in the file; <see langword="null"/> when missing.</param>
/// <param name="Shape">Shape in Hugging Face's layout, unpacked.</param>
/// <param name="Format">Stored form: <c>bf16</c>, <c>affine4/64</c>; empty when missing.</param>
/// <param name="Bytes">Bytes in the file, scales and biases included.</param>
/// <param name="File">File it is in.</param>
sealed record ModuleParameter(string Name, string? StoredName, IReadOnlyList<long> Shape, string Format, long Bytes, string? File)
{
    /// <summary>The quantised form; <see langword="null"/> when dense or missing.</summary>
    public QuantizationFormat? Quantization { get; init; }

    /// <summary>Whether several weights share a scale, as quantised modules or as blocks of a GGUF file.</summary>
    public bool IsQuantized { get; init; }

    /// <summary>Number of weights.</summary>
    public long Count => Shape.Aggregate(1L, (count, axis) => count * axis);
}
