namespace GemmaSharp.Generation.Constraints;

/// <summary>A set of Unicode scalar values, as sorted ranges. Immutable, thread-safe.</summary>
sealed class CodePointSet
{
    /// <summary>The largest code point.</summary>
    public const int Last = 0x10FFFF;

    CodePointSet((int First, int Last)[] ranges) => Ranges = ranges;

    /// <summary>Every code point that is no surrogate.</summary>
    public static CodePointSet All { get; } = Of((0, Last));

    /// <summary>No code point.</summary>
    public static CodePointSet None { get; } = new([]);

    /// <summary>Its ranges, first and last included, sorted, apart from each other and without surrogates.</summary>
    public IReadOnlyList<(int First, int Last)> Ranges { get; }

    /// <summary>Whether it holds no code point.</summary>
    public bool IsEmpty => Ranges.Count == 0;

    /// <summary>The set of ranges in any order; surrogates are left out.</summary>
    public static CodePointSet Of(params IEnumerable<(int First, int Last)> ranges)
    {
        var list = new List<(int First, int Last)>();
        foreach ((int first, int last) in ranges)
        {
            if (first < 0xD800)
            {
                list.Add((first, Math.Min(last, 0xD7FF)));
            }

            if (last > 0xDFFF)
            {
                list.Add((Math.Max(first, 0xE000), last));
            }
        }

        list.RemoveAll(range => range.First > range.Last);
        list.Sort();
        var merged = new List<(int First, int Last)>();
        foreach ((int first, int last) in list)
        {
            if (merged.Count > 0 && first <= merged[^1].Last + 1)
            {
                merged[^1] = (merged[^1].First, Math.Max(merged[^1].Last, last));
            }
            else
            {
                merged.Add((first, last));
            }
        }

        return new CodePointSet([.. merged]);
    }

    /// <summary>One code point.</summary>
    public static CodePointSet Single(int codePoint) => Of((codePoint, codePoint));

    /// <summary>Those of both sets.</summary>
    public CodePointSet Union(CodePointSet other) => Of([.. Ranges, .. other.Ranges]);

    /// <summary>Those that are not in the set.</summary>
    public CodePointSet Complement()
    {
        var gaps = new List<(int, int)>();
        int next = 0;
        foreach ((int first, int last) in Ranges)
        {
            gaps.Add((next, first - 1));
            next = last + 1;
        }

        gaps.Add((next, Last));
        return Of(gaps);
    }

    /// <summary>Those that are in both sets.</summary>
    public CodePointSet Intersect(CodePointSet other) => Complement().Union(other.Complement()).Complement();

    /// <summary>Whether it holds a code point.</summary>
    public bool Contains(int codePoint) => Ranges.Any(range => range.First <= codePoint && codePoint <= range.Last);
}
