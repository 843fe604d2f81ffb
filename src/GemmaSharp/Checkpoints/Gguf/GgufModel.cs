using GemmaSharp.Files;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>The GGUF files of a model: its own, whole or in parts, and that of its towers.</summary>
/// <param name="Files">The model's files in order; the first has the keys.</param>
/// <param name="Projector">The mmproj file with the towers; null without one.</param>
sealed record GgufModel(IReadOnlyList<GgufFile> Files, GgufFile? Projector)
{
    const string ArchitectureKey = "general.architecture";
    const int MostListed = 10_000;
    const int MostFolders = 16;
    const int CommitLength = 40;

    /// <summary>What an mmproj file says that it is for. Older ones have the second key, for the pictures' tower alone.</summary>
    static readonly string[] s_projectorKeys = ["clip.vision.projector_type", "clip.projector_type", "clip.audio.projector_type"];

    /// <summary>The file with the keys.</summary>
    public GgufFile First => Files[0];

    /// <summary>The GGUF file that a path means: itself, or the only one in a folder without safetensors; null where it means none.</summary>
    /// <exception cref="GgufException">A folder has several.</exception>
    public static string? Find(string path)
    {
        if (Directory.Exists(path))
        {
            return InFolder(path);
        }

        return File.Exists(path) && (GgufFileNames.HasEnding(path) || BeginsAsGguf(path)) ? path : null;
    }

    /// <summary>Opens a model.</summary>
    /// <param name="path">Its file, or any part of it.</param>
    /// <param name="projector">The mmproj file; null for the one beside it, if there is one.</param>
    /// <exception cref="GgufException">A file is unsound, of another model, or of another kind.</exception>
    public static GgufModel Open(string path, string? projector)
    {
        IReadOnlyList<GgufFile> files = GgufSplits.Open(path);
        GgufFile? towers = null;
        try
        {
            Require(files[0], "gemma3n");
            towers = projector is null ? Beside(path) : Towers(projector);
            return new GgufModel(files, towers);
        }
        catch
        {
            towers?.Dispose();
            foreach (GgufFile file in files)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>All files.</summary>
    public IEnumerable<GgufFile> All => Projector is null ? Files : Files.Append(Projector);

    /// <summary>The model's tensors. Those of towers inside the model's own file are left to the mmproj file.</summary>
    public IEnumerable<StoredTensor> Tensors() =>
        Files.SelectMany(GgufTensors.Of).Where(tensor => !GgufNames.IsOfProjector(tensor.Name)).Concat(Projector is null ? [] : GgufTensors.Of(Projector));

    static void Require(GgufFile file, string wanted)
    {
        string? architecture = file.Metadata.Text(ArchitectureKey);
        if (file.Metadata.Text("general.type") == "adapter")
        {
            throw new GgufException(file.Path, "is a LoRA adapter and no model; give the model, and as the adapter what peft or mlx-lm saved.");
        }

        if (architecture == wanted)
        {
            return;
        }

        throw new GgufException(file.Path, (wanted, architecture) switch
        {
            ("gemma3n", "clip") => "holds the towers of a model (mmproj) and no text model; give the model's own file, and this one as the mmproj.",
            ("clip", "gemma3n") => "is a text model and no mmproj file; give the file with the towers.",
            (_, null) => $"has no {ArchitectureKey}; download it again.",
            _ => $"is of architecture \"{GgufHeader.Shown(architecture)}\"; this program runs \"gemma3n\" only, so use a Gemma 3n model.",
        });
    }

    /// <summary>The file of the towers that somebody names.</summary>
    static GgufFile Towers(string path)
    {
        GgufFile towers = GgufFile.Open(path);
        try
        {
            Require(towers, "clip");
            return OtherProjector(towers) is not string other ? towers
                : throw new GgufException(path, $"has the towers of another model ({GgufHeader.Shown(other)}); give the mmproj file of a Gemma 3n model.");
        }
        catch
        {
            towers.Dispose();
            throw;
        }
    }

    /// <summary>The type that an mmproj file says it is of, where that is another model's; null where it is this one's or says nothing.</summary>
    static string? OtherProjector(GgufFile towers)
    {
        string[] types = [.. s_projectorKeys.Select(key => towers.Metadata.Text(key)).OfType<string>()];
        return Array.Exists(types, type => type.StartsWith("gemma3n", StringComparison.Ordinal)) ? null : types.FirstOrDefault();
    }

    static string? InFolder(string folder)
    {
        string[] names = Names(folder);
        if (names.Length == 0 || Array.Exists(names, name => name.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase)))
        {
            return null;
        }

        string[] models = [.. names.Where(name => GgufFileNames.IsModel(name) && !GgufSplits.IsLaterPart(name))];
        return models switch
        {
            [] => null,
            [string one] => Path.Combine(folder, one),
            _ => throw new GgufException(
                folder, $"holds {models.Length} models ({string.Join(", ", models.Take(3))}{(models.Length > 3 ? " …" : "")}); give the file of one."),
        };
    }

    /// <summary>The mmproj file beside a model; in a snapshot of the hub's cache, where forms may have folders of their own, also above it.</summary>
    /// <remarks>What says that it is of another model, or of another kind, is passed over.</remarks>
    static GgufFile? Beside(string path)
    {
        string full = Path.GetFullPath(path), folder = Path.GetDirectoryName(full)!;
        string? snapshot = Snapshot(folder);
        string root = snapshot ?? folder;
        List<string> files = [.. Names(root, snapshot is null ? 0 : MostFolders)
            .Where(file => !GgufFileNames.IsProjector(file) || IsThere(Path.Combine(root, file)))];
        while (GgufProjectors.Choose(Relative(root, full), files) is string found)
        {
            GgufFile towers = GgufFile.Open(Path.Combine(root, found.Replace('/', Path.DirectorySeparatorChar)));
            try
            {
                // A model may be called so, too.
                if (OtherProjector(towers) is null && towers.Metadata.Text(ArchitectureKey) != "gemma3n")
                {
                    Require(towers, "clip");
                    return towers;
                }
            }
            catch
            {
                towers.Dispose();
                throw;
            }

            towers.Dispose();
            files.Remove(found);
        }

        return null;
    }

    /// <summary>The snapshot of the hub's cache, <c>snapshots/COMMIT</c>, that a folder is or lies in; null for others, above which lies what is of other
    /// models.</summary>
    static string? Snapshot(string folder)
    {
        DirectoryInfo? each = new(folder);
        for (int i = 0; i < MostFolders && each?.Parent is DirectoryInfo parent; i++, each = parent)
        {
            if (parent.Name == "snapshots" && each.Name.Length == CommitLength && each.Name.All(char.IsAsciiHexDigit))
            {
                return each.FullName;
            }
        }

        return null;
    }

    /// <summary>Whether a file can be read: a link may lead nowhere.</summary>
    static bool IsThere(string path)
    {
        try
        {
            return BoundedFile.Length(path) is not null;
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            return false;
        }
    }

    /// <summary>The files of a folder, and of those in it to a depth, by their paths from it with <c>/</c>.</summary>
    static string[] Names(string folder, int depth = 0)
    {
        try
        {
            var how = new EnumerationOptions { RecurseSubdirectories = depth > 0, MaxRecursionDepth = depth, AttributesToSkip = FileAttributes.None };
            return [.. Directory.EnumerateFiles(folder, "*", how).Take(MostListed).Select(path => Relative(folder, path)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    static string Relative(string folder, string path) => Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');

    static bool BeginsAsGguf(string path)
    {
        Span<byte> start = stackalloc byte[4];
        try
        {
            if (BoundedFile.Length(path) < start.Length)
            {
                return false;
            }

            using FileStream stream = File.OpenRead(path);
            return stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual("GGUF"u8);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
