using GemmaSharp.Configuration;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>Findings about quantised checkpoints as a whole: what the configuration says otherwise, towers that should be dense, parts without their
/// module.</summary>
sealed class QuantizationFindings(ParameterReader reader)
{
    /// <summary>Entries of modules that do not exist are told one by one up to here.</summary>
    const int MostEntries = 20;

    readonly List<Finding> _findings = [];

    /// <summary>The findings that do not belong to a single request.</summary>
    public List<Finding> Build()
    {
        if (reader.Quantization is QuantizationEntries entries)
        {
            AddContradictions(entries);
            AddUnknownEntries(entries);
        }

        AddTower();
        return _findings;
    }

    /// <summary>What is said of a <c>.scales</c> or <c>.biases</c> that nobody asked for; <see langword="null"/> when it is no such tensor or its module
    /// is.</summary>
    public Finding? Leftover(StoredTensor tensor)
    {
        if (Module(tensor.CanonicalName) is not string module || reader.Stored(module + ".weight") is not StoredTensor weight || reader.IsUnused(weight))
        {
            return null;
        }

        return ReportBuilder.Of(tensor, FindingKind.WrongQuantization, Severity.Warning,
            $"Tensor {tensor.Name} in {tensor.File.Name} is a part of a quantised module, but {weight.Name} is {weight.TypeName} and is used as it is.",
            $"Remove {tensor.Name}, or convert the checkpoint again from its original.");
    }

    /// <summary>The module whose scales or biases this is.</summary>
    public static string? Module(string name) =>
        name.EndsWith(".scales", StringComparison.Ordinal) ? name[..^".scales".Length]
        : name.EndsWith(".biases", StringComparison.Ordinal) ? name[..^".biases".Length]
        : null;

    // One finding for all modules of which the same wrong thing is said: a wrong default is one mistake, not hundreds.
    void AddContradictions(QuantizationEntries entries)
    {
        var matrices = reader.Requests.Where(r => r.Stored is not null && r.Format.Length > 0 && r.ModuleType is "Linear" or "Embedding")
            .Select(r => (Request: r, Key: entries.Key(r.ModulePath))).ToList();
        bool defaultHolds = matrices.Exists(m => m.Key is null && m.Request.Quantization is QuantizationFormat f && Agrees(entries.Default, f));

        // A dense module is no contradiction unless it is named: loaders go by its scales.
        var wrong = matrices.Where(m => m.Request.Quantization is QuantizationFormat format
            ? !Agrees(m.Key is null ? entries.Default : entries[m.Key], format)
            : m.Key is not null && entries[m.Key] is not null);
        foreach (var group in wrong.GroupBy(m => (Named: m.Key is not null, Said: m.Key is null ? entries.Default : entries[m.Key], m.Request.Format)))
        {
            (ParameterRequest first, string? key) = group.First();
            int others = group.Count() - 1;
            string owners = others == 0 ? $"{first.ModuleType} {first.ModulePath} is" : $"{first.ModuleType} {first.ModulePath} and {others} more modules are";
            string said = group.Key.Said is QuantizationSetting s ? $"{s.Mode}, {s.Bits} bits, groups of {s.GroupSize}" : "not quantised";
            string setting = Setting(first.Quantization);
            string repair = key is not null ? $"Set \"{key}\"{(others == 0 ? "" : " and theirs")} under quantization in config.json to {setting}."
                : defaultHolds ? $"Give {(others == 0 ? "it an entry" : "them entries")} under quantization in config.json: {setting}."
                : $"Set quantization in config.json to {setting}.";
            _findings.Add(ReportBuilder.Of(first.Stored, FindingKind.WrongQuantization, Severity.Warning,
                $"{owners} {group.Key.Format} by {(others == 0 ? "its" : "their")} tensors, which count, but the configuration says {said}.", repair) with
            {
                ModuleType = first.ModuleType,
            });
        }
    }

    void AddUnknownEntries(QuantizationEntries entries)
    {
        // A slice leaves out layers that the configuration rightly names.
        if (reader.Slice is not null)
        {
            return;
        }

        HashSet<string> known = [.. reader.Requests.Select(r => TensorNames.Bare(r.ModulePath)),
            .. reader.Names.Where(n => n.EndsWith(".weight", StringComparison.Ordinal)).Select(n => TensorNames.Bare(n[..^".weight".Length]))];
        string[] unknown = [.. entries.Keys.Where(key => entries[key] is not null && !known.Contains(TensorNames.Bare(key))
            && TensorNames.Bare(key) != "lm_head" && !reader.IsIgnored(TensorNames.Canonical(key)))];
        foreach (string key in unknown.Take(MostEntries))
        {
            string bare = TensorNames.Bare(key);
            string? closest = known.Select(name => (Name: name, Edits: Repairs.Edits(bare, name))).Where(c => c.Edits <= bare.Length / 4)
                .OrderBy(c => c.Edits).ThenBy(c => c.Name, StringComparer.Ordinal).FirstOrDefault().Name;
            Add(key, $"The configuration has a quantisation setting for \"{key}\", a module that this model does not have.",
                closest is null ? "Remove the entry from quantization in config.json." : $"Rename the entry to \"{closest}\" if it means that, or remove it.");
        }

        if (unknown.Length > MostEntries)
        {
            Add(unknown[^1], $"The configuration has quantisation settings for {unknown.Length - MostEntries} more modules up to \"{unknown[^1]}\" that this "
                + $"model does not have.", "Check that config.json belongs to these weights.");
        }

        void Add(string key, string problem, string repair) => _findings.Add(new Finding
        {
            Kind = FindingKind.UnknownModule,
            Severity = Severity.Warning,
            Tensor = key,
            ModulePath = key,
            Problem = problem,
            Repair = repair,
        });
    }

    // Conversions of before July 2025 quantised the linear layers that hear.
    void AddTower()
    {
        ParameterRequest[] quantised = [.. reader.Requests.Where(
            r => r.Quantization is not null && r.ModulePath.StartsWith("audio_tower.", StringComparison.Ordinal))];
        if (quantised.Length > 0)
        {
            string formats = string.Join(", ", quantised.Select(r => r.Format).Distinct().Order(StringComparer.Ordinal));
            _findings.Add(new Finding
            {
                Kind = FindingKind.QuantizedTower,
                Severity = Severity.Note,
                Tensor = "audio_tower",
                ModulePath = "audio_tower",
                ModuleType = ModuleTypes.Of("audio_tower"),
                Problem = $"{quantised.Length} linear layers of audio_tower are quantised ({formats}), as early mlx-vlm conversions are; they are used so, "
                    + $"and speech is understood less well.",
                Repair = "Convert the original again: gemma convert --bits 4 leaves the towers as they are.",
            });
        }
    }

    static bool Agrees(QuantizationSetting? said, QuantizationFormat format) =>
        said is not null && said.Mode == format.ModeName && said.Bits == format.Bits && said.GroupSize == format.GroupSize;

    static string Setting(QuantizationFormat? format) => format is null ? "false"
        : $"{{\"group_size\": {format.GroupSize}, \"bits\": {format.Bits}, \"mode\": \"{format.ModeName}\"}}";
}
