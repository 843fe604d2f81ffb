using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Answers the requests of all scopes of one model and keeps account of them: what was asked, found, faulty, left over.</summary>
sealed class ParameterReader : IParameterSource
{
    readonly Dictionary<string, StoredTensor> _tensors;
    readonly SortedSet<string> _names;
    readonly HashSet<string> _used = new(StringComparer.Ordinal);
    readonly List<string> _ignored = [];
    readonly List<ParameterRequest> _requests = [];
    readonly KernelLayouts _layouts;

    public ParameterReader(
        Dictionary<string, StoredTensor> tensors, bool headersOnly, bool turnVisionKernels, QuantizationConfig? quantization = null, SlicePlan? slice = null)
    {
        _tensors = tensors;
        _names = new SortedSet<string>(tensors.Keys, StringComparer.Ordinal);
        _layouts = new KernelLayouts(tensors.Values);
        HeadersOnly = headersOnly;
        TurnVisionKernels = turnVisionKernels;
        Quantization = quantization is null ? null : new QuantizationEntries(quantization, slice);
        Slice = slice;
    }

    public bool HeadersOnly { get; }

    public bool TurnVisionKernels { get; }

    /// <summary>What the configuration says about quantised modules.</summary>
    public QuantizationEntries? Quantization { get; }

    /// <summary>How the model is cut out of the one in the files; null for all of it. The tensors have their names in the smaller model.</summary>
    public SlicePlan? Slice { get; }

    /// <summary>How quantised matrices multiply.</summary>
    public ProductMode Products { get; init; } = ProductMode.Exact;

    public long? LeastReducedWeights { get; init; }

    /// <summary>Bytes of the float32 copies made so far.</summary>
    public long CopiedBytes { get; private set; }

    /// <summary>Whether the tensors are those of GGUF files, which have no configuration beside them.</summary>
    public bool IsGguf { get; init; }

    /// <summary>Everything asked for, in order.</summary>
    public IReadOnlyList<ParameterRequest> Requests => _requests;

    /// <summary>Faults of requests, in order.</summary>
    public List<Fault> Faults { get; } = [];

    /// <summary>Stored tensors nobody asked for or ignored.</summary>
    public IEnumerable<StoredTensor> Unused => _tensors.Values.Where(IsUnused);

    /// <summary>Whether nobody asked for or ignored a stored tensor.</summary>
    public bool IsUnused(StoredTensor tensor) =>
        !_used.Contains(tensor.CanonicalName) && !TensorNames.IsComputed(tensor.CanonicalName) && !IsIgnored(tensor.CanonicalName);

    /// <summary>Canonical names of all stored tensors.</summary>
    public IEnumerable<string> Names => _names;

    public int UsedCount => _used.Count;

    /// <summary>The linear layers, by which adapters find them.</summary>
    public LinearModules Linears { get; } = new();

    /// <summary>Whether tensors at or below this path are accepted without being used.</summary>
    public bool IsIgnored(string name) => _ignored.Exists(path => IsAtOrBelow(name, path));

    public bool Contains(string name)
    {
        if (_tensors.ContainsKey(name))
        {
            return true;
        }

        // The first name after "a.b." in ordinal order is below "a.b" if any is.
        return _names.GetViewBetween(name + ".", name + "/").Count > 0;
    }

    public void Ignore(string name) => _ignored.Add(name);

    /// <summary>The stored tensor <paramref name="name"/>, whether or not it is used.</summary>
    public StoredTensor? Stored(string name) => _tensors.GetValueOrDefault(name);

    /// <summary>The stored tensor <paramref name="name"/>, counted as used.</summary>
    public StoredTensor? Use(string name)
    {
        if (!_tensors.TryGetValue(name, out StoredTensor? stored))
        {
            return null;
        }

        _used.Add(name);
        return stored;
    }

    public WeightMatrix Matrix(string module, string type, int rows, int columns) =>
        StoredMatrixFactory.Create(this, Ask(module + ".weight", module, type, [rows, columns]));

    public float[] Values(string name, long[] shape, bool optional)
    {
        if (optional && !_tensors.ContainsKey(name))
        {
            return [];
        }

        string module = name[..Math.Max(0, name.LastIndexOf('.'))];
        ParameterRequest request = Ask(name, module, ModuleTypes.OfOwner(name, module, shape.Length), shape);
        request.IsCopied = true;
        return Accept(request, stored => stored.Shape.SequenceEqual(shape), blocks: true) is TensorData data ? Read(request, data) : [];
    }

    public WeightMatrix Convolution(string module, int outChannels, int inChannels, int height, int width)
    {
        ParameterRequest request = Ask(module + ".weight", module, "Convolution", [outChannels, inChannels, height, width]);
        long columns = (long)inChannels * height * width;
        var absent = new AbsentMatrix(outChannels, (int)Math.Min(columns, int.MaxValue));
        bool turned = IsTurned(request);
        KernelLayout layout = default;
        TensorData? accepted = Accept(request, stored => _layouts.Fit(stored, request.Shape, turned, out layout), IsMatrixType, blocks: true);
        bool inOrder = height * width == 1 || (!turned && (inChannels == 1 || layout == KernelLayout.Mlx));
        request.IsCopied = request.Stored is { Blocks: not null } || !inOrder;
        if (accepted is not TensorData data)
        {
            return absent;
        }

        if (!request.IsCopied)
        {
            return new DenseMatrix(data with { Shape = [outChannels, columns] });
        }

        float[] values = Read(request, data);
        return DenseMatrix.FromSingles(KernelLayouts.ToPatches(values, outChannels, inChannels, height, width, layout, turned), outChannels, (int)columns);
    }

    public float[] Depthwise(string module, int channels, int height, int width)
    {
        ParameterRequest request = Ask(module + ".weight", module, "DepthwiseConvolution", [channels, 1, height, width]);
        request.IsCopied = true;
        bool turned = IsTurned(request);
        return Accept(request, stored => _layouts.Fit(stored, request.Shape, turned, out _), blocks: true) is TensorData data
            ? KernelLayouts.ToTaps(Read(request, data), channels, height, width, turned)
            : [];
    }

    public float[] Depthwise1d(string module, int channels, int kernel)
    {
        ParameterRequest request = Ask(module + ".weight", module, "DepthwiseConvolution1d", [channels, 1, kernel]);
        request.IsCopied = true;
        return Accept(
            request, stored => stored.Shape.SequenceEqual(request.Shape) || stored.Shape.SequenceEqual([channels, kernel, 1]), blocks: true) is TensorData data
            ? KernelLayouts.ToTaps(Read(request, data), channels, kernel, 1, turned: false)
            : [];
    }

    /// <summary>Records a fault of <paramref name="request"/>.</summary>
    public void Report(ParameterRequest request, FindingKind kind, Severity severity = Severity.Error, string detail = "", string? repair = null) =>
        Faults.Add(new Fault(request, kind, severity, detail, repair));

    /// <summary>Whether weights of this type can be multiplied in place.</summary>
    public static bool IsMatrixType(ElementType type) => type is ElementType.BF16 or ElementType.F16 or ElementType.F32;

    /// <summary>Finds the stored tensor of a request and checks its type and shape; nothing when it is faulty or only listed.</summary>
    /// <param name="request">The request.</param>
    /// <param name="fits">Whether a tensor's shape does.</param>
    /// <param name="usable">Which types of single numbers do; null for all floating-point ones.</param>
    /// <param name="blocks">Whether weights in blocks do.</param>
    public TensorData? Accept(ParameterRequest request, Func<StoredTensor, bool> fits, Func<ElementType, bool>? usable = null, bool blocks = false)
    {
        StoredTensor? stored = Use(request.Tensor);
        if (stored is null)
        {
            Report(request, FindingKind.Missing);
            return null;
        }

        request.Stored = stored;
        request.Format = stored.TypeName.ToLowerInvariant();
        request.Bytes = stored.Entry.Length;
        bool good = true;
        if (stored.Blocks is null ? !(usable ?? IsFloat)(stored.Type) : !blocks)
        {
            Report(request, FindingKind.WrongType);
            good = false;
        }

        if (!fits(stored))
        {
            Report(request, Repairs.IsPermutation(stored.Shape, request.StoredShape) ? FindingKind.WrongLayout : FindingKind.WrongShape);
            good = false;
        }

        return good && !HeadersOnly ? stored.Data : null;
    }

    static bool IsFloat(ElementType type) => type is ElementType.F64 || IsMatrixType(type);

    bool IsTurned(ParameterRequest request) => TurnVisionKernels && request.Tensor.StartsWith("vision_tower.", StringComparison.Ordinal);

    ParameterRequest Ask(string tensor, string module, string type, IReadOnlyList<long> shape)
    {
        var request = new ParameterRequest(tensor, module, type, shape)
        {
            Selection = type is "Linear" or "Embedding" ? Slice?.Selection(module, shape) : null,
        };
        _requests.Add(request);
        return request;
    }

    float[] Read(ParameterRequest request, TensorData data)
    {
        float[] values = Singles(request.Stored!, data);
        CopiedBytes += sizeof(float) * (long)values.Length;
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        if (bad >= 0)
        {
            Report(request, FindingKind.NonFinite, Severity.Error, $"value {bad} of {values.Length} is {values[bad]}");
        }

        return values;
    }

    static float[] Singles(StoredTensor stored, TensorData data)
    {
        if (stored.Blocks is BlockType blocks)
        {
            int columns = checked((int)stored.Shape[^1]), rows = checked((int)(stored.Shape.Aggregate(1L, (a, b) => checked(a * b)) / columns));
            BlockMatrix matrix = new(data.Block, data.Offset, blocks, rows, columns);
            float[] decoded = new float[(long)rows * columns];
            for (int row = 0; row < rows; row++)
            {
                matrix.ReadRow(row, decoded.AsSpan(row * columns, columns));
            }

            return decoded;
        }

        float[] values = new float[data.ElementCount];
        data.ToSingles(values);
        return values;
    }

    static bool IsAtOrBelow(string name, string path) =>
        name.StartsWith(path, StringComparison.Ordinal) && (name.Length == path.Length || name[path.Length] == '.');
}
