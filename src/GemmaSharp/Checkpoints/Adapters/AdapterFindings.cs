namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>Collects what is found about an adapter. Beyond a bound only the number is kept: a foreign file may have any number of tensors.</summary>
sealed class AdapterFindings(ModuleNames names)
{
    const int Most = 1000;

    readonly List<Finding> _all = [];
    int _more;

    /// <summary>All of them, with a last one for those beyond the bound.</summary>
    public IEnumerable<Finding> All => _more == 0 ? _all : _all.Append(new Finding
    {
        Kind = FindingKind.Unexpected,
        Severity = Severity.Error,
        Tensor = "",
        Problem = $"There are {_more} more findings.",
        Repair = "Check that the adapter belongs to this base.",
    });

    /// <summary>Notes something about a key of the configuration.</summary>
    public void AddSetting(string key, FindingKind kind, string problem, string? repair, Severity severity = Severity.Error) => Add(new Finding
    {
        Kind = kind,
        Severity = severity,
        Tensor = "",
        StoredName = key,
        File = AdapterFiles.ConfigName,
        Problem = problem,
        Repair = repair,
    });

    /// <summary>Notes something about a tensor.</summary>
    public void AddTensor(AdapterTensor tensor, string canonicalModule, FindingKind kind, string problem, string? repair, Severity severity = Severity.Error,
        IReadOnlyList<long>? expected = null) => Add(new Finding
        {
            Kind = kind,
            Severity = severity,
            Tensor = canonicalModule,
            ModulePath = canonicalModule,
            ModuleType = names.Type(canonicalModule) ?? "",
            StoredName = tensor.Entry.Name,
            ExpectedShape = expected,
            FoundShape = tensor.Entry.Shape,
            FoundType = Numerics.Formats.ElementTypes.Name(tensor.Entry.Type),
            File = tensor.File,
            FirstByte = tensor.Entry.Offset,
            EndByte = tensor.Entry.End,
            Problem = problem,
            Repair = repair,
        });

    /// <summary>Notes something about modules below one place.</summary>
    public void AddPart(string path, FindingKind kind, string problem, string? repair, Severity severity) => Add(new Finding
    {
        Kind = kind,
        Severity = severity,
        Tensor = path,
        ModulePath = path,
        ModuleType = names.Type(path) ?? "",
        Problem = problem,
        Repair = repair,
    });

    /// <summary>Text from a file as it may be shown: short, on one line, without control characters.</summary>
    public static string Shown(string text)
    {
        const int Longest = 120;
        string clean = new([.. text.Take(Longest).Select(c => char.IsControl(c) ? '?' : c)]);
        return text.Length > Longest ? clean + "…" : clean;
    }

    /// <summary>Notes something.</summary>
    public void Add(Finding finding)
    {
        if (_all.Count < Most)
        {
            _all.Add(finding);
        }
        else
        {
            _more++;
        }
    }
}
