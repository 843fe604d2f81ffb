using GemmaSharp.Files;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>A safetensors file: its header in memory, its data mapped when first asked for.</summary>
/// <remarks>Thread-safe. Views handed out keep the mapping alive; after <see cref="Dispose"/> they must not be read.</remarks>
sealed class SafetensorsFile : IDisposable
{
    readonly IReadOnlyDictionary<string, SafetensorsEntry> _byName;
    readonly Lazy<MemoryBlock> _data;

    SafetensorsFile(string path, IReadOnlyDictionary<string, SafetensorsEntry> byName, IReadOnlyDictionary<string, string> metadata,
        Func<SafetensorsFile, MemoryBlock> data)
    {
        Path = path;
        _byName = byName;
        Metadata = metadata;
        _data = new Lazy<MemoryBlock>(() => data(this));
        Entries = [.. byName.Values.OrderBy(e => e.Offset).ThenBy(e => e.Name, StringComparer.Ordinal)];
    }

    /// <summary>Path it was opened by.</summary>
    public string Path { get; }

    /// <summary>Name without the folder.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The header's <c>__metadata__</c>.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads and checks the header. The data is not touched.</summary>
    /// <exception cref="SafetensorsException">The file is not a sound safetensors file, or cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        try
        {
            // Also keeps from waiting for ever on a pipe, which has no length.
            if (BoundedFile.Length(path) == 0)
            {
                throw new SafetensorsException(path, "has 0 bytes, too few for a safetensors file; download it again.");
            }

            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1);
            SafetensorsHeader header = SafetensorsHeader.Read(stream, path);
            return new SafetensorsFile(path, header.Entries, header.Metadata, file => file.Map(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new SafetensorsException(path, $"cannot be read: {e.Message}", e);
        }
    }

    /// <summary>A file that exists in memory only.</summary>
    /// <param name="name">What messages call it.</param>
    /// <param name="entries">Its tensors, with places inside <paramref name="data"/>.</param>
    /// <param name="data">Their bytes, which the file owns from now on.</param>
    internal static SafetensorsFile InMemory(string name, IEnumerable<SafetensorsEntry> entries, MemoryBlock data)
    {
        var file = new SafetensorsFile(name, entries.ToDictionary(e => e.Name, StringComparer.Ordinal), new Dictionary<string, string>(), _ => data);
        _ = file._data.Value;
        return file;
    }

    /// <summary>Whether there is a tensor <paramref name="name"/>, and which.</summary>
    public bool TryGet(string name, out SafetensorsEntry entry)
    {
        bool found = _byName.TryGetValue(name, out SafetensorsEntry? e);
        entry = e!;
        return found;
    }

    /// <summary>A tensor's bytes in place.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor, or the file cannot be mapped.</exception>
    public TensorData Tensor(string name) =>
        _byName.TryGetValue(name, out SafetensorsEntry? entry)
            ? Tensor(entry)
            : throw new SafetensorsException(Path, $"has no tensor {name}.");

    /// <summary>A tensor's bytes in place.</summary>
    /// <exception cref="SafetensorsException">The file cannot be mapped.</exception>
    public TensorData Tensor(SafetensorsEntry entry) => new(_data.Value, entry.Offset, entry.Type, entry.Shape);

    /// <summary>Unmaps the data.</summary>
    public void Dispose()
    {
        if (_data.IsValueCreated)
        {
            _data.Value.Dispose();
        }
    }

    MappedFile Map(string path)
    {
        MappedFile mapped;
        try
        {
            mapped = MappedFile.Open(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SafetensorsException(path, $"cannot be mapped: {e.Message}", e);
        }

        // The file may have been replaced since its header was read; reading past its end would kill the process.
        long needed = Entries.Count == 0 ? 0 : Entries.Max(e => e.End);
        if (mapped.Length < needed)
        {
            mapped.Dispose();
            throw new SafetensorsException(path, $"has become shorter since it was opened ({needed} bytes needed); open it again.");
        }

        return mapped;
    }
}

/// <summary>A tensor as a safetensors header lists it.</summary>
/// <param name="Name">Name in the file.</param>
/// <param name="Type">Stored element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="Offset">First byte, counted from the start of the file.</param>
/// <param name="Length">Number of bytes: the product of the shape times the element size.</param>
sealed record SafetensorsEntry(string Name, ElementType Type, IReadOnlyList<long> Shape, long Offset, long Length)
{
    /// <summary>The byte after the last.</summary>
    public long End => Offset + Length;
}
