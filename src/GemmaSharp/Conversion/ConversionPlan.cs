using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion;

/// <summary>Every tensor of the result and how it is made, decided from headers alone.</summary>
sealed class ConversionPlan
{
    readonly Checkpoint _source;
    readonly ConversionOptions _options;
    readonly SlicePlan? _slice;
    readonly Dictionary<string, ParameterRequest> _requests;
    readonly Dictionary<string, StoredTensor> _tensors;
    readonly KernelLayouts _kernels;
    readonly bool _textOnly;
    readonly LoraMerge? _merge;

    const string StemBias = "vision_tower.timm_model.conv_stem.conv.bias", StemNorm = "vision_tower.timm_model.conv_stem.bn.weight";
    readonly List<string> _notes = [];

    /// <param name="source">The opened checkpoint; its modules have been built.</param>
    /// <param name="options">What to change.</param>
    /// <param name="merge">What adapters add to the weights; <see langword="null"/> for nothing.</param>
    /// <exception cref="ConversionException">The options cannot be applied to this checkpoint.</exception>
    public ConversionPlan(Checkpoint source, ConversionOptions options, LoraMerge? merge = null)
    {
        (_source, _options, _merge) = (source, options, merge);
        TextConfig text = source.Config.TextConfig;
        _slice = options.Slice is null ? null : new SlicePlan(text, options.Slice);
        Text = options.Slice?.Apply(text) ?? text;
        _requests = source.Requests.GroupBy(request => request.Tensor).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        _tensors = source.Tensors.ToDictionary(tensor => tensor.CanonicalName, StringComparer.Ordinal);
        _kernels = new KernelLayouts(source.Tensors);
        _textOnly = TensorNames.IsTextOnly(source.Tensors.Select(tensor => tensor.Name));
        SourceLayout = LayoutOf(source);
        Layout = options.Layout ?? (options.Quantize is null || SourceLayout != CheckpointLayout.HuggingFace ? SourceLayout : CheckpointLayout.MlxVlm);
        Tensors = [.. Plan().OrderBy(planned => planned.Declarations[0].Name, StringComparer.Ordinal)];
        AddMergeNotes();
        if (Tensors.Count == 0)
        {
            throw new ConversionException(
                $"Nothing of the {source.Tensors.Count} tensors in {source.Folder} is left to write; keep a tower or choose another layout.");
        }
    }

    /// <summary>The text model of the result.</summary>
    public TextConfig Text { get; }

    /// <summary>Names and kernel order of the source.</summary>
    public CheckpointLayout SourceLayout { get; }

    /// <summary>Names and kernel order of the result.</summary>
    public CheckpointLayout Layout { get; }

    /// <summary>What will be written, in order of names.</summary>
    public IReadOnlyList<IPlannedTensor> Tensors { get; }

    /// <summary>The matrices among it.</summary>
    public IEnumerable<PlannedMatrix> Matrices => Tensors.OfType<PlannedMatrix>();

    /// <summary>What the options could not be applied to.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>The layout of the names. mlx-lm's are Hugging Face's, but it writes neither towers nor embedders.</summary>
    static CheckpointLayout LayoutOf(Checkpoint source) =>
        source.Tensors.Any(tensor => tensor.Name.StartsWith("language_model.", StringComparison.Ordinal)) ? CheckpointLayout.MlxVlm
        : source.Tensors.Any(tensor => tensor.CanonicalName.StartsWith("language_model.layers.0.self_attn.q_proj.scales", StringComparison.Ordinal))
            && !source.Tensors.Any(tensor => IsVision(tensor.CanonicalName) || IsAudio(tensor.CanonicalName)) ? CheckpointLayout.MlxLm
        : CheckpointLayout.HuggingFace;

    static bool IsVision(string name) => name.StartsWith("vision_tower.", StringComparison.Ordinal)
        || name.StartsWith("embed_vision.", StringComparison.Ordinal);

    static bool IsAudio(string name) => name.StartsWith("audio_tower.", StringComparison.Ordinal) || name.StartsWith("embed_audio.", StringComparison.Ordinal);

    IEnumerable<IPlannedTensor> Plan()
    {
        if (_source.Config.TextConfig.TieWordEmbeddings && _source.Tensors.Any(tensor => IsHead(tensor.CanonicalName)))
        {
            _notes.Add("The head is a copy of embed_tokens (tie_word_embeddings is true) and is left out.");
        }

        HashSet<string> parts = new(StringComparer.Ordinal);
        foreach (StoredTensor tensor in _source.Tensors.Where(IsWanted))
        {
            if (_slice is not null && _slice.Rename(tensor.CanonicalName) is null)
            {
                continue;
            }

            if (Matrix(tensor) is StoredMatrix matrix)
            {
                parts.Add(matrix.Module + ".scales");
                parts.Add(matrix.Module + ".biases");
                yield return Planned(matrix);
            }
        }

        if (RepairsVision && _source.Tensors.FirstOrDefault(tensor => tensor.CanonicalName == StemNorm) is StoredTensor norm)
        {
            yield return new PlannedZeros(new TensorDeclaration(Named(StemBias), _options.Type ?? norm.Type, norm.Shape));
        }

        foreach (StoredTensor tensor in _source.Tensors.Where(IsWanted))
        {
            string? name = _slice is null ? tensor.CanonicalName : _slice.Rename(tensor.CanonicalName);
            if (name is not null && !parts.Contains(tensor.CanonicalName) && Matrix(tensor) is null)
            {
                bool cast = _options.Type is not null && (tensor.Blocks is not null || tensor.Type is ElementType.F32 or ElementType.F16 or ElementType.BF16);
                ElementType kept = tensor.Blocks is null ? tensor.Type : ElementType.F32;
                yield return new PlannedTensor(
                    tensor, Named(name), cast ? _options.Type ?? kept : kept, tensor.Blocks is null ? KernelAxes(tensor) : null);
            }
        }
    }

    /// <summary>What becomes of the layers that adapters change, where it is not simply the sum.</summary>
    void AddMergeNotes()
    {
        if (_merge is null)
        {
            return;
        }

        Dictionary<string, PlannedMatrix> written = Matrices.ToDictionary(matrix => matrix.Source.Module, StringComparer.Ordinal);
        int dropped = _merge.Modules.Count(module => !written.ContainsKey(module));
        int requantized = _merge.Modules.Count(
            module => written.TryGetValue(module, out PlannedMatrix? matrix) && matrix.Source.Format is not null && matrix.Format is not null);
        if (dropped > 0)
        {
            _notes.Add($"{dropped} of the {_merge.Modules.Count} layers that the adapters change are not in the result.");
        }

        if (requantized > 0)
        {
            _notes.Add($"{requantized} quantised layers were changed and quantised again, which rounds them once more; merge into the unquantised checkpoint "
                + $"to avoid that.");
        }
    }

    bool IsWanted(StoredTensor tensor)
    {
        string name = tensor.CanonicalName;
        bool towers = Layout != CheckpointLayout.MlxLm;
        return !TensorNames.IsComputed(name)
            && (!IsVision(name) || (towers && _options.Vision))
            && (!IsAudio(name) || (towers && _options.Audio))
            && !(IsHead(name) && _source.Config.TextConfig.TieWordEmbeddings);
    }

    bool RepairsVision => _options.RepairVision && _options.Vision && Layout != CheckpointLayout.MlxLm && _source.TurnsVisionKernels;

    static bool IsHead(string name) => name.StartsWith("lm_head.", StringComparison.Ordinal);

    /// <summary>The name in the result. What belongs to no part of the model keeps the name it has.</summary>
    string Named(string canonical) =>
        !TensorNames.IsOfModel(canonical) ? canonical
        : Layout == CheckpointLayout.MlxVlm ? TensorNames.Mlx(canonical)
        : Layout == CheckpointLayout.HuggingFace && _textOnly ? TensorNames.TextOnly(canonical)
        : TensorNames.HuggingFace(canonical);

    /// <summary>The linear layer or embedding this tensor is the weight of; <see langword="null"/> when it is none.</summary>
    StoredMatrix? Matrix(StoredTensor tensor)
    {
        string name = tensor.CanonicalName;
        if (!name.EndsWith(".weight", StringComparison.Ordinal) || tensor.Shape.Count != 2)
        {
            return null;
        }

        string module = name[..^".weight".Length];
        _tensors.TryGetValue(module + ".scales", out StoredTensor? scales);
        _tensors.TryGetValue(module + ".biases", out StoredTensor? biases);
        bool asked = _requests.TryGetValue(name, out ParameterRequest? request);

        // Layers that share keys and values do not ask for projections of their own, which read the residual stream.
        bool known = asked ? request!.ModuleType is "Linear" or "Embedding"
            : module.EndsWith(".self_attn.k_proj", StringComparison.Ordinal) || module.EndsWith(".self_attn.v_proj", StringComparison.Ordinal);
        if (!known)
        {
            return null;
        }

        long columns = asked ? request!.Shape[1] : _source.Config.TextConfig.HiddenSize;
        if (scales is null)
        {
            return tensor.Shape[1] == columns && (tensor.Blocks is not null || tensor.Type is ElementType.F32 or ElementType.F16 or ElementType.BF16)
                ? new StoredMatrix(module, tensor, null, null, null, checked((int)columns))
                : null;
        }

        return tensor.Type == ElementType.U32 && scales.Shape is [long rows, long groups] && rows == tensor.Shape[0]
            && QuantizationFormat.TryDerive(columns, tensor.Shape[1], groups, scales.Type, out QuantizationFormat? format, out _)
            && (!format.HasBiases || (biases is not null && biases.Type == scales.Type && biases.Shape.SequenceEqual(scales.Shape)))
            ? new StoredMatrix(module, tensor, scales, format.HasBiases ? biases : null, format, checked((int)columns))
            : null;
    }

    PlannedMatrix Planned(StoredMatrix matrix)
    {
        IReadOnlyList<IndexRange> rows = _slice?.Rows(matrix.Module) ?? [new IndexRange(0, matrix.Rows)];
        IReadOnlyList<IndexRange> columns = _slice?.Columns(matrix.Module) ?? [new IndexRange(0, matrix.Columns)];
        string module = _slice?.Rename(matrix.Module) ?? matrix.Module;
        bool merged = _merge?.Contains(matrix.Module) == true;
        return new PlannedMatrix(
            matrix, Named(module), rows, columns, FormatOf(matrix, module, IndexRange.Total(columns)), _options.Type ?? matrix.NumberType, merged);
    }

    QuantizationFormat? FormatOf(StoredMatrix matrix, string module, int columns)
    {
        QuantizationFormat? kept = _options.Dequantize ? null : matrix.Format;
        if (_options.Quantize?.For(module, Text.NumHiddenLayers) is not QuantizationFormat wanted)
        {
            return kept;
        }

        if (wanted.Fits(columns))
        {
            return wanted;
        }

        if (columns > wanted.GroupSize)
        {
            _notes.Add($"{module} has {columns} columns, no whole number of groups of {wanted.GroupSize}, and stays {kept?.Name ?? "unquantised"}.");
        }

        return kept;
    }

    /// <summary>Source axis of each axis of a convolution's kernel in the result; <see langword="null"/> when nothing moves.</summary>
    int[]? KernelAxes(StoredTensor tensor)
    {
        if (!_requests.TryGetValue(tensor.CanonicalName, out ParameterRequest? request)
            || !request.ModuleType.Contains("Convolution", StringComparison.Ordinal))
        {
            return null;
        }

        bool toMlx = Layout != CheckpointLayout.HuggingFace;
        if (tensor.Shape.Count == 3)
        {
            // [C, 1, k] and [C, k, 1]; a kernel of one tap is both.
            bool mlx = !tensor.Shape.SequenceEqual(request.Shape);
            return mlx == toMlx ? null : [0, 2, 1];
        }

        bool turned = _source.TurnsVisionKernels && tensor.CanonicalName.StartsWith("vision_tower.", StringComparison.Ordinal);
        if (tensor.Shape.Count != 4 || !_kernels.Fit(tensor, request.Shape, turned, out KernelLayout layout))
        {
            return null;
        }

        // Output, input, height, width in the source; rows and columns of a kernel change places when it is repaired.
        (int i, int h, int w) = layout == KernelLayout.Mlx ? (3, 1, 2) : (1, 2, 3);
        if (turned && _options.RepairVision)
        {
            (h, w) = (w, h);
        }

        int[] axes = toMlx ? [0, h, w, i] : [0, i, h, w];
        return axes is [0, 1, 2, 3] ? null : axes;
    }
}
