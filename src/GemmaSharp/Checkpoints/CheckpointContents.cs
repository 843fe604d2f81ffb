using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>The tensors of a checkpoint's files by canonical name, with duplicates resolved and reported.</summary>
sealed class CheckpointContents
{
    /// <summary>Across all files; a real checkpoint has a few thousand.</summary>
    const int MostTensors = 100_000;

    readonly CheckpointFiles.Selection _selection;
    readonly bool _headersOnly;

    CheckpointContents(CheckpointFiles.Selection selection, bool headersOnly)
    {
        _selection = selection;
        _headersOnly = headersOnly;
    }

    public List<WeightFile> Files { get; } = [];

    public Dictionary<string, StoredTensor> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Duplicates, and names with something around them.</summary>
    public List<Finding> Findings { get; } = [];

    /// <summary>Canonical names whose file, by the index, is not in the folder.</summary>
    public Dictionary<string, string> MissingFiles { get; } = new(StringComparer.Ordinal);

    /// <exception cref="CheckpointException">A file is unsound, or there are too many tensors.</exception>
    public static CheckpointContents Read(CheckpointFiles.Selection selection, bool headersOnly)
    {
        var contents = new CheckpointContents(selection, headersOnly);
        try
        {
            contents.Read();
            return contents;
        }
        catch
        {
            contents.Files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <summary>The tensors of GGUF files.</summary>
    public static CheckpointContents Of(GgufModel model, bool headersOnly)
    {
        var contents = new CheckpointContents(new CheckpointFiles.Selection([], [], new Dictionary<string, string>(), []), headersOnly);
        contents.Files.AddRange(model.All);
        foreach (StoredTensor tensor in model.Tensors())
        {
            contents.Add(tensor);
        }

        return contents;
    }

    /// <summary>The tensors of files that exist in memory, named as the model asks for them.</summary>
    public static CheckpointContents InMemory(params IEnumerable<WeightFile> files)
    {
        var contents = new CheckpointContents(new CheckpointFiles.Selection([], [], new Dictionary<string, string>(), []), headersOnly: false);
        foreach (WeightFile file in files)
        {
            contents.Files.Add(file);
            foreach (TensorEntry entry in file.Entries)
            {
                contents.Add(new StoredTensor(file, entry, TensorNames.Canonical(entry.Name)));
            }
        }

        return contents;
    }

    void Read()
    {
        foreach (string path in _selection.Files)
        {
            Open(path);
        }

        // A stale index: what it promises may be in files it does not name.
        var promised = new HashSet<string>(_selection.Index.Keys, StringComparer.Ordinal);
        promised.ExceptWith(Files.SelectMany(file => file.Entries).Select(entry => entry.Name));
        int named = Files.Count;
        if (promised.Count > 0)
        {
            foreach (string path in _selection.Others)
            {
                Open(path);
            }
        }

        string[] names = [.. Files.SelectMany(file => file.Entries).Select(entry => entry.Name)];
        WrapperNames wrapper = WrapperNames.Find(names, TensorNames.AreOfModel);
        if (wrapper.Describe(names) is Finding wrapped)
        {
            Findings.Add(wrapped);
        }

        bool textOnly = TensorNames.IsTextOnly(names.Select(wrapper.Strip));
        for (int i = 0; i < Files.Count; i++)
        {
            foreach (TensorEntry entry in Files[i].Entries)
            {
                if (i < named || promised.Contains(entry.Name))
                {
                    Add(new StoredTensor(Files[i], entry, TensorNames.Canonical(wrapper.Strip(entry.Name), textOnly)));
                }
            }
        }

        foreach ((string name, string file) in _selection.Index)
        {
            if (_selection.Missing.Contains(file))
            {
                MissingFiles[TensorNames.Canonical(wrapper.Strip(name), textOnly)] = file;
            }
        }
    }

    void Open(string path)
    {
        Files.Add(SafetensorsFile.Open(path));
        int count = Files.Sum(file => file.Entries.Count);
        if (count > MostTensors)
        {
            throw new CheckpointException(
                $"The files up to {Path.GetFileName(path)} hold {count} tensors; no checkpoint of this model has more than {MostTensors}.");
        }
    }

    void Add(StoredTensor tensor)
    {
        if (Tensors.TryAdd(tensor.CanonicalName, tensor))
        {
            return;
        }

        StoredTensor first = Tensors[tensor.CanonicalName];
        bool byIndex = Indexed(first) != Indexed(tensor);
        (StoredTensor kept, StoredTensor dropped) = byIndex && Indexed(tensor) ? (tensor, first) : (first, tensor);
        Tensors[tensor.CanonicalName] = kept;
        bool same = SameShape(kept, dropped) && (_headersOnly || SameBytes(kept, dropped));
        bool harmless = same || (byIndex && SameShape(kept, dropped));
        Findings.Add(ReportBuilder.Of(dropped, FindingKind.Duplicate, harmless ? Severity.Warning : Severity.Error,
            $"Tensors {kept.Name} {Shape(kept)} in {kept.File.Name} and {dropped.Name} {Shape(dropped)} in {dropped.File.Name} are both "
                + $"{tensor.CanonicalName}{(same ? "" : " and differ")}.",
            $"Remove {dropped.Name} from {dropped.File.Name}{(harmless ? "; the other is used." : ", or the other, whichever is wrong.")}") with
        {
            ExpectedShape = kept.Shape,
        });
    }

    bool Indexed(StoredTensor tensor) => _selection.Index.TryGetValue(tensor.Name, out string? file) && file == tensor.File.Name;

    static bool SameShape(StoredTensor a, StoredTensor b) => a.Type == b.Type && a.Blocks == b.Blocks && a.Shape.SequenceEqual(b.Shape);

    static bool SameBytes(StoredTensor a, StoredTensor b)
    {
        const int Piece = 1 << 20;
        TensorData x = a.Data, y = b.Data;
        for (long at = 0; at < a.Entry.Length; at += Piece)
        {
            int count = (int)Math.Min(Piece, a.Entry.Length - at);
            if (!x.Block.Read(x.Offset + at, count).SequenceEqual(y.Block.Read(y.Offset + at, count)))
            {
                return false;
            }
        }

        return true;
    }

    static string Shape(StoredTensor tensor) => $"[{string.Join(", ", tensor.Shape)}]";
}
