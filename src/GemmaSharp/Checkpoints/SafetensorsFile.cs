using GemmaSharp.Files;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>A safetensors file: its header in memory, its data mapped when first asked for.</summary>
/// <remarks>Thread-safe. Views handed out keep the mapping alive; after <see cref="WeightFile.Dispose"/> they must not be read.</remarks>
sealed class SafetensorsFile : WeightFile
{
    readonly IReadOnlyDictionary<string, TensorEntry> _byName;

    SafetensorsFile(
        string path, IReadOnlyDictionary<string, TensorEntry> byName, IReadOnlyDictionary<string, string> metadata, MemoryBlock? data = null)
        : base(path, byName.Values, data)
    {
        _byName = byName;
        Metadata = metadata;
    }

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
            return new SafetensorsFile(path, header.Entries, header.Metadata);
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
    internal static SafetensorsFile InMemory(string name, IEnumerable<TensorEntry> entries, MemoryBlock data) =>
        new(name, entries.ToDictionary(e => e.Name, StringComparer.Ordinal), new Dictionary<string, string>(), data);

    /// <summary>Whether there is a tensor <paramref name="name"/>, and which.</summary>
    public bool TryGet(string name, out TensorEntry entry)
    {
        bool found = _byName.TryGetValue(name, out TensorEntry? e);
        entry = e!;
        return found;
    }

    /// <summary>A tensor's bytes in place.</summary>
    /// <exception cref="SafetensorsException">There is no such tensor, or the file cannot be mapped.</exception>
    public TensorData Tensor(string name) =>
        _byName.TryGetValue(name, out TensorEntry? entry)
            ? Tensor(entry)
            : throw new SafetensorsException(Path, $"has no tensor {name}.");

    /// <inheritdoc/>
    private protected override SafetensorsException Bad(string problem, Exception? inner = null) => new(Path, problem, inner);
}
