using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>A file of tensors: its header in memory, its data mapped when first asked for.</summary>
/// <remarks>Thread-safe. Views handed out keep the mapping alive; after <see cref="Dispose"/> they must not be read.</remarks>
abstract class WeightFile : IDisposable
{
    // ENOMEM, of Linux and macOS: address space is limited.
    const int NoMemory = 12;

    readonly Lazy<MemoryBlock> _data;

    private protected WeightFile(string path, IEnumerable<TensorEntry> entries, MemoryBlock? data = null)
    {
        Path = path;
        Entries = [.. entries.OrderBy(e => e.Offset).ThenBy(e => e.Name, StringComparer.Ordinal)];
        _data = new Lazy<MemoryBlock>(() => data ?? Map());
        if (data is not null)
        {
            _ = _data.Value;
        }
    }

    /// <summary>Path it was opened by.</summary>
    public string Path { get; }

    /// <summary>Name without the folder.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>The tensors in the order of their bytes.</summary>
    public IReadOnlyList<TensorEntry> Entries { get; }

    /// <summary>A tensor's bytes in place.</summary>
    /// <exception cref="CheckpointException">The file cannot be mapped.</exception>
    public TensorData Tensor(TensorEntry entry) => new(_data.Value, entry.Offset, entry.Type, entry.Blocks is null ? entry.Shape : [entry.Length]);

    /// <summary>Gives back the memory of what was read of it.</summary>
    public void Forget()
    {
        if (_data.IsValueCreated)
        {
            _data.Value.Forget(0, _data.Value.Length);
        }
    }

    /// <summary>Unmaps the data.</summary>
    public void Dispose()
    {
        if (_data.IsValueCreated)
        {
            _data.Value.Dispose();
        }
    }

    /// <summary>The exception that says what is wrong with this file.</summary>
    private protected abstract CheckpointException Bad(string problem, Exception? inner = null);

    MappedFile Map()
    {
        MappedFile mapped;
        try
        {
            mapped = MappedFile.Open(Path);
        }
        catch (IOException e) when (e.HResult == NoMemory)
        {
            throw new InsufficientMemoryException($"{Path} cannot be mapped: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Bad($"cannot be mapped: {e.Message}", e);
        }

        // The file may have been replaced since its header was read; reading past its end would kill the process.
        long needed = Entries.Count == 0 ? 0 : Entries.Max(e => e.End);
        if (mapped.Length < needed)
        {
            mapped.Dispose();
            throw Bad($"has become shorter since it was opened ({needed} bytes needed); open it again.");
        }

        return mapped;
    }
}
