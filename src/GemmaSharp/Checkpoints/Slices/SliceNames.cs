namespace GemmaSharp.Checkpoints.Slices;

/// <summary>Finds a slice by what people call it.</summary>
static class SliceNames
{
    const int Shown = 4;

    /// <summary>The slice of this name, or the only one whose name has all the words.</summary>
    /// <param name="slices">Slices by name.</param>
    /// <param name="name">A name, or words of it in any case; empty for the only slice there is.</param>
    /// <param name="table">What the slices are of, for messages.</param>
    /// <exception cref="SliceException">There is none, or there are several.</exception>
    public static MatFormerSlice Find(IReadOnlyDictionary<string, MatFormerSlice> slices, string name, string table)
    {
        if (slices.TryGetValue(name, out MatFormerSlice? exact))
        {
            return exact;
        }

        string[] words = Words(name);
        MatFormerSlice[] found = [.. slices.Values.Where(slice => Array.TrueForAll(words, Words(slice.Name).Contains))];
        return found.Length switch
        {
            1 => found[0],
            0 => throw new SliceException($"There is no slice \"{name}\" {table}; use {Listed([.. slices.Values])}, or widths such as \"8192*30;skip=20-24\"."),
            _ => throw new SliceException(name.Length == 0
                ? $"There are {found.Length} slices {table}; add # and a name to the file's: {Listed(found)}."
                : $"The name \"{name}\" fits {found.Length} slices {table}: {Listed(found)}; give all of the name{Levels(found)}."),
        };
    }

    static string Levels(MatFormerSlice[] found) =>
        Array.Exists(found, slice => Words(slice.Name).Contains("LAYER")) && Array.Exists(found, slice => Words(slice.Name).Contains("BLOCK"))
            ? ", or add \"layer\" or \"block\""
            : "";

    static string Listed(MatFormerSlice[] slices) =>
        string.Join(", ", slices.Take(Shown).Select(slice => $"\"{slice.Name}\"")) + (slices.Length > Shown ? $" and {slices.Length - Shown} more" : "");

    static string[] Words(string name) => name.ToUpperInvariant().Split([' ', '\t', '(', ')', '-', '_', ',', '"'], StringSplitOptions.RemoveEmptyEntries);
}
