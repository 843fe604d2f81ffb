using System.Text;
using GemmaSharp.Hub.Cache;
using GemmaSharp.Hub.Selection;

namespace GemmaSharp.Hub;

/// <content>Comparing files with what was recorded of them.</content>
public sealed partial class HubCache
{
    const int MostMetadataBytes = 4096;

    /// <summary>Reads every file of a snapshot and compares it with the checksum that the hub named when it was downloaded.</summary>
    /// <param name="folder">A snapshot of the cache, or a folder that the hub's own tools have downloaded to.</param>
    /// <param name="progress">Told what is read, and the share of all bytes that is, 0 to 1; null for nobody.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="HubException">Nothing is recorded of the folder's files, or it cannot be read.</exception>
    public static async Task<SnapshotCheck> CheckAsync(
        string folder, IProgress<(string File, double Share)>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        try
        {
            CheckedFile[] files = Expected(full);
            if (files.All(file => file.Expected is null))
            {
                throw new HubException(HubFailure.NoSuchFile, $"No checksums are recorded of {folder}; give a snapshot of the cache, such as --model "
                    + $"ORG/NAME, or a folder that \"hf download --local-dir\" has made.");
            }

            long total = Math.Max(1, files.Where(file => file.State != CheckedState.Missing).Sum(file => file.Size)), read = 0;
            for (int i = 0; i < files.Length; i++)
            {
                CheckedFile file = files[i];
                if (file is { Expected: string expected, State: not CheckedState.Missing })
                {
                    string found = await BlobHash.OfFileAsync(Local(full, file.Path), expected, count =>
                    {
                        read += count;
                        progress?.Report((file.Path, Math.Min(1, read / (double)total)));
                    }, cancellationToken).ConfigureAwait(false);
                    files[i] = found == expected ? file with { State = CheckedState.Sound } : file with { State = CheckedState.Damaged, Found = found };
                }
            }

            return new SnapshotCheck(full, files);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HubException(HubFailure.Storage, $"{folder} cannot be read ({e.Message.TrimEnd('.')}); check its permissions.", e);
        }
    }

    /// <summary>What is there and what should be, nothing of it read yet.</summary>
    static CheckedFile[] Expected(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new HubException(HubFailure.NoSuchFile, $"There is no folder {folder}; give a snapshot of the cache, such as --model ORG/NAME.");
        }

        IReadOnlyList<HubFile> listed = Recorded(folder) ?? [];
        Dictionary<string, HubFile> recorded = listed.ToDictionary(file => file.Path, StringComparer.Ordinal);
        var files = new Dictionary<string, CheckedFile>(StringComparer.Ordinal);
        foreach (string path in Files(folder).Where(path => !path.StartsWith(".cache/", StringComparison.Ordinal)))
        {
            string? expected = recorded.GetValueOrDefault(path)?.ETag ?? LinkedName(Local(folder, path)) ?? Metadata(folder, path);
            files[path] = new CheckedFile(path, SnapshotWriter.Length(Local(folder, path)) ?? 0, CheckedState.Unrecorded, expected, null);
        }

        // A link that leads nowhere is a file that should be there, whatever it is; of the others those that a model is loaded from.
        bool gguf = GgufChoice.Variants([.. files.Keys]).Count > 0;
        IEnumerable<HubFile> needed = gguf ? [] : FileSelection.Needed(FileSelection.Checkpoint(listed));
        foreach (HubFile file in needed.Where(file => !files.ContainsKey(file.Path)))
        {
            files[file.Path] = new CheckedFile(file.Path, file.Size, CheckedState.Missing, file.ETag, null);
        }

        foreach (FileInfo link in Links(new DirectoryInfo(folder)))
        {
            string path = Path.GetRelativePath(folder, link.FullName).Replace(Path.DirectorySeparatorChar, '/');
            if (!files.ContainsKey(path) && LinkedName(link.FullName) is string name)
            {
                files[path] = new CheckedFile(path, recorded.GetValueOrDefault(path)?.Size ?? 0, CheckedState.Missing, name, null);
            }
        }

        return [.. files.Values.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <summary>The checksum by which the content is called that a link leads to; null where it leads to none.</summary>
    static string? LinkedName(string path) => new FileInfo(path).LinkTarget is string target && IsChecksum(Path.GetFileName(target))
        ? Path.GetFileName(target) : null;

    /// <summary>The checksum that the hub's own tools write down beside what they download to a folder: the second line of
    /// <c>.cache/huggingface/download/PATH.metadata</c>.</summary>
    static string? Metadata(string folder, string path) =>
        SmallFile.TryRead(Local(folder, $".cache/huggingface/download/{path}.metadata"), MostMetadataBytes) is byte[] bytes
        && Encoding.UTF8.GetString(bytes).Split('\n') is [_, string etag, ..] && IsChecksum(etag.Trim()) ? etag.Trim() : null;

    static bool IsChecksum(string text) => text.Length is 40 or 64 && text.All(char.IsAsciiHexDigitLower);
}
