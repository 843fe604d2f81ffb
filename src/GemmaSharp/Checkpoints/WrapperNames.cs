namespace GemmaSharp.Checkpoints;

/// <summary>
/// What training programs put around names when they save a wrapped model: segments such as <c>_orig_mod.</c> (torch.compile) and <c>module.</c> (data
/// parallel) anywhere in a name, since a part of the model may be wrapped alone, and any beginning that all names share, such as <c>base_model.model.</c>
/// (peft). They are read without it.
/// </summary>
sealed class WrapperNames
{
    // Modules that hold another one and nothing else: torch.compile, data parallel, FSDP, activation checkpointing, Lightning. The model has none of a name
    // like these.
    static readonly string[] s_segments = ["_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"];

    // peft's around the weights that an adapter would be added to; in an adapter's own names it says something else.
    static readonly string[] s_ofCheckpoints = [.. s_segments, "base_layer"];

    readonly string[] _segments;
    readonly bool _hasSegments;

    WrapperNames(string[] segments, bool hasSegments, string prefix, int count)
    {
        _segments = segments;
        _hasSegments = hasSegments;
        Prefix = prefix;
        Count = count;
    }

    /// <summary>The beginning that all names share and the model does not know, dots included; empty where there is none.</summary>
    public string Prefix { get; }

    /// <summary>How many names are read otherwise than they are stored.</summary>
    public int Count { get; }

    /// <summary>Finds what is around the names.</summary>
    /// <param name="names">All names, as stored.</param>
    /// <param name="isKnown">Whether the model knows names with this one among them, given all of them without the beginning that is tried.</param>
    /// <param name="ofAdapter">Whether they are an adapter's, and not a checkpoint's.</param>
    public static WrapperNames Find(IReadOnlyCollection<string> names, Func<IReadOnlyCollection<string>, bool> isKnown, bool ofAdapter = false)
    {
        string[] segments = ofAdapter ? s_segments : s_ofCheckpoints;
        int wrapped = names.Count(name => !ReferenceEquals(WithoutSegments(name, segments), name));
        string[] bare = [.. names.Select(name => WithoutSegments(name, segments))];
        int length = 0;
        foreach (int end in CommonEnds(bare).Prepend(0))
        {
            if (isKnown([.. bare.Select(name => name[end..])]))
            {
                length = end;
                break;
            }
        }

        return new WrapperNames(segments, wrapped > 0, length == 0 ? "" : bare[0][..length], length > 0 ? names.Count : wrapped);
    }

    /// <summary>A stored name without what is around it.</summary>
    public string Strip(string name)
    {
        name = _hasSegments ? WithoutSegments(name, _segments) : name;
        return name.StartsWith(Prefix, StringComparison.Ordinal) ? name[Prefix.Length..] : name;
    }

    /// <summary>The finding about it; null where names are as they should be.</summary>
    /// <param name="names">All names, as stored.</param>
    public Finding? Describe(IReadOnlyCollection<string> names)
    {
        if (Count == 0)
        {
            return null;
        }

        string first = names.First(name => Strip(name) != name);
        string around = first[..(first.Length - Strip(first).Length)];
        bool isBeforeAll = Count == names.Count && first.EndsWith(Strip(first), StringComparison.Ordinal)
            && names.All(name => name.StartsWith(around, StringComparison.Ordinal));
        string problem = isBeforeAll
            ? $"All {Count} names begin with {Shown(around)}, which the program that saved them put there; they are read without it."
            : $"{Count} of {names.Count} names hold segments that the program that saved them put there, such as {Shown(first)}, "
                + $"read as {Shown(Strip(first))}.";
        return new Finding
        {
            Kind = FindingKind.WrappedNames,
            Severity = Severity.Warning,
            Tensor = "",
            StoredName = Shown(first),
            Problem = problem,
            Repair = "Nothing is needed here; for other programs save the model that is inside the wrapper, or rewrite it with gemma convert.",
        };

        static string Shown(string text) => Adapters.AdapterFindings.Shown(text);
    }

    static string WithoutSegments(string name, string[] wrappers) =>
        Array.Exists(wrappers, segment => name.Contains(segment, StringComparison.Ordinal)) && name.Split('.') is { } segments
            && Array.Exists(segments, segment => wrappers.Contains(segment))
            ? string.Join('.', segments.Where(segment => !wrappers.Contains(segment)))
            : name;

    /// <summary>Where the beginnings end that all names share, shortest first.</summary>
    static IEnumerable<int> CommonEnds(string[] names)
    {
        if (names.Length == 0)
        {
            yield break;
        }

        ReadOnlyMemory<char> common = names[0].AsMemory();
        foreach (string name in names)
        {
            common = common[..common.Span.CommonPrefixLength(name)];
        }

        for (int i = 0; i < common.Length; i++)
        {
            if (common.Span[i] == '.')
            {
                yield return i + 1;
            }
        }
    }
}
