using System.Globalization;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>Slices written out: <c>8192*4,16384,8192*25;skip=20-24</c>.</summary>
static class MatFormerText
{
    /// <summary>The most layers a model may have.</summary>
    public const int MostLayers = 1024;

    /// <summary>Whether a text means widths and not a name: numbers with separators.</summary>
    public static bool IsWidths(string text) => char.IsAsciiDigit(text.TrimStart()[0])
        && (TryNumber(text.Trim(), out _) || text.AsSpan().ContainsAny('*', ',', ';'));

    /// <summary>Widths, each with the number of layers it is for, and the layers left out.</summary>
    public static MatFormerSlice Read(string text)
    {
        string[] parts = text.Split(';', StringSplitOptions.TrimEntries);
        string skip = parts.Length == 1 ? "" : parts.Length == 2 && parts[1].StartsWith("skip=", StringComparison.OrdinalIgnoreCase)
            ? parts[1][5..]
            : throw Malformed(text);
        List<int> widths = [];
        foreach (string term in parts[0].Split(',', StringSplitOptions.TrimEntries))
        {
            string[] factors = term.Split('*', StringSplitOptions.TrimEntries);
            if (factors.Length > 2 || !TryNumber(factors[0], out int width) || !TryNumber(factors.Length == 2 ? factors[1] : "1", out int count)
                || widths.Count + (long)count > MostLayers)
            {
                throw Malformed(text);
            }

            widths.AddRange(Enumerable.Repeat(width, count));
        }

        return new MatFormerSlice { Name = text, Skip = TryNumbers(skip, out int[] skipped) ? skipped : throw Malformed(text), Widths = widths };
    }

    /// <summary>A list of numbers and ranges known to be sound: <c>4,9-24</c>.</summary>
    public static int[] Numbers(string text) => TryNumbers(text, out int[] numbers)
        ? numbers
        : throw new ArgumentException($"\"{text}\" is no list of numbers.", nameof(text));

    static bool TryNumbers(string text, out int[] numbers)
    {
        List<int> list = [];
        numbers = [];
        foreach (string term in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] ends = term.Split('-');
            if (ends.Length > 2 || !TryNumber(ends[0], out int first) || !TryNumber(ends[^1], out int last) || last < first || last >= MostLayers)
            {
                return false;
            }

            list.AddRange(Enumerable.Range(first, last - first + 1));
        }

        numbers = [.. list.Distinct()];
        return true;
    }

    /// <summary>A whole number, perhaps with underscores: <c>16_384</c>.</summary>
    public static bool TryNumber(string text, out int number) =>
        int.TryParse(text.Replace("_", "", StringComparison.Ordinal), NumberStyles.None, CultureInfo.InvariantCulture, out number);

    static SliceException Malformed(string text) =>
        new($"The slice \"{text}\" cannot be read; write widths with the number of their layers and the layers to leave out, such as "
            + $"\"8192*4,16384,8192*25;skip=20-24\".");
}
