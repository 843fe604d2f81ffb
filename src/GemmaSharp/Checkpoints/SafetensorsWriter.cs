using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using GemmaSharp.Files;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Checkpoints;

/// <summary>Writes a safetensors file tensor by tensor, of any size, with no tensor held in memory.</summary>
/// <remarks>
/// All tensors are declared first, because the header precedes the data. The bytes go to a temporary name in the same folder;
/// <see cref="Finish"/> gives the file its own. Disposing before that leaves nothing behind. Not thread-safe.
/// </remarks>
sealed class SafetensorsWriter : IDisposable
{
    readonly string _path;
    readonly IReadOnlyList<TensorDeclaration> _tensors;
    readonly AtomicFile _file;
    int _current;
    long _written;

    SafetensorsWriter(string path, IReadOnlyList<TensorDeclaration> tensors, AtomicFile file)
    {
        _path = path;
        _tensors = tensors;
        _file = file;
    }

    /// <summary>Begins a file.</summary>
    /// <param name="path">Where it will be after <see cref="Finish"/>; an existing file is replaced then.</param>
    /// <param name="tensors">What will be written, in this order.</param>
    /// <param name="metadata">The header's <c>__metadata__</c>; <see langword="null"/> for none.</param>
    /// <exception cref="CheckpointWriteException">The folder cannot be written to, or the disk is full.</exception>
    /// <exception cref="ArgumentException">Two tensors have the same name.</exception>
    public static SafetensorsWriter Create(string path, IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        Create(path, tensors, metadata, open: null);

    internal static SafetensorsWriter Create(
        string path, IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata, Func<string, FileStream>? open)
    {
        byte[] header = Header(tensors, metadata);
        AtomicFile? file = null;
        try
        {
            file = AtomicFile.Create(path, 1 << 20, open);
            file.Stream.Write(header);
            return new SafetensorsWriter(path, tensors, file);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            file?.Dispose();
            throw new CheckpointWriteException(path, e);
        }
    }

    /// <summary>Appends bytes of the tensor that is due. A large tensor may come in several calls.</summary>
    /// <param name="name">The tensor's name, which must be the declared one.</param>
    /// <param name="bytes">Little-endian elements in C order.</param>
    /// <exception cref="ArgumentException">Another tensor is due, or it has fewer bytes left.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Write(string name, ReadOnlySpan<byte> bytes)
    {
        PassEmpty(name);
        if (_current == _tensors.Count || _tensors[_current].Name != name)
        {
            throw new ArgumentException(
                $"Tensor {name} was given; {(_current == _tensors.Count ? "no further one" : _tensors[_current].Name)} is due.", nameof(name));
        }

        long left = _tensors[_current].Length - _written;
        if (bytes.Length > left)
        {
            throw new ArgumentException($"Tensor {name} was given {bytes.Length} bytes; {left} are left of it.", nameof(bytes));
        }

        Guard(bytes, static (file, b) => file.Stream.Write(b));
        _written += bytes.Length;
        if (_written == _tensors[_current].Length)
        {
            _current++;
            _written = 0;
        }
    }

    /// <summary>Appends a whole stored tensor to the one that is due.</summary>
    /// <param name="name">The tensor's name, which must be the declared one.</param>
    /// <param name="data">The bytes, wherever they lie.</param>
    public void Write(string name, TensorData data)
    {
        const int Piece = 4 << 20;
        long length = data.Length;
        for (long at = 0; at < length; at += Piece)
        {
            Write(name, data.Block.Read(data.Offset + at, (int)Math.Min(Piece, length - at)));
        }
    }

    /// <summary>Closes the file and gives it its name.</summary>
    /// <exception cref="InvalidOperationException">Declared bytes are missing.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public void Finish()
    {
        Complete();
        Publish();
    }

    /// <summary>Closes the file under its temporary name: everything is on the disk.</summary>
    internal void Complete()
    {
        PassEmpty(null);
        if (_current != _tensors.Count)
        {
            throw new InvalidOperationException($"Tensor {_tensors[_current].Name} has {_written} of {_tensors[_current].Length} bytes.");
        }

        Guard([], static (file, _) => file.Complete());
    }

    /// <summary>Gives the completed file its name.</summary>
    internal void Publish() => Guard([], static (file, _) => file.Publish());

    /// <summary>Closes the file; unless finished, removes it.</summary>
    public void Dispose() => _file.Dispose();

    // Tensors without elements need no call of their own.
    void PassEmpty(string? name)
    {
        while (_current < _tensors.Count && _tensors[_current].Length == 0 && _tensors[_current].Name != name)
        {
            _current++;
        }
    }

    delegate void Action(AtomicFile file, ReadOnlySpan<byte> bytes);

    void Guard(ReadOnlySpan<byte> bytes, Action action)
    {
        try
        {
            action(_file, bytes);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CheckpointWriteException(_path, e);
        }
    }

    static byte[] Header(IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata is not null)
            {
                json.WriteStartObject("__metadata__");
                foreach ((string key, string value) in metadata)
                {
                    json.WriteString(key, value);
                }

                json.WriteEndObject();
            }

            long offset = 0;
            foreach (TensorDeclaration tensor in tensors)
            {
                if (!names.Add(tensor.Name))
                {
                    throw new ArgumentException($"Tensor {tensor.Name} is declared twice.", nameof(tensors));
                }

                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.Name());
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [offset, checked(offset + tensor.Length)]);
                json.WriteEndObject();
                offset += tensor.Length;
            }

            json.WriteEndObject();
        }

        // Padded with blanks so that the data starts at a multiple of 64: readers that map it get aligned tensors.
        int length = (buffer.WrittenCount + 8 + 63) / 64 * 64 - 8;
        byte[] header = new byte[8 + length];
        header.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)length);
        buffer.WrittenSpan.CopyTo(header.AsSpan(8));
        return header;
    }

    static void WriteNumbers(Utf8JsonWriter json, string name, IReadOnlyList<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (long number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }
}
