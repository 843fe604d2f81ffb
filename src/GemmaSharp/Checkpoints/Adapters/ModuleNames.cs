using System.Globalization;
using GemmaSharp.Layers;

namespace GemmaSharp.Checkpoints.Adapters;

/// <summary>The module paths of a base: brings an adapter's names to them, and says what a name may have meant.</summary>
sealed class ModuleNames
{
    const string LanguageModel = "language_model.";

    /// <summary>Comparisons of names for one adapter, so that a foreign file costs little.</summary>
    const int MostComparisons = 200_000;

    readonly Checkpoint _checkpoint;
    readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _listLengths = new(StringComparer.Ordinal);
    int _comparisons;

    public ModuleNames(Checkpoint checkpoint)
    {
        _checkpoint = checkpoint;
        foreach (ParameterRequest request in checkpoint.Requests)
        {
            _types.TryAdd(request.ModulePath, request.ModuleType);
        }

        foreach (LinearModule module in checkpoint.Linears.All)
        {
            foreach ((string list, int index) in Indices(module.Path))
            {
                _listLengths[list] = Math.Max(_listLengths.GetValueOrDefault(list), index + 1);
            }
        }
    }

    /// <summary>The canonical path of a module named in any of the naming schemes.</summary>
    /// <param name="module">The name in the file, without peft's own prefix.</param>
    /// <param name="textOnly">Whether no name of the file mentions the language model.</param>
    public string Canonical(string module, bool textOnly)
    {
        const string Weight = ".weight";
        string path = TensorNames.Canonical(module + Weight, textOnly)[..^Weight.Length];

        // An adapter of the bare text model names its layers without anything before them.
        return !TensorNames.IsOfModel(path + Weight) && IsKnown(LanguageModel + path) ? LanguageModel + path : path;

        bool IsKnown(string full) => Type(full) is not null || _checkpoint.IsIgnored(full);
    }

    /// <summary>The kind of a module; null when there is no module of this path.</summary>
    public string? Type(string path) => _checkpoint.Linears.Find(path) is not null ? "Linear" : _types.GetValueOrDefault(path);

    /// <summary>Whether the module is a projection that a layer with shared keys and values does not need.</summary>
    public bool IsOfSharedLayer(string path) => path.StartsWith(LanguageModel, StringComparison.Ordinal) && _checkpoint.IsIgnored(path);

    /// <summary>The part of the model that the module is in and that is not loaded; null when it is.</summary>
    public string? PartNotLoaded(string path)
    {
        int dot = path.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && _checkpoint.IsIgnored(path[..dot]) ? path[..dot] : null;
    }

    /// <summary>Where the base is a slice: what to do with an adapter of the whole model; null for other bases.</summary>
    public string? OfWholeModel => _checkpoint.Slice is null ? null
        : "Here only a slice of the checkpoint is used: an adapter of the whole model can be merged and cut with it by \"gemma convert\" (--merge-adapter "
            + "and --slice).";

    /// <summary>What to do about a module that the base does not have.</summary>
    public string Repair(string path)
    {
        foreach ((string list, int index) in Indices(path))
        {
            if (_listLengths.TryGetValue(list, out int length) && index >= length)
            {
                return OfWholeModel ?? $"{list} of this base has {length} entries; use the adapter with the base it was trained on.";
            }
        }

        (string? closest, int fewest) = (null, int.MaxValue);
        foreach (LinearModule module in _checkpoint.Linears.All)
        {
            if (_comparisons++ >= MostComparisons)
            {
                break;
            }

            int edits = Repairs.Edits(path, module.Path);
            if (edits < fewest && edits <= Math.Min(12, path.Length / 2))
            {
                (closest, fewest) = (module.Path, edits);
            }
        }

        return closest is null ? "Use the adapter with the base it was trained on." : $"The closest name here is {closest}.";
    }

    static IEnumerable<(string List, int Index)> Indices(string path)
    {
        string[] segments = path.Split('.');
        for (int i = 1; i < segments.Length; i++)
        {
            if (segments[i].Length < 7 && int.TryParse(segments[i], NumberStyles.None, CultureInfo.InvariantCulture, out int index))
            {
                yield return (string.Join('.', segments[..i]), index);
            }
        }
    }
}
