using GemmaSharp.Configuration;

namespace GemmaSharp.Checkpoints;

/// <summary>Turns the account of a <see cref="ParameterReader"/> into findings with their repairs.</summary>
sealed class ReportBuilder(ParameterReader reader, Gemma3nConfig config, IReadOnlyDictionary<string, string> missingFiles)
{
    /// <summary>A checkpoint of another model may have any number of unknown tensors; the rest is summed up.</summary>
    const int MostUnexpected = 1000;

    // Of the model in the files, whatever part of it is used.
    readonly ConfigFields _fields = new(config);
    readonly List<Finding> _findings = [];

    readonly string _otherSize = reader.IsGguf ? "Download the file again, or get another conversion of the model."
        : "Check that config.json belongs to these weights.";
    HashSet<string>? _faulty;
    readonly QuantizationFindings _quantization = new(reader);

    /// <summary>All findings about requests and leftovers.</summary>
    public List<Finding> Build()
    {
        StoredTensor[] unused = [.. reader.Unused.OrderBy(t => t.CanonicalName, StringComparer.Ordinal)];
        ParameterRequest[] missing = [.. reader.Faults.Where(f => f.Kind == FindingKind.Missing).Select(f => f.Request)];
        Dictionary<string, StoredTensor> pairs = Repairs.PairByName(missing, unused);
        foreach (Fault fault in reader.Faults)
        {
            _findings.Add(Describe(fault, pairs));
        }

        AddLeftovers(unused, pairs.ToLookup(p => p.Value.CanonicalName, p => p.Key));
        _findings.AddRange(_quantization.Build());
        return _findings;
    }

    Finding Describe(Fault fault, Dictionary<string, StoredTensor> pairs)
    {
        ParameterRequest request = fault.Request;
        string owner = $"{request.ModuleType} {request.ModulePath}";
        string needed = Shape(request.StoredShape), inFiles = reader.Slice?.Original(request.Tensor) ?? request.Tensor;
        StoredTensor? stored = request.Stored;
        string found = stored is null ? "" : $"Tensor {stored.Name} is {stored.TypeName} {Shape(stored.Shape)} in {stored.File.Name}";
        (string problem, string? repair) = fault.Kind switch
        {
            FindingKind.Missing => ($"Tensor {request.Tensor} is missing; {owner} needs "
                + $"it{(fault.Detail.StartsWith("as ", StringComparison.Ordinal) ? "" : $" as {needed}")}"
                + $"{(fault.Detail.Length > 0 ? " " : "")}{fault.Detail}.", RepairMissing(request, pairs)),
            FindingKind.WrongShape when request.UnpackedShape is { } unpacked => (
                $"{found} and holds {Shape(unpacked)} by the configured bits; {owner} needs {needed}.",
                    Suggest(inFiles, unpacked, request.StoredShape) ?? _otherSize),
            FindingKind.WrongShape => ($"{found}; {owner} needs {needed}.",
                Suggest(inFiles, stored!.Shape, request.StoredShape) ?? _otherSize),
            FindingKind.WrongLayout => ($"{found}; {owner} needs {needed}.",
                $"Permute its axes by ({string.Join(", ", Repairs.Permutation(stored!.Shape, request.StoredShape))}) and save it again."),
            FindingKind.WrongType => ($"{found}; {owner} needs BF16, F16 or F32.", "Convert the checkpoint again from its original."),
            FindingKind.SurplusRows => ($"{found}; {owner} uses its first {request.Shape[0]} rows.",
                Suggest(inFiles, [stored!.Shape[0], .. request.StoredShape.Skip(1)], request.StoredShape)),
            FindingKind.NonFinite => ($"{found}; {fault.Detail}, and {owner} needs finite numbers.",
                "Download the file again, or convert the checkpoint again from its original."),
            _ => ($"{(stored is null ? $"Tensor {request.Tensor}" : found)}; {owner} {fault.Detail}.",
                fault.Repair ?? "Convert the checkpoint again from its original."),
        };
        return Of(stored, fault.Kind, fault.Severity, problem, repair) with
        {
            Tensor = request.Tensor,
            ModulePath = request.ModulePath,
            ModuleType = request.ModuleType,
            ExpectedShape = request.StoredShape,
        };
    }

    /// <summary>Which configuration value would fit; a GGUF file has none to be set.</summary>
    string? Suggest(string tensor, IReadOnlyList<long> found, IReadOnlyList<long> expected) => reader.IsGguf ? null : _fields.Suggest(tensor, found, expected);

    string RepairMissing(ParameterRequest request, Dictionary<string, StoredTensor> pairs)
    {
        if (missingFiles.TryGetValue(request.Tensor, out string? file))
        {
            return $"It belongs to {file}, which is not in the folder: finish the download.";
        }

        if (!pairs.TryGetValue(request.Tensor, out StoredTensor? similar))
        {
            return "Download the checkpoint again, or convert it again from its original.";
        }

        string turned = similar.Shape.SequenceEqual(request.StoredShape) ? "of the right shape" : $"of shape {Shape(similar.Shape)}";
        return $"Rename {similar.Name} in {similar.File.Name}, which is {turned} and used by nothing.";
    }

    void AddLeftovers(StoredTensor[] unused, ILookup<string, string> similar)
    {
        Dictionary<string, int> lists = ListLengths();
        var surplus = new SortedDictionary<string, List<(int Index, StoredTensor Tensor)>>(StringComparer.Ordinal);
        int unexpected = 0;
        foreach (StoredTensor tensor in unused)
        {
            if (tensor.CanonicalName.StartsWith("lm_head.", StringComparison.Ordinal) && config.TextConfig.TieWordEmbeddings)
            {
                AddHead(tensor);
            }
            else if (SurplusEntry(tensor.CanonicalName, lists) is (string list, int index))
            {
                if (!surplus.TryGetValue(list, out List<(int, StoredTensor)>? entries))
                {
                    surplus[list] = entries = [];
                }

                entries.Add((index, tensor));
            }
            else if (IsPartOfFault(tensor))
            {
                continue;
            }
            else if (++unexpected <= MostUnexpected)
            {
                if (_quantization.Leftover(tensor) is Finding part)
                {
                    _findings.Add(part);
                    continue;
                }


                string? name = similar[tensor.CanonicalName].FirstOrDefault();
                _findings.Add(Of(tensor, FindingKind.Unexpected, Severity.Warning,
                    $"Tensor {tensor.Name} {Shape(tensor.Shape)} in {tensor.File.Name} is not part of this model and is not used.",
                    name is null ? null : $"If it is {name}, rename it."));
            }
        }

        if (unexpected > MostUnexpected)
        {
            _findings.Add(Of(unused[^1], FindingKind.Unexpected, Severity.Warning,
                $"{unexpected - MostUnexpected} more tensors up to {unused[^1].Name} are not part of this model and are not used.",
                    _otherSize));
        }

        foreach ((string list, List<(int Index, StoredTensor Tensor)> entries) in surplus)
        {
            AddSurplus(list, lists[list], entries);
        }
    }

    /// <summary>Whether this is the scales or biases of a module whose weight has a finding of its own.</summary>
    bool IsPartOfFault(StoredTensor tensor)
    {
        _faulty ??= [.. reader.Faults.Where(f => f.Severity == Severity.Error).Select(f => f.Request.ModulePath)];
        return QuantizationFindings.Module(tensor.CanonicalName) is string module && _faulty.Contains(module);
    }

    void AddHead(StoredTensor tensor)
    {
        // A quantised head has scales and biases too; one note is enough.
        if (tensor.CanonicalName == "lm_head.weight")
        {
            bool? copy = reader.HeadersOnly ? null : TiedHead.IsCopy(reader);
            string unlike = copy == false ? ", and the two differ" : "";
            _findings.Add(Of(tensor, FindingKind.ExtraHead, copy == false ? Severity.Warning : Severity.Note,
                $"Tensor {tensor.Name} is not used: embeddings are tied, so embed_tokens is the output head{unlike}.",
                copy == true ? "It is a copy and can be removed; gemma convert leaves it out." : "Set tie_word_embeddings to false in config.json if it is a "
                    + "head of its own."));
        }
    }

    void AddSurplus(string list, int length, List<(int Index, StoredTensor Tensor)> entries)
    {
        int last = entries.Max(e => e.Index);
        StoredTensor first = entries.MinBy(e => e.Index).Tensor;
        (string Key, int Beyond)? count = ConfigFields.CountOf(list);
        _findings.Add(new Finding
        {
            Kind = FindingKind.SurplusEntries,
            Severity = Severity.Error,
            Tensor = $"{list}.{length}",
            StoredName = first.Name,
            File = first.File.Name,
            ModulePath = list,
            ModuleType = "List",
            Problem = $"The checkpoint has {(last == length ? $"entry {length}" : $"entries {length} to {last}")} of {list} ({entries.Count} tensors); this "
                + $"configuration has {length} entries.",
            Repair = count is (string key, int beyond)
                ? $"Set {key} to {last + 1 + beyond} in config.json if the weights are right."
                : _otherSize,
        });
    }

    // For every list of modules the model asked from: one more than its highest index.
    Dictionary<string, int> ListLengths()
    {
        var lengths = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (ParameterRequest request in reader.Requests)
        {
            foreach ((string list, int index) in Indices(request.Tensor))
            {
                lengths[list] = Math.Max(lengths.GetValueOrDefault(list), index + 1);
            }
        }

        return lengths;
    }

    static (string List, int Index)? SurplusEntry(string name, Dictionary<string, int> lists)
    {
        foreach ((string list, int index) in Indices(name))
        {
            if (lists.TryGetValue(list, out int length) && index >= length)
            {
                return (list, index);
            }
        }

        return null;
    }

    static IEnumerable<(string List, int Index)> Indices(string name)
    {
        for (int dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0;)
        {
            int next = name.IndexOf('.', dot + 1);
            ReadOnlySpan<char> segment = next < 0 ? name.AsSpan(dot + 1) : name.AsSpan(dot + 1, next - dot - 1);
            if (segment.Length is > 0 and < 7 && int.TryParse(segment, System.Globalization.NumberStyles.None, null, out int index))
            {
                yield return (name[..dot], index);
            }

            dot = next;
        }
    }

    /// <summary>A finding about a stored tensor.</summary>
    public static Finding Of(StoredTensor? stored, FindingKind kind, Severity severity, string problem, string? repair) => new()
    {
        Kind = kind,
        Severity = severity,
        Tensor = stored?.CanonicalName ?? "",
        ModulePath = Parent(stored),
        ModuleType = ModuleTypes.Of(Parent(stored)),
        StoredName = stored?.Name,
        FoundShape = stored?.Shape,
        FoundType = stored?.TypeName,
        File = stored?.File.Name,
        FirstByte = stored?.Entry.Offset,
        EndByte = stored?.Entry.End,
        Problem = problem,
        Repair = repair,
    };

    static string Parent(StoredTensor? stored) =>
        stored is null ? "" : stored.CanonicalName[..Math.Max(0, stored.CanonicalName.LastIndexOf('.'))];

    static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";
}
