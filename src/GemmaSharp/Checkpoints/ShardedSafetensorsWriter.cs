using System.Text.Json;
using GemmaSharp.Files;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Writes a checkpoint's weights as <c>model.safetensors</c>, or as shards with their index when they are larger than one file should be.</summary>
/// <remarks>
/// Tensors are declared first and written in that order. Files get their names only in <see cref="Finish"/>, all at once; disposing before that
/// leaves nothing behind. Not thread-safe.
/// </remarks>
sealed class ShardedSafetensorsWriter : IDisposable
{
    /// <summary>The size at which transformers and MLX begin another file.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    readonly string _folder;
    readonly IReadOnlyDictionary<string, string>? _metadata;
    readonly List<(string File, IReadOnlyList<TensorDeclaration> Tensors)> _plan;
    readonly Dictionary<string, int> _shardOf = new(StringComparer.Ordinal);
    readonly List<SafetensorsWriter> _writers = [];

    ShardedSafetensorsWriter(string folder, List<(string File, IReadOnlyList<TensorDeclaration> Tensors)> plan, IReadOnlyDictionary<string, string>? metadata)
    {
        _folder = folder;
        _plan = plan;
        _metadata = metadata;
        for (int i = 0; i < plan.Count; i++)
        {
            foreach (TensorDeclaration tensor in plan[i].Tensors)
            {
                if (!_shardOf.TryAdd(tensor.Name, i))
                {
                    throw new ArgumentException($"Tensor {tensor.Name} is declared twice.", nameof(plan));
                }
            }
        }
    }

    /// <summary>Names of the files that will be written, in order.</summary>
    public IReadOnlyList<string> Files => [.. _plan.Select(shard => shard.File)];

    /// <summary>Begins a checkpoint.</summary>
    /// <param name="folder">An existing folder.</param>
    /// <param name="tensors">What will be written, in this order.</param>
    /// <param name="metadata">Every header's <c>__metadata__</c>.</param>
    /// <param name="shardBytes">Bytes of data a file has at most, unless a single tensor is larger.</param>
    /// <exception cref="ArgumentException">Two tensors have the same name.</exception>
    public static ShardedSafetensorsWriter Create(
        string folder, IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata = null, long shardBytes = DefaultShardBytes) =>
        new(folder, Plan(tensors, shardBytes), metadata);

    /// <summary>Cuts a list of tensors into files of at most <paramref name="shardBytes"/> and names them.</summary>
    public static List<(string File, IReadOnlyList<TensorDeclaration> Tensors)> Plan(IReadOnlyList<TensorDeclaration> tensors, long shardBytes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shardBytes, 1);
        var shards = new List<List<TensorDeclaration>> { new() };
        long bytes = 0;
        foreach (TensorDeclaration tensor in tensors)
        {
            if (shards[^1].Count > 0 && bytes + tensor.Length > shardBytes)
            {
                shards.Add([]);
                bytes = 0;
            }

            shards[^1].Add(tensor);
            bytes += tensor.Length;
        }

        return [.. shards.Select((shard, i) => (
            shards.Count == 1 ? "model.safetensors" : FormattableString.Invariant($"model-{i + 1:00000}-of-{shards.Count:00000}.safetensors"),
            (IReadOnlyList<TensorDeclaration>)shard))];
    }

    /// <summary>Appends bytes of the tensor that is due. A large tensor may come in several calls.</summary>
    /// <exception cref="ArgumentException">Another tensor is due, or it has fewer bytes left.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or the folder cannot be written to.</exception>
    public void Write(string name, ReadOnlySpan<byte> bytes) => WriterOf(name).Write(name, bytes);

    /// <summary>Appends a whole stored tensor to the one that is due.</summary>
    /// <exception cref="ArgumentException">Another tensor is due.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or the folder cannot be written to.</exception>
    public void Write(string name, TensorData data) => WriterOf(name).Write(name, data);

    /// <summary>Closes the files and gives them their names; with several, writes the index too.</summary>
    /// <exception cref="InvalidOperationException">Declared bytes are missing.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Finish()
    {
        while (_writers.Count < _plan.Count)
        {
            Next();
        }

        _writers[^1].Complete();
        string index = Path.Combine(_folder, CheckpointFiles.IndexName);
        try
        {
            using AtomicFile? file = _plan.Count > 1 ? AtomicFile.Create(index) : null;
            file?.Stream.Write(Index());
            file?.Complete();
            _writers.ForEach(writer => writer.Publish());
            file?.Publish();
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(index, e);
        }
    }

    /// <summary>Closes the files; unless finished, removes them.</summary>
    public void Dispose() => _writers.ForEach(writer => writer.Dispose());

    SafetensorsWriter WriterOf(string name)
    {
        if (!_shardOf.TryGetValue(name, out int shard))
        {
            throw new ArgumentException($"Tensor {name} was not declared.", nameof(name));
        }

        while (_writers.Count <= shard)
        {
            Next();
        }

        return _writers[shard];
    }

    void Next()
    {
        if (_writers.Count > 0)
        {
            _writers[^1].Complete();
        }

        (string file, IReadOnlyList<TensorDeclaration> tensors) = _plan[_writers.Count];
        _writers.Add(SafetensorsWriter.Create(Path.Combine(_folder, file), tensors, _metadata));
    }

    byte[] Index() => Index(_plan.Select(shard => (shard.File, shard.Tensors.Select(tensor => (tensor.Name, tensor.Length)))));

    /// <summary>The index of a checkpoint's files.</summary>
    /// <param name="files">The files with the names and bytes of their tensors.</param>
    public static byte[] Index(IEnumerable<(string File, IEnumerable<(string Name, long Length)> Tensors)> files)
    {
        (string File, (string Name, long Length)[] Tensors)[] all = [.. files.Select(file => (file.File, file.Tensors.ToArray()))];
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartObject("metadata");
            json.WriteNumber("total_size", all.Sum(file => file.Tensors.Sum(tensor => tensor.Length)));
            json.WriteEndObject();
            json.WriteStartObject("weight_map");
            foreach ((string file, (string Name, long Length)[] tensors) in all)
            {
                foreach ((string name, _) in tensors)
                {
                    json.WriteString(name, file);
                }
            }

            json.WriteEndObject();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }
}
