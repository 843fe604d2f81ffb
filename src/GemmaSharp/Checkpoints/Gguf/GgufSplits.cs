using System.Globalization;
using System.Text.RegularExpressions;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>Opens all files of a model that may be split: <c>name-00001-of-00003.gguf</c> and its neighbours.</summary>
static partial class GgufSplits
{
    const int MostParts = 1024;

    /// <summary>Opens a file, and the other parts beside it when it is one of several.</summary>
    /// <param name="path">A whole file or any part.</param>
    /// <returns>The files in order; the first has the keys. The caller owns them.</returns>
    /// <exception cref="GgufException">A file is unsound, a part is missing, or parts do not belong together.</exception>
    public static IReadOnlyList<GgufFile> Open(string path)
    {
        var files = new List<GgufFile>();
        try
        {
            Open(path, files);
            return files;
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }
    }

    /// <summary>Whether a file's name is that of a part other than the first.</summary>
    public static bool IsLaterPart(string path) => PartName().Match(Path.GetFileName(path)) is { Success: true } part && Number(part.Groups[2]) != 1;

    /// <summary>Whether a file's name is that of a part of another name: <c>NAME-00001-of-00003.gguf</c> of <c>NAME.gguf</c>.</summary>
    public static bool IsPartOf(string path, string whole) => PartName().Match(Path.GetFileName(path)) is { Success: true } part
        && part.Groups[1].Value == Path.GetFileNameWithoutExtension(whole);

    /// <summary>The name of a part.</summary>
    /// <param name="path">The name of the whole: <c>NAME.gguf</c>.</param>
    /// <param name="part">Which, from 0.</param>
    /// <param name="count">How many there are.</param>
    /// <returns><c>NAME-00001-of-00003.gguf</c></returns>
    /// <exception cref="ArgumentOutOfRangeException">There are more parts than are read.</exception>
    public static string PartPath(string path, int part, int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MostParts);
        return Path.Combine(
            Path.GetDirectoryName(path) ?? "", FormattableString.Invariant($"{Path.GetFileNameWithoutExtension(path)}-{part + 1:D5}-of-{count:D5}.gguf"));
    }

    /// <summary>Adds what a part says of itself.</summary>
    public static void AddKeys(GgufWriter writer, int part, int count, int tensors)
    {
        writer.AddShort("split.no", part);
        writer.AddShort("split.count", count);
        writer.AddSigned("split.tensors.count", tensors);
    }

    static void Open(string path, List<GgufFile> files)
    {
        GgufFile given = GgufFile.Open(path);
        int count = given.Metadata.Int("split.count", 0, ushort.MaxValue) ?? 1;
        if (count <= 1)
        {
            files.Add(given);
            return;
        }

        given.Dispose();
        Match name = PartName().Match(Path.GetFileName(path));
        if (count > MostParts || !name.Success || Number(name.Groups[3]) != count)
        {
            throw new GgufException(path, $"is one of {count} parts; they need their names NAME-{1:D5}-of-{count:D5}.gguf and so on beside each other, "
                + $"{MostParts} at most, so give the file its own name back.");
        }

        string folder = Path.GetDirectoryName(path) is { Length: > 0 } parent ? parent : ".";
        long tensors = 0;
        var owners = new Dictionary<string, GgufFile>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            string part = Path.Combine(folder, FormattableString.Invariant($"{name.Groups[1].Value}-{i + 1:D5}-of-{count:D5}.gguf"));
            if (!File.Exists(part))
            {
                throw new GgufException(part, $"is missing, one of the {count} parts of this model; download it, too.");
            }

            GgufFile file = GgufFile.Open(part);
            files.Add(file);
            if (file.Metadata.Int("split.count") != count || file.Metadata.Int("split.no") != i)
            {
                throw new GgufException(
                    part, $"says that it is part {Said(file, "split.no")}, counted from 0, of {Said(file, "split.count")}; its name says {i} of {count}, so "
                        + "download the parts again.");
            }

            tensors += file.Entries.Count;
            foreach (TensorEntry entry in file.Entries)
            {
                if (!owners.TryAdd(entry.Name, file))
                {
                    throw new GgufException(
                        part, $"has tensor {GgufHeader.Shown(entry.Name)}, which {owners[entry.Name].Name} has, too; download the parts again.");
                }
            }
        }

        if (files.Find(file => (file.Metadata.Int("split.tensors.count") ?? tensors) != tensors) is GgufFile other)
        {
            throw new GgufException(
                other.Path, $"says that the parts have {Said(other, "split.tensors.count")} tensors together; they have {tensors}, so download them again.");
        }
    }

    static string Said(GgufFile file, string key) => file.Metadata.TryGet(key, out object? value) ? GgufMetadata.Show(value) : "nothing";

    static int Number(Group digits) => int.Parse(digits.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture);

    [GeneratedRegex("^(.+)-([0-9]{5})-of-([0-9]{5})\\.gguf$", RegexOptions.CultureInvariant)]
    private static partial Regex PartName();
}
