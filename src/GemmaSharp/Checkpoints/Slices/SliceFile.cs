using System.Globalization;
using System.Text;
using System.Text.Json;
using GemmaSharp.Files;

namespace GemmaSharp.Checkpoints.Slices;

/// <summary>A table of slices in a file: CSV as Google publishes it, or a JSON list of objects with the same names.</summary>
/// <remarks>
/// <c>name,…,FFN Hidden Dims,Layers Skipped</c>; the two lists are quoted and bracketed, and a width may be a product: <c>"[2_048 * 4, 16384]"</c>, <c>"[20,
/// 21]"</c>. Other columns are not looked at.
/// </remarks>
static class SliceFile
{
    const int LargestFile = 1 << 20;
    const string NameColumn = "name", WidthsColumn = "FFN Hidden Dims", SkipColumn = "Layers Skipped";

    /// <summary>Whether a name is that of a table file.</summary>
    public static bool IsTable(string path) =>
        path.EndsWith(".csv", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".json", StringComparison.OrdinalIgnoreCase);

    /// <summary>The slices of a file by name.</summary>
    /// <exception cref="SliceException">The file cannot be read as a table.</exception>
    public static IReadOnlyDictionary<string, MatFormerSlice> Read(string path)
    {
        string file = Path.GetFileName(path);
        string text = Text(path, file);
        Dictionary<string, MatFormerSlice> slices = new(StringComparer.Ordinal);
        foreach ((string name, string widths, string skip) in text.AsSpan().TrimStart().StartsWith("[") ? JsonRows(text, file) : CsvRows(text, file))
        {
            MatFormerSlice slice = new()
            {
                Name = name,
                Widths = Numbers(widths) ?? throw Unreadable(file, name, WidthsColumn, widths),
                Skip = Numbers(skip) ?? throw Unreadable(file, name, SkipColumn, skip),
            };
            if (!slices.TryAdd(name, slice))
            {
                throw new SliceException($"{file} has two slices \"{name}\"; give each a name of its own.");
            }
        }

        return slices.Count > 0 ? slices : throw new SliceException($"{file} has no slices; add rows below its header.");
    }

    static string Text(string path, string file)
    {
        try
        {
            return BoundedFile.ReadRegular(path, LargestFile) is byte[] bytes
                ? Encoding.UTF8.GetString(bytes).TrimStart('\uFEFF')
                : throw new SliceException($"{file} has more than {LargestFile} bytes, which no table of slices has; name the right file.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException or ArgumentException)
        {
            throw new SliceException(
                e is FileNotFoundException or DirectoryNotFoundException
                    ? $"There is no file {path}; name a CSV or JSON table of slices."
                    : $"{file} cannot be read ({e.Message.TrimEnd('.')}).");
        }
    }

    /// <summary>Numbers or products in brackets; nothing when it is anything else. Empty is an empty list.</summary>
    static int[]? Numbers(string text)
    {
        string list = text.Trim();
        list = list.StartsWith('[') && list.EndsWith(']') ? list[1..^1] : list;
        List<int> numbers = [];
        foreach (string term in list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            long product = 1;
            foreach (string factor in term.Split('*', StringSplitOptions.TrimEntries))
            {
                if (!MatFormerText.TryNumber(factor, out int number) || (product *= number) > int.MaxValue)
                {
                    return null;
                }
            }

            numbers.Add((int)product);
        }

        return numbers.Count <= MatFormerText.MostLayers ? [.. numbers] : null;
    }

    static IEnumerable<(string Name, string Widths, string Skip)> CsvRows(string text, string file)
    {
        List<string[]> rows = Csv(text);
        string[] header = rows.Count > 0 ? rows[0] : [];
        int name = Column(header, NameColumn), widths = Column(header, WidthsColumn), skip = Column(header, SkipColumn);
        if (name < 0 || widths < 0)
        {
            throw new SliceException($"{file} begins with \"{Beginning(string.Join(',', header))}\"; a CSV table of slices has the columns {NameColumn}, "
                + $"{WidthsColumn} and {SkipColumn}.");
        }

        foreach (string[] row in rows.Skip(1))
        {
            yield return row.Length > Math.Max(name, widths)
                ? (row[name].Trim(), row[widths], skip >= 0 && skip < row.Length ? row[skip] : "")
                : throw new SliceException(
                    $"{file} has a row of {row.Length} fields, \"{Beginning(string.Join(',', row))}\"; {header.Length} are needed, lists in double quotes.");
        }
    }

    static int Column(string[] header, string name) => Array.FindIndex(header, field => string.Equals(field.Trim(), name, StringComparison.OrdinalIgnoreCase));

    /// <summary>Rows of fields; quoted fields may hold commas, line ends and doubled quotes. Empty rows are left out.</summary>
    static List<string[]> Csv(string text)
    {
        List<string[]> rows = [];
        List<string> fields = [];
        StringBuilder field = new();
        bool quoted = false;
        for (int i = 0; i <= text.Length; i++)
        {
            char c = i < text.Length ? text[i] : '\n';
            if (quoted && i < text.Length)
            {
                if (c != '"')
                {
                    field.Append(c);
                }
                else if (i + 1 < text.Length && text[i + 1] == '"')
                {
                    field.Append(text[++i]);
                }
                else
                {
                    quoted = false;
                }
            }
            else if (c == '"')
            {
                quoted = true;
            }
            else if (c is ',' or '\n')
            {
                fields.Add(field.ToString());
                field.Clear();
                if (c == '\n')
                {
                    if (fields.Exists(value => !string.IsNullOrWhiteSpace(value)))
                    {
                        rows.Add([.. fields]);
                    }

                    fields.Clear();
                }
            }
            else if (c != '\r')
            {
                field.Append(c);
            }
        }

        return rows;
    }

    static List<(string Name, string Widths, string Skip)> JsonRows(string text, string file)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text, new JsonDocumentOptions { AllowTrailingCommas = true, MaxDepth = 8 });
            List<(string, string, string)> rows = [];
            foreach (JsonElement row in document.RootElement.EnumerateArray())
            {
                string[] values = [.. new[] { NameColumn, WidthsColumn, SkipColumn }.Select(name => Value(row, name))];
                rows.Add(values[0].Length > 0 && values[1].Length > 0
                    ? (values[0], values[1], values[2])
                    : throw new SliceException(
                        $"{file} has an entry \"{Beginning(row.GetRawText())}\"; each needs \"{NameColumn}\" and \"{WidthsColumn}\", and may have "
                            + $"\"{SkipColumn}\"."));
            }

            return rows;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // a text with half a surrogate pair
        {
            throw new SliceException($"{file} is not valid JSON ({e.Message.TrimEnd('.')}); a list of objects with \"{NameColumn}\", \"{WidthsColumn}\" and "
                + $"\"{SkipColumn}\" is needed.");
        }
    }

    /// <summary>A property as the CSV would have it; empty when absent or null.</summary>
    static string Value(JsonElement row, string name)
    {
        if (row.ValueKind != JsonValueKind.Object)
        {
            return "";
        }

        JsonElement value = row.EnumerateObject().FirstOrDefault(property => string.Equals(property.Name, name, StringComparison.OrdinalIgnoreCase)).Value;
        return value.ValueKind switch
        {
            JsonValueKind.Undefined or JsonValueKind.Null => "",
            JsonValueKind.String => value.GetString()!,
            JsonValueKind.Array => string.Join(
                ',', value.EnumerateArray().Select(entry => entry.ValueKind == JsonValueKind.String ? entry.GetString() : entry.GetRawText())),
            _ => value.GetRawText(),
        };
    }

    static string Beginning(string text)
    {
        string line = text.ReplaceLineEndings(" ");
        return line.Length <= 60 ? line : line[..57] + "...";
    }

    static SliceException Unreadable(string file, string name, string column, string value) => new(string.Create(
        CultureInfo.InvariantCulture,
            $"{file} gives slice \"{name}\" the {column} \"{Beginning(value)}\"; a list such as \"[2_048 * 4, 16384]\" or \"[20, 21]\" is needed."));
}
