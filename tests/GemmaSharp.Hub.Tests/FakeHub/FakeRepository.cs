using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace GemmaSharp.Hub.Tests.FakeHub;

#pragma warning disable CA5350 // Git names contents by SHA-1.

/// <summary>A repository as the hub has it: commits of files, branches, and who may read it.</summary>
sealed class FakeRepository(string id)
{
    readonly Dictionary<string, IReadOnlyDictionary<string, FakeFile>> _commits = new(StringComparer.Ordinal);

    public string Id { get; } = id;

    /// <summary>Branches and tags.</summary>
    public Dictionary<string, string> Refs { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether its licence must have been accepted.</summary>
    public bool IsGated { get; set; }

    /// <summary>Whether others may know of it.</summary>
    public bool IsPrivate { get; set; }

    public bool IsDisabled { get; set; }

    /// <summary>The commit of main.</summary>
    public string Main => Refs["main"];

    /// <summary>Commits files to a branch.</summary>
    public string Commit(IEnumerable<FakeFile> files, string branch = "main")
    {
        Dictionary<string, FakeFile> tree = files.ToDictionary(file => file.Path, StringComparer.Ordinal);
        string text = string.Join('\n', tree.Values.Select(file => file.Path + file.Oid)) + _commits.Count.ToString(CultureInfo.InvariantCulture);
        string commit = Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(text)));
        _commits[commit] = tree;
        Refs[branch] = commit;
        return commit;
    }

    /// <summary>The commit of a revision, and its files; null when there is none.</summary>
    public (string Commit, IReadOnlyDictionary<string, FakeFile> Files)? At(string revision)
    {
        string commit = Refs.GetValueOrDefault(revision, revision);
        return _commits.TryGetValue(commit, out IReadOnlyDictionary<string, FakeFile>? files) ? (commit, files) : null;
    }
}

/// <summary>A file: large ones are named by their SHA-256 and lie on another host, small ones are git's own.</summary>
sealed record FakeFile(string Path, byte[] Content, bool IsLarge = false)
{
    public FakeFile(string path, string text)
        : this(path, Encoding.UTF8.GetBytes(text))
    {
    }

    public string Sha256 { get; } = Convert.ToHexStringLower(SHA256.HashData(Content));

    /// <summary>Git's name: of the file, or of the pointer that stands for it.</summary>
    public string Oid { get; } = Convert.ToHexStringLower(SHA1.HashData(Git(IsLarge ? Pointer(Content) : Content)));

    public string ETag => IsLarge ? Sha256 : Oid;

    public int PointerSize => Pointer(Content).Length;

    /// <summary>Bytes that look like nothing else, the same every time.</summary>
    public static FakeFile Large(string path, int length, int seed = 1)
    {
        byte[] content = new byte[length];
        new Random(seed).NextBytes(content);
        return new FakeFile(path, content, IsLarge: true);
    }

    static byte[] Git(byte[] content) => [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {content.Length}\0")), .. content];

    static byte[] Pointer(byte[] content) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"version https://git-lfs.github.com/spec/v1\noid sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}\nsize {content.Length}\n"));
}
