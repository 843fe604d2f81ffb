namespace GemmaSharp.Checkpoints;

/// <summary>Works out likely repairs: the permutation that fits, the name that is closest.</summary>
static class Repairs
{
    /// <summary>Edits up to which two names count as the same, misspelt.</summary>
    const int MostEdits = 12;

    /// <summary>Whether the sizes are the same in another order.</summary>
    public static bool IsPermutation(IReadOnlyList<long> found, IReadOnlyList<long> expected) =>
        found.Count == expected.Count && found.Count > 1 && !found.SequenceEqual(expected) && found.Order().SequenceEqual(expected.Order());

    /// <summary>The axes of <paramref name="found"/> in the order that gives <paramref name="expected"/>.</summary>
    public static int[] Permutation(IReadOnlyList<long> found, IReadOnlyList<long> expected)
    {
        var free = Enumerable.Range(0, found.Count).ToList();
        return [.. expected.Select(size =>
        {
            int axis = free.First(i => found[i] == size);
            free.Remove(axis);
            return axis;
        })];
    }

    /// <summary>Pairs missing tensors with unused ones of the same shape and nearly the same name, closest first, each used once.</summary>
    /// <remarks>Names without a partner within a dozen edits stay alone. The work is bounded for checkpoints of another model altogether.</remarks>
    public static Dictionary<string, StoredTensor> PairByName(IReadOnlyList<ParameterRequest> missing, IReadOnlyList<StoredTensor> unused)
    {
        const int MostComparisons = 200_000;
        int comparisons = 0;
        var bySize = unused.ToLookup(t => Size(t.Shape));
        var candidates = new List<(int Edits, string Missing, StoredTensor Stored)>();
        foreach (ParameterRequest request in missing)
        {
            foreach (StoredTensor stored in bySize[Size(request.Shape)])
            {
                if (comparisons++ == MostComparisons)
                {
                    break;
                }

                int edits = Edits(request.Tensor, stored.CanonicalName);
                if (edits <= MostEdits)
                {
                    candidates.Add((edits, request.Tensor, stored));
                }
            }
        }

        var pairs = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        foreach ((_, string name, StoredTensor stored) in candidates.OrderBy(c => c.Edits).ThenBy(c => c.Missing, StringComparer.Ordinal)
            .ThenBy(c => c.Stored.CanonicalName, StringComparer.Ordinal))
        {
            if (!pairs.ContainsKey(name) && taken.Add(stored.CanonicalName))
            {
                pairs[name] = stored;
            }
        }

        return pairs;
    }

    static long Size(IReadOnlyList<long> shape) => shape.Aggregate(1L, (size, axis) => unchecked(size * axis));

    /// <summary>Levenshtein distance, or more than a dozen when it is larger.</summary>
    public static int Edits(string a, string b)
    {
        if (Math.Abs(a.Length - b.Length) > MostEdits)
        {
            return MostEdits + 1;
        }

        int[] previous = new int[b.Length + 1];
        int[] current = new int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            previous[j] = j;
        }

        for (int i = 1; i <= a.Length; i++)
        {
            // Only a band around the diagonal can stay within the limit.
            Array.Fill(current, MostEdits + 1);
            int first = Math.Max(1, i - MostEdits), last = Math.Min(b.Length, i + MostEdits);
            current[0] = i;
            int best = current[0];
            for (int j = first; j <= last; j++)
            {
                int substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                int insertion = current[j - 1] + 1;
                int deletion = (j < i + MostEdits ? previous[j] : MostEdits) + 1;
                current[j] = Math.Min(substitution, Math.Min(insertion, deletion));
                best = Math.Min(best, current[j]);
            }

            if (best > MostEdits)
            {
                return MostEdits + 1;
            }

            (previous, current) = (current, previous);
        }

        return previous[b.Length];
    }
}
