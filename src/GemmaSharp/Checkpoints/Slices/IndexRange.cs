namespace GemmaSharp.Checkpoints.Slices;

/// <summary>Consecutive rows or columns.</summary>
/// <param name="First">The first.</param>
/// <param name="Count">How many.</param>
readonly record struct IndexRange(int First, int Count)
{
    /// <summary>The one after the last.</summary>
    public int End => First + Count;

    /// <summary>Sum of the counts.</summary>
    public static int Total(IReadOnlyList<IndexRange> ranges) => ranges.Sum(range => range.Count);

    /// <summary>The same numbers with neighbours joined.</summary>
    public static IReadOnlyList<IndexRange> Join(IEnumerable<IndexRange> ranges)
    {
        List<IndexRange> joined = [];
        foreach (IndexRange range in ranges)
        {
            if (joined.Count > 0 && joined[^1].End == range.First)
            {
                joined[^1] = new IndexRange(joined[^1].First, joined[^1].Count + range.Count);
            }
            else
            {
                joined.Add(range);
            }
        }

        return joined;
    }
}
