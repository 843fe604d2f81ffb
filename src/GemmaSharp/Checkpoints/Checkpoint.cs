using System.Text.Json;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Checkpoints;

/// <summary>A checkpoint folder or GGUF file: its configuration, its tensors by canonical name, and the account of what a model asked of it.</summary>
/// <remarks>
/// Loading is: open, build every module from <see cref="Root"/>, make the <see cref="Report"/>, and refuse if it has errors. Weights are mapped, so
/// the checkpoint must outlive the model. Building is for one thread; the finished weights are safe for all.
/// </remarks>
sealed class Checkpoint : IDisposable
{
    readonly ParameterReader _reader;
    readonly List<WeightFile> _files;
    readonly List<Finding> _findings;
    readonly Dictionary<string, string> _missingFiles;
    readonly Gemma3nConfig _whole;
    readonly SlicePlan? _slice;

    Checkpoint(
        string folder, Gemma3nConfig config, SlicePlan? slice, CheckpointContents contents, CheckpointOptions options, GgufModel? gguf = null)
    {
        Folder = folder;
        Gguf = gguf;
        _whole = config;
        _slice = slice;
        Config = slice is null ? config : SlicedConfig.Of(config, slice.Slice);
        _files = contents.Files;
        _findings = contents.Findings;
        _missingFiles = Sliced(contents.MissingFiles, (file, _) => file);
        Dictionary<string, StoredTensor> tensors = Sliced(contents.Tensors, (tensor, name) => tensor.Named(name));
        Tensors = [.. tensors.Values.OrderBy(t => t.CanonicalName, NaturalOrder.Instance)];

        bool hasVision = Tensors.Any(t => t.CanonicalName.StartsWith("vision_tower.", StringComparison.Ordinal));
        bool firstUpload = hasVision && !tensors.ContainsKey("vision_tower.timm_model.conv_stem.conv.bias");
        TurnsVisionKernels = hasVision && (options.VisionWeights == VisionWeights.Transposed || (options.VisionWeights == VisionWeights.Auto && firstUpload));
        _reader = new ParameterReader(tensors, options.HeadersOnly, TurnsVisionKernels, config.Quantization, slice)
        {
            Products = options.Products,
            LeastReducedWeights = options.Products == ProductMode.Fast ? options.LeastReducedWeights : null,
            IsGguf = gguf is not null,
        };
        Root = new ParameterScope(_reader, "");
    }

    /// <summary>The folder, or the GGUF file.</summary>
    public string Folder { get; }

    /// <summary>The GGUF files, when the checkpoint is such.</summary>
    public GgufModel? Gguf { get; }

    /// <summary>Its <c>config.json</c>, or what a GGUF file says in its place; of a slice, what the smaller model's would be.</summary>
    public Gemma3nConfig Config { get; }

    /// <summary>The smaller model that is read out of the files; <see langword="null"/> when it is all of them.</summary>
    public MatFormerSlice? Slice => _slice?.Slice;

    /// <summary>All tensors, by canonical name; of a slice, those of the layers that stay, by their names in the smaller model.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>The weight files read.</summary>
    public IReadOnlyList<WeightFile> Files => _files;

    /// <summary>Where building a model begins.</summary>
    public ParameterScope Root { get; }

    /// <summary>What stands for the weights where only headers are read and a model is built to see what memory it takes.</summary>
    public OutlineParameters NewOutlines() => new(_reader);

    /// <summary>Bytes of the float32 copies made of small tensors and turned kernels.</summary>
    internal long CopiedBytes => _reader.CopiedBytes;

    /// <summary>
    /// Gives back the memory of all that was read of the files: after loading it was read for the last time, or will be read again when it is multiplied.
    /// </summary>
    public void ForgetFiles()
    {
        foreach (WeightFile file in _files)
        {
            file.Forget();
        }
    }

    /// <summary>Whether rows and columns of spatial vision kernels are exchanged while loading (first upload).</summary>
    public bool TurnsVisionKernels { get; }

    /// <summary>Opens a checkpoint. Weights are mapped, not read.</summary>
    /// <param name="folder">A folder with <c>config.json</c> and safetensors files: one, or shards with or without their index. Or a
    /// GGUF file, any part of one, or the folder of one.</param>
    /// <param name="options">How; the default maps the weights.</param>
    /// <exception cref="CheckpointException">The folder or a file in it is not what is needed.</exception>
    /// <exception cref="ConfigurationException">The configuration is of another model, or impossible.</exception>
    /// <exception cref="SliceException">The model has no such slice.</exception>
    public static Checkpoint Open(string folder, CheckpointOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new CheckpointOptions();
        if (GgufModel.Find(folder) is string file)
        {
            return OpenGguf(file, options);
        }

        if (options.Projector is not null)
        {
            throw new CheckpointException($"{folder} is no GGUF file, so it cannot have {options.Projector} as its towers; leave that out.");
        }

        CheckpointFiles.Selection selection = CheckpointFiles.Find(folder);
        Gemma3nConfig config = Gemma3nConfig.Load(folder);
        SlicePlan? slice = Plan(config, options);
        return new Checkpoint(folder, config, slice, CheckpointContents.Read(selection, options.HeadersOnly), options);
    }

    static Checkpoint OpenGguf(string path, CheckpointOptions options)
    {
        GgufModel gguf = GgufModel.Open(path, options.Projector);
        try
        {
            CheckpointContents contents = CheckpointContents.Of(gguf, options.HeadersOnly);
            (JsonElement root, Func<string, ConfigPlace> places) = GgufConfig.Read(gguf.First, contents.Tensors.Values, gguf.Projector);
            Gemma3nConfig config = Gemma3nConfigReader.Read(root, gguf.First.Name, places);
            return new Checkpoint(path, config, Plan(config, options), contents, options, gguf);
        }
        catch
        {
            foreach (GgufFile file in gguf.All)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>A checkpoint without a folder.</summary>
    internal static Checkpoint InMemory(string name, Gemma3nConfig config, CheckpointContents contents, CheckpointOptions? options = null) =>
        new(name, config, Plan(config, options), contents, options ?? new CheckpointOptions());

    static SlicePlan? Plan(Gemma3nConfig config, CheckpointOptions? options) => options?.Slice is null ? null : new SlicePlan(config.TextConfig, options.Slice);

    /// <summary>What stays in the slice, by its names in the smaller model.</summary>
    Dictionary<string, T> Sliced<T>(Dictionary<string, T> whole, Func<T, string, T> named)
    {
        if (_slice is null)
        {
            return whole;
        }

        Dictionary<string, T> sliced = new(StringComparer.Ordinal);
        foreach ((string name, T value) in whole)
        {
            if (_slice.Rename(name) is string renamed)
            {
                sliced.Add(renamed, named(value, renamed));
            }
        }

        return sliced;
    }

    /// <summary>Everything found so far, complete once every module has been built.</summary>
    public LoadReport Report()
    {
        var findings = new List<Finding>(_findings);
        findings.AddRange(new ReportBuilder(_reader, _whole, _missingFiles).Build());
        AddTowerNote(findings, Config.VisionConfig is not null, "vision_tower", "pictures");
        AddTowerNote(findings, Config.AudioConfig is not null, "audio_tower", "sound");
        if (_slice is not null)
        {
            findings.Add(new Finding
            {
                Kind = FindingKind.Sliced,
                Severity = Severity.Note,
                Tensor = "language_model",
                ModulePath = "language_model",
                ModuleType = ModuleTypes.Of("language_model"),
                Problem = _slice.Describe(),
            });
        }

        if (TurnsVisionKernels)
        {
            findings.Add(new Finding
            {
                Kind = FindingKind.FirstUploadVision,
                Severity = Severity.Note,
                Tensor = "vision_tower",
                ModulePath = "vision_tower",
                ModuleType = ModuleTypes.Of("vision_tower"),
                Problem = "The vision weights are those of the first upload (there is no conv_stem.conv.bias), so kernel rows and columns are exchanged "
                    + "while loading.",
                Repair = "Nothing is needed here; gemma convert --repair-vision writes them as every other program expects. If pictures are misread, try "
                    + "--vision-weights as-is.",
            });
        }

        return new LoadReport(Folder, findings, Tensors.Count, _reader.UsedCount);
    }

    /// <summary>Everything asked for so far, in order.</summary>
    internal IReadOnlyList<ParameterRequest> Requests => _reader.Requests;

    /// <summary>The linear layers asked for so far, by which adapters find them.</summary>
    internal LinearModules Linears => _reader.Linears;

    /// <summary>Whether the model accepts tensors at or below this path without using them.</summary>
    internal bool IsIgnored(string path) => _reader.IsIgnored(path);

    /// <summary>The tree of modules that asked for parameters, for listings.</summary>
    public ModuleNode Modules() => ModuleNode.Tree(_reader.Requests);

    /// <summary>Unmaps the weights. A model built from them must not be used any more.</summary>
    public void Dispose()
    {
        Linears.ReleaseProducts();
        foreach (WeightFile file in _files)
        {
            file.Dispose();
        }
    }

    void AddTowerNote(List<Finding> findings, bool configured, string tower, string input)
    {
        if (configured && !Root.Contains(tower) && !_reader.Requests.Any(r => r.Tensor.StartsWith(tower + ".", StringComparison.Ordinal)))
        {
            findings.Add(new Finding
            {
                Kind = FindingKind.TowerMissing,
                Severity = Severity.Note,
                Tensor = tower,
                ModulePath = tower,
                ModuleType = ModuleTypes.Of(tower),
                Problem = $"The checkpoint has no weights of {tower}, so {input} will be refused.",
                Repair = Gguf is null ? $"Use a checkpoint with its towers for {input}." : $"Give the file with the towers (--mmproj) for {input}.",
            });
        }
    }
}
