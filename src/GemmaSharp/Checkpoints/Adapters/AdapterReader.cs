using GemmaSharp.Layers;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>Reads an adapter's folder and checks all of it against a base, so that one report has every finding.</summary>
sealed class AdapterReader
{
    /// <summary>Far beyond what anybody trains; a higher rank is a mistake or malice.</summary>
    const int HighestRank = 4096;

    readonly string _folder;
    readonly Checkpoint _checkpoint;
    readonly AdapterFiles _files;
    readonly ModuleNames _names;
    readonly AdapterFindings _findings;
    readonly SortedDictionary<string, int> _notLoaded = new(StringComparer.Ordinal);
    readonly List<LoraPair> _pairs = [];
    readonly List<(string Path, string Why)> _idle = [];

    /// <exception cref="AdapterException">The folder holds no adapter.</exception>
    public AdapterReader(string folder, Checkpoint checkpoint)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        _folder = folder;
        _checkpoint = checkpoint;
        _files = AdapterFiles.Find(folder);
        _names = new ModuleNames(checkpoint);
        _findings = new AdapterFindings(_names);
    }

    /// <summary>Everything found.</summary>
    /// <exception cref="SafetensorsException">The weight file is damaged.</exception>
    public LoadReport Read()
    {
        AdapterSettings settings = _files.Format == AdapterFormat.Peft ? new PeftSettings(_files.Config, _findings) : new MlxSettings(_files.Config, _findings);
        using SafetensorsFile file = SafetensorsFile.Open(_files.Weights);
        if (!settings.Unsupported)
        {
            ReadTensors(file, settings);
        }

        AddIdle();
        AddBase(settings);
        return new LoadReport(_folder, _findings.All, file.Entries.Count, 2 * _pairs.Count, isAdapter: true);
    }

    /// <summary>The adapter that was read.</summary>
    public LoraAdapter Adapter(LoadReport report) => new(_folder, _files.Format, _checkpoint.Linears, _pairs, report);

    void ReadTensors(SafetensorsFile file, AdapterSettings settings)
    {
        string[] stored = [.. file.Entries.Select(entry => entry.Name)];
        WrapperNames wrapper = WrapperNames.Find(stored, names => Tensors(file, [.. names]).Any(IsOfBase), ofAdapter: true);
        if (wrapper.Describe(stored) is Finding wrapped)
        {
            _findings.Add(wrapped with { File = file.Name });
        }

        AdapterTensor[] tensors = Tensors(file, [.. stored.Select(wrapper.Strip)]);
        if (tensors.Length == 0)
        {
            _findings.AddSetting("", FindingKind.Missing, $"{file.Name} has no tensors.", "Save the adapter again.");
        }

        bool textOnly = TensorNames.IsTextOnly(tensors.Select(tensor => tensor.Module));
        foreach (IGrouping<string, AdapterTensor> module in tensors.GroupBy(tensor => _names.Canonical(tensor.Module, textOnly))
            .OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            ReadModule(module.Key, [.. module], file, settings);
        }

        foreach ((string part, int modules) in _notLoaded)
        {
            _findings.AddPart(part, FindingKind.UnusedModule,
                $"The adapter changes {modules} {(modules == 1 ? "module" : "modules")} of {part}, which is not loaded, so this part of it has no effect.",
                $"Load the checkpoint with {part}.", Severity.Warning);
        }
    }

    AdapterTensor[] Tensors(SafetensorsFile file, string[] names) => [.. file.Entries.Zip(names).Select(pair => _files.Format == AdapterFormat.Peft
        ? AdapterTensor.Peft(file.Name, pair.First, pair.Second) : AdapterTensor.Mlx(file.Name, pair.First, pair.Second))];

    bool IsOfBase(AdapterTensor tensor)
    {
        string path = _names.Canonical(tensor.Module, textOnly: !tensor.Module.Contains("language_model", StringComparison.Ordinal));
        return _names.Type(path) is not null || _names.IsOfSharedLayer(path) || _names.PartNotLoaded(path) is not null;
    }

    void ReadModule(string path, AdapterTensor[] tensors, SafetensorsFile file, AdapterSettings settings)
    {
        AdapterTensor[] halves = [.. tensors.Where(tensor => tensor.Part is not null)];
        foreach (AdapterTensor tensor in tensors.Where(tensor => tensor.Part is null))
        {
            string what = tensor.Kind is null ? "is no part of a LoRA adapter" : $"is {tensor.Kind}, which cannot be applied";
            _findings.AddTensor(tensor, path, FindingKind.Unsupported, $"Tensor {tensor.Entry.Name} {what}.",
                "Merge the adapter into its base with the program that made it and use the result, or train a plain LoRA adapter.");
        }

        if (halves.Length == 0)
        {
            return;
        }

        if (_checkpoint.Linears.Find(path) is not LinearModule module)
        {
            AddUnusable(path, halves[0]);
            return;
        }

        if (halves.GroupBy(half => half.Part).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            AdapterTensor[] both = [.. twice.Take(2)];
            _findings.AddTensor(both[1], path, FindingKind.Duplicate, $"Tensors {both[0].Entry.Name} and {both[1].Entry.Name} both change {path}.",
                "Save one adapter in one file.");
            return;
        }

        if (halves.Length == 1)
        {
            AdapterTensor half = halves[0];
            _findings.AddTensor(half, path, FindingKind.Missing,
                $"Tensor {half.Entry.Name} has no partner: {path} needs {Named(AdapterPart.Down)} and {Named(AdapterPart.Up)}.", "Save the adapter again.");
            return;
        }

        AdapterTensor down = halves.First(half => half.Part == AdapterPart.Down), up = halves.First(half => half.Part == AdapterPart.Up);
        if (Fits(module, down, up, settings, out int rank, out float scale)
            && Values(down, module, file, transpose: _files.Format == AdapterFormat.MlxLm) is float[] a
            && Values(up, module, file, transpose: _files.Format == AdapterFormat.Peft) is float[] b)
        {
            _pairs.Add(new LoraPair(module, rank, a, b, scale));
            string? why = !a.AsSpan().ContainsAnyExcept(0f) ? $"{Named(AdapterPart.Down)} is zero throughout"
                : !b.AsSpan().ContainsAnyExcept(0f) ? $"{Named(AdapterPart.Up)} is zero throughout"
                : IsProductZero(a, b, rank) ? $"each rank is zero in {Named(AdapterPart.Down)} or in {Named(AdapterPart.Up)}"
                : scale == 0 ? $"{AdapterFiles.ConfigName} gives it the scale 0" : null;
            if (why is not null)
            {
                _idle.Add((path, why));
            }
        }
    }

    bool Fits(LinearModule module, AdapterTensor down, AdapterTensor up, AdapterSettings settings, out int rank, out float scale)
    {
        (rank, scale) = (0, 0);
        bool good = IsFloat(down, module) & IsFloat(up, module);
        if (down.Entry.Shape.Count != 2 || up.Entry.Shape.Count != 2)
        {
            AdapterTensor odd = down.Entry.Shape.Count != 2 ? down : up;
            _findings.AddTensor(odd, module.Path, FindingKind.WrongShape,
                $"Tensor {odd.Entry.Name} is {Shape(odd.Entry.Shape)}; a matrix is needed for linear layer {module.Path}.", "Save the adapter again.");
            return false;
        }

        bool peft = _files.Format == AdapterFormat.Peft;
        (long rankDown, long inputs) = peft ? (down.Entry.Shape[0], down.Entry.Shape[1]) : (down.Entry.Shape[1], down.Entry.Shape[0]);
        (long rankUp, long outputs) = peft ? (up.Entry.Shape[1], up.Entry.Shape[0]) : (up.Entry.Shape[0], up.Entry.Shape[1]);
        string both = $"Tensors {down.Entry.Name} {Shape(down.Entry.Shape)} and {up.Entry.Name} {Shape(up.Entry.Shape)}";
        if (inputs != module.InFeatures || outputs != module.OutFeatures)
        {
            _findings.AddTensor(down, module.Path, FindingKind.WrongShape,
                $"{both} change a layer of [{outputs}, {inputs}]; {module.Path} of this base is [{module.OutFeatures}, {module.InFeatures}]: the adapter was "
                    + $"made for another base.",
                _names.OfWholeModel ?? (settings.BaseName is null ? "Use it with the base it was trained on." : $"Use it with {settings.BaseName}."),
                    expected: [module.OutFeatures, module.InFeatures]);
            return false;
        }

        if (rankDown != rankUp || rankDown < 1 || rankDown > HighestRank)
        {
            _findings.AddTensor(down, module.Path, FindingKind.WrongShape,
                $"{both} have ranks {rankDown} and {rankUp}; both must have one rank from 1 to {HighestRank}.", "Save the adapter again.");
            return false;
        }

        rank = (int)rankDown;
        if (settings.Rank(down.Module) is int said && said != rank)
        {
            _findings.AddTensor(down, module.Path, FindingKind.WrongSetting,
                $"{both} have rank {rank}, and {AdapterFiles.ConfigName} says {said} for {module.Path}.",
                "Take the configuration that was saved with these tensors.");
            good = false;
        }

        scale = (float)settings.Scale(down.Module, rank);
        if (!float.IsFinite(scale))
        {
            _findings.AddTensor(
                down, module.Path, FindingKind.WrongSetting,
                FormattableString.Invariant($"The scale of {module.Path} is {scale} by {AdapterFiles.ConfigName}; a finite number is needed."),
                "Set alpha to the value the adapter was trained with.");
            good = false;
        }

        return good;
    }

    bool IsFloat(AdapterTensor tensor, LinearModule module)
    {
        if (tensor.Entry.Type is ElementType.F64 or ElementType.F32 or ElementType.F16 or ElementType.BF16)
        {
            return true;
        }

        _findings.AddTensor(tensor, module.Path, FindingKind.WrongType,
            $"Tensor {tensor.Entry.Name} is {tensor.Entry.Type.Name()}; F32, BF16 or F16 is needed.", "Save the adapter unquantised.");
        return false;
    }

    /// <summary>The values, turned if they are to be; null when one is not finite.</summary>
    float[]? Values(AdapterTensor tensor, LinearModule module, SafetensorsFile file, bool transpose)
    {
        TensorData data = file.Tensor(tensor.Entry);
        float[] values = new float[data.ElementCount];
        data.ToSingles(values);
        int bad = Array.FindIndex(values, value => !float.IsFinite(value));
        if (bad >= 0)
        {
            _findings.AddTensor(tensor, module.Path, FindingKind.NonFinite,
                $"Tensor {tensor.Entry.Name} has {values[bad]} as value {bad} of {values.Length}; finite numbers are needed.",
                "Train or download the adapter again.");
            return null;
        }

        return transpose ? Transposed(values, (int)tensor.Entry.Shape[0], (int)tensor.Entry.Shape[1]) : values;
    }

    static float[] Transposed(float[] values, int rows, int columns)
    {
        float[] turned = new float[values.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                turned[((long)j * rows) + i] = values[((long)i * columns) + j];
            }
        }

        return turned;
    }

    void AddUnusable(string path, AdapterTensor tensor)
    {
        string shown = AdapterFindings.Shown(path);
        if (_names.Type(path) is { Length: > 0 } type)
        {
            _findings.AddTensor(tensor, path, FindingKind.Unsupported,
                $"Tensor {tensor.Entry.Name} changes {type} {shown}; adapters are applied to linear layers only.",
                "Merge the adapter into its base with the program that made it and use the result.");
        }
        else if (_names.IsOfSharedLayer(path))
        {
            _findings.AddTensor(tensor, path, FindingKind.UnusedModule,
                $"The adapter changes {shown}, which nothing reads: this layer shares the keys and values of an earlier one.", null, Severity.Note);
        }
        else if (_names.PartNotLoaded(path) is string part)
        {
            _notLoaded[part] = _notLoaded.GetValueOrDefault(part) + 1;
        }
        else
        {
            _findings.AddTensor(tensor, path, FindingKind.UnknownModule, $"Tensor {tensor.Entry.Name} changes {shown}, which this base does not have.",
                _names.Repair(path));
        }
    }

    /// <summary>Pairs whose product is zero: B is so before training, and stays so where it was not trained or not saved.</summary>
    void AddIdle()
    {
        if (_idle.Count > 0)
        {
            string result = _idle.Count == _pairs.Count ? "the adapter changes nothing" : "change nothing";
            _findings.AddPart(_idle[0].Path, FindingKind.AllZero,
                $"{_idle.Count} of {_pairs.Count} pairs are zero and {result}: {_idle[0].Why} for {_idle[0].Path}.",
                "Train the adapter, or save or download it again; if it is meant to do nothing, leave it out.", Severity.Warning);
        }
    }

    /// <summary>Whether of each rank the row of A or the row of B, both <c>[rank, …]</c>, is zero, as after pruning of ranks.</summary>
    static bool IsProductZero(float[] a, float[] b, int rank)
    {
        int inputs = a.Length / rank, outputs = b.Length / rank;
        for (int r = 0; r < rank; r++)
        {
            if (a.AsSpan(r * inputs, inputs).ContainsAnyExcept(0f) && b.AsSpan(r * outputs, outputs).ContainsAnyExcept(0f))
            {
                return false;
            }
        }

        return true;
    }

    void AddBase(AdapterSettings settings)
    {
        // A folder's name says little, so this only informs; the shapes decide.
        if (settings.BaseName is { Length: > 0 } name && !string.Equals(LastPart(name), LastPart(_checkpoint.Folder), StringComparison.OrdinalIgnoreCase))
        {
            _findings.AddSetting("base_model_name_or_path", FindingKind.OtherBase,
                $"The adapter says it was made for {name}; it is used with {_checkpoint.Folder}.", null, Severity.Note);
        }
    }

    static string LastPart(string path) => path.TrimEnd('/', '\\')[(path.TrimEnd('/', '\\').LastIndexOfAny(['/', '\\']) + 1)..];

    string Named(AdapterPart part) => (_files.Format, part) switch
    {
        (AdapterFormat.Peft, AdapterPart.Down) => "lora_A",
        (AdapterFormat.Peft, _) => "lora_B",
        (_, AdapterPart.Down) => "lora_a",
        _ => "lora_b",
    };

    static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";
}
