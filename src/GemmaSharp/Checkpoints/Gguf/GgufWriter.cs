using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using GemmaSharp.Files;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>Writes a GGUF file of version 3: keys, then the list of tensors, then their bytes in that order, none held in memory.</summary>
/// <remarks>
/// Keys and tensors are declared first. The bytes go to a temporary name in the same folder; <see cref="Finish"/> gives the file its own, and disposing before
/// that leaves nothing behind. Not thread-safe.
/// </remarks>
sealed class GgufWriter : IDisposable
{
    const int Alignment = 32;

    readonly string _path;
    readonly MemoryStream _keys = new();
    readonly List<(string Name, long[] Shape, uint Type, long Length)> _tensors = [];
    readonly XxHash128 _hash = new();
    readonly AtomicFile _file;
    ulong _keyCount;
    int _current;
    long _written;
    bool _begun;

    /// <summary>Begins a file.</summary>
    /// <param name="path">Where it will be; an existing file is replaced then.</param>
    /// <exception cref="CheckpointWriteException">The folder cannot be written to, or the disk is full.</exception>
    public GgufWriter(string path)
    {
        _path = path;
        try
        {
            _file = AtomicFile.Create(path, 1 << 20);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(path, e);
        }
    }

    /// <summary>Adds a text.</summary>
    public void Add(string key, string value)
    {
        Key(key, 8);
        Text(_keys, Encoding.UTF8.GetBytes(value));
    }

    /// <summary>Adds a whole number from 0, as u32.</summary>
    public void Add(string key, int value)
    {
        Key(key, 4);
        Number(_keys, checked((uint)value));
    }

    /// <summary>Adds a whole number from 0, as u16.</summary>
    public void AddShort(string key, int value)
    {
        Key(key, 2);
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes, checked((ushort)value));
        _keys.Write(bytes);
    }

    /// <summary>Adds a whole number, as i32.</summary>
    public void AddSigned(string key, int value)
    {
        Key(key, 5);
        Number(_keys, unchecked((uint)value));
    }

    /// <summary>Adds a number, as f32.</summary>
    public void Add(string key, float value)
    {
        Key(key, 6);
        Number(_keys, BitConverter.SingleToUInt32Bits(value));
    }

    /// <summary>Adds a truth value.</summary>
    public void Add(string key, bool value)
    {
        Key(key, 7);
        _keys.WriteByte(value ? (byte)1 : (byte)0);
    }

    /// <summary>Adds a list of texts.</summary>
    public void Add(string key, IReadOnlyList<byte[]> values)
    {
        List(key, 8, values.Count);
        foreach (byte[] value in values)
        {
            Text(_keys, value);
        }
    }

    /// <summary>Adds a list of numbers, as f32.</summary>
    public void Add(string key, IReadOnlyList<float> values)
    {
        List(key, 6, values.Count);
        foreach (float value in values)
        {
            Number(_keys, BitConverter.SingleToUInt32Bits(value));
        }
    }

    /// <summary>Adds a list of whole numbers, as i32.</summary>
    public void Add(string key, IReadOnlyList<int> values)
    {
        List(key, 5, values.Count);
        foreach (int value in values)
        {
            Number(_keys, unchecked((uint)value));
        }
    }

    /// <summary>Adds a list of truth values.</summary>
    public void Add(string key, IReadOnlyList<bool> values)
    {
        List(key, 7, values.Count);
        foreach (bool value in values)
        {
            _keys.WriteByte(value ? (byte)1 : (byte)0);
        }
    }

    /// <summary>Declares the next tensor.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="shape">Its shape, outermost first.</param>
    /// <param name="type">Its type: F32, F16 or BF16.</param>
    /// <param name="blocks">The form of its blocks; null for one number each.</param>
    /// <exception cref="ArgumentException">The rows are no whole number of blocks, or the type has no number here.</exception>
    public void Declare(string name, IReadOnlyList<long> shape, ElementType type, BlockType? blocks)
    {
        long[] axes = shape.Count == 0 ? [1] : [.. shape];
        int size = blocks?.BlockSize() ?? 1;
        if (axes[^1] % size != 0)
        {
            throw new ArgumentException($"Tensor {name} has rows of {axes[^1]}, no whole number of blocks of {size}.", nameof(blocks));
        }

        uint id = blocks is BlockType form ? (uint)form : type switch
        {
            ElementType.F32 => 0,
            ElementType.F16 => 1,
            ElementType.BF16 => 30,
            _ => throw new ArgumentException($"Tensor {name} is {type.Name()}; F32, F16 and BF16 are written.", nameof(type)),
        };
        long rows = axes[..^1].Aggregate(1L, (product, axis) => checked(product * axis));
        _tensors.Add((name, axes, id, checked(rows * (axes[^1] / size) * (blocks?.BlockBytes() ?? type.SizeInBytes()))));
    }

    /// <summary>Appends bytes of the declared tensor that is due; a large one may come in several calls.</summary>
    /// <exception cref="ArgumentException">It has fewer bytes left.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        Begin();
        if (_current == _tensors.Count || bytes.Length > _tensors[_current].Length - _written)
        {
            throw new ArgumentException($"{bytes.Length} bytes were given; fewer are left of the tensor that is due.", nameof(bytes));
        }

        Append(bytes);
        _written += bytes.Length;
        if (_written == _tensors[_current].Length)
        {
            Pad(_written);
            (_current, _written) = (_current + 1, 0);
        }
    }

    /// <summary>Closes the file, gives it its name, and reads it again.</summary>
    /// <exception cref="InvalidOperationException">Declared bytes are missing.</exception>
    /// <exception cref="CheckpointException">It was read back otherwise than it was written.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Finish()
    {
        Begin();
        if (_current != _tensors.Count)
        {
            throw new InvalidOperationException($"Tensor {_tensors[_current].Name} has {_written} of {_tensors[_current].Length} bytes.");
        }

        try
        {
            _file.Complete();
            _file.Publish();
            RequireAsWritten();
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(_path, e);
        }
    }

    /// <summary>Closes the file; unless finished, removes it.</summary>
    public void Dispose() => _file.Dispose();

    void RequireAsWritten()
    {
        var found = new XxHash128();
        using FileStream stream = File.OpenRead(_path);
        found.Append(stream);
        if (found.GetCurrentHashAsUInt128() != _hash.GetCurrentHashAsUInt128())
        {
            throw new CheckpointException($"{_path} was read back otherwise than it was written; check the disk and convert again.");
        }
    }

    void Begin()
    {
        if (_begun)
        {
            return;
        }

        _begun = true;
        using var header = new MemoryStream();
        header.Write("GGUF"u8);
        Number(header, 3u);
        Number(header, (ulong)_tensors.Count);
        Number(header, _keyCount);
        _keys.WriteTo(header);
        long offset = 0;
        foreach ((string name, long[] shape, uint type, long length) in _tensors)
        {
            Text(header, Encoding.UTF8.GetBytes(name));
            Number(header, (uint)shape.Length);
            for (int axis = shape.Length - 1; axis >= 0; axis--)
            {
                Number(header, (ulong)shape[axis]);
            }

            Number(header, type);
            Number(header, (ulong)offset);
            offset += (length + Alignment - 1) / Alignment * Alignment;
        }

        Append(header.ToArray());
        Pad(header.Length);
    }

    void Pad(long length) => Append(stackalloc byte[(int)(-length & (Alignment - 1))]);

    void Append(ReadOnlySpan<byte> bytes)
    {
        try
        {
            _file.Stream.Write(bytes);
            _hash.Append(bytes);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(_path, e);
        }
    }

    void Key(string key, uint type)
    {
        Text(_keys, Encoding.UTF8.GetBytes(key));
        Number(_keys, type);
        _keyCount++;
    }

    void List(string key, uint type, int count)
    {
        Key(key, 9);
        Number(_keys, type);
        Number(_keys, (ulong)count);
    }

    static void Text(Stream stream, ReadOnlySpan<byte> utf8)
    {
        Number(stream, (ulong)utf8.Length);
        stream.Write(utf8);
    }

    static void Number(Stream stream, uint value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        stream.Write(bytes);
    }

    static void Number(Stream stream, ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        stream.Write(bytes);
    }
}
