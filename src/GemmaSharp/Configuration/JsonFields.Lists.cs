using System.Globalization;
using System.Text.Json;

namespace GemmaSharp.Configuration;

sealed partial class JsonFields
{
    /// <summary>A list of whole numbers, or a single one, from <paramref name="min"/> to <paramref name="max"/>; nothing when absent.</summary>
    public int[]? IntOrList(string key, int min, int max, int longest)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            return null;
        }

        int[] numbers = value.ValueKind == JsonValueKind.Array
            ? ReadList(source, foundKey, value, longest, (k, v) => ReadInt(source, k, v, min, max))
            : [ReadInt(source, foundKey, value, min, max)];
        NoteText(key, Compact(value.ValueKind == JsonValueKind.Array ? numbers : [numbers[0]], value), Origin(source, foundKey));
        return numbers;
    }

    /// <summary>A list of exactly <paramref name="fallback"/>'s length.</summary>
    public int[] Ints(string key, int[] fallback, int min, int max)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            NoteText(key, Compact(fallback), "default");
            return fallback;
        }

        int[] numbers = ReadList(source, foundKey, value, fallback.Length, (k, v) => ReadInt(source, k, v, min, max));
        if (numbers.Length != fallback.Length)
        {
            throw Refuse(source, foundKey, value, $"a list of {fallback.Length} whole numbers");
        }

        NoteText(key, Compact(numbers), Origin(source, foundKey));
        return numbers;
    }

    /// <summary>A list of lists of the shape of <paramref name="fallback"/>.</summary>
    public int[][] IntPairs(string key, int[][] fallback, int min, int max)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            NoteText(key, $"[{string.Join(", ", fallback.Select(p => Compact(p)))}]", "default");
            return fallback;
        }

        int[][] pairs = ReadList(source, foundKey, value, fallback.Length,
            (k, v) => ReadList(source, k, v, fallback[0].Length, (kk, vv) => ReadInt(source, kk, vv, min, max)));
        if (pairs.Length != fallback.Length || pairs.Any(p => p.Length != fallback[0].Length))
        {
            throw Refuse(source, foundKey, value, $"a list of {fallback.Length} lists of {fallback[0].Length} whole numbers");
        }

        NoteText(key, $"[{string.Join(", ", pairs.Select(p => Compact(p)))}]", Origin(source, foundKey));
        return pairs;
    }

    /// <summary>A list of numbers of any length up to <paramref name="longest"/>; also one written into a string, as <c>"[0.95 0.95 0.]"</c>.</summary>
    public double[]? Numbers(string key, double min, double max, int longest)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            return null;
        }

        double[] numbers = value.ValueKind == JsonValueKind.String
            ? NumbersInText(source, foundKey, value, min, max, longest)
            : ReadList(source, foundKey, value, longest, (k, v) => ReadNumber(source, k, v, min, max));
        NoteText(key, Compact(numbers), Origin(source, foundKey));
        return numbers;
    }

    /// <summary>A list of strings; nothing when absent.</summary>
    public string[]? Strings(string key, int longest)
    {
        if (Find(key) is not (Source source, string foundKey, JsonElement value))
        {
            return null;
        }

        string[] strings = ReadList(
            source, foundKey, value, longest, (k, v) => v.ValueKind == JsonValueKind.String ? v.GetString()! : throw Refuse(source, k, v, "a string"));
        NoteText(key, Compact(strings), Origin(source, foundKey));
        return strings;
    }

    static T[] ReadList<T>(Source source, string key, JsonElement value, int longest, Func<string, JsonElement, T> read)
    {
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Refuse(source, key, value, "a list");
        }

        int length = value.GetArrayLength();
        if (length > longest)
        {
            throw Refuse(source.Of(key), $"has {length} entries; at most {longest} are possible here.");
        }

        var items = new T[length];
        int i = 0;
        foreach (JsonElement item in value.EnumerateArray())
        {
            items[i] = read($"{key}[{i}]", item);
            i++;
        }

        return items;
    }

    // numpy's str() separates by blanks and writes "0."; Python's by commas; both may be wrapped in array(...).
    static double[] NumbersInText(Source source, string key, JsonElement value, double min, double max, int longest)
    {
        string text = value.GetString()!;
        int dtype = text.IndexOf("dtype", StringComparison.Ordinal);
        string list = (dtype < 0 ? text : text[..dtype]).Replace("array", "", StringComparison.Ordinal);
        string[] words = list.Split(['[', ']', '(', ')', ',', ' ', '\t', '\r', '\n'], StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0 || words.Length > longest)
        {
            throw Refuse(source, key, value, $"a list of 1 to {longest} numbers");
        }

        var numbers = new double[words.Length];
        for (int i = 0; i < words.Length; i++)
        {
            bool good = double.TryParse(words[i], NumberStyles.Float, CultureInfo.InvariantCulture, out numbers[i]) && numbers[i] >= min && numbers[i] <= max;
            if (!good)
            {
                throw Refuse(source, key, value, $"a list of numbers from {Text(min)} to {Text(max)}");
            }
        }

        return numbers;
    }

    /// <summary><c>[8192 × 30]</c> for a run of equal values, the list itself otherwise.</summary>
    internal static string Compact<T>(IReadOnlyList<T> items)
    {
        var runs = new List<string>();
        for (int i = 0; i < items.Count;)
        {
            int end = i;
            while (end < items.Count && Equals(items[end], items[i]))
            {
                end++;
            }

            string text = string.Create(CultureInfo.InvariantCulture, $"{items[i]}");
            runs.Add(end - i == 1 ? text : $"{text} × {end - i}");
            i = end;
        }

        return $"[{string.Join(", ", runs)}]";
    }

    static string Compact(int[] numbers, JsonElement value) => value.ValueKind == JsonValueKind.Array ? Compact(numbers) : value.GetRawText();
}
