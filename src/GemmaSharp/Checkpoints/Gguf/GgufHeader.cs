using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>Reads the front of a GGUF file, keys and list of tensors, and believes none of it before it is checked.</summary>
/// <remarks>Nothing is allocated by a count that the bytes left in the file do not bear out. Source: ggml, <c>docs/gguf.md</c>.</remarks>
sealed class GgufHeader
{
    const int MostTensors = 10_000;
    const int MostKeys = 4_096;
    const int LongestKey = 65_535;
    const int LongestName = 63;
    const int LongestText = 1 << 20;
    const int LongestTemplate = 4 << 20;
    const int LongestList = 1 << 24;
    const long MostMetadata = 256L << 20;
    const int MostAxes = 4;
    const uint MostAlignment = 1 << 20;
    const string AlignmentKey = "general.alignment";

    readonly Stream _stream;
    readonly string _file;
    readonly long _length;
    readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);
    readonly byte[] _scratch = new byte[16];
    long _position;
    long _kept;

    GgufHeader(Stream stream, string file, long length)
    {
        (_stream, _file, _length) = (stream, file, length);
        Metadata = new GgufMetadata(file, _values);
    }

    /// <summary>2 or 3, which have the same bytes.</summary>
    public uint Version { get; private set; }

    /// <summary>Keys and values.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>The tensors, with shapes outermost first and places in the file.</summary>
    public List<TensorEntry> Entries { get; } = [];

    /// <summary>Reads and checks it.</summary>
    /// <param name="stream">At the file's first byte; reading is sequential.</param>
    /// <param name="file">What messages call the file.</param>
    /// <param name="length">Bytes of the file.</param>
    /// <exception cref="GgufException">It is not sound.</exception>
    public static GgufHeader Read(Stream stream, string file, long length)
    {
        var header = new GgufHeader(stream, file, length);
        header.Read();
        return header;
    }

    /// <summary>Text for messages: short, without control characters.</summary>
    public static string Shown(string text) =>
        string.Concat((text.Length <= 120 ? text : text[..117] + "...").Select(character => char.IsControl(character) ? '?' : character));

    void Read()
    {
        if (_length < 24)
        {
            throw Bad($"has {_length} bytes, too few for a GGUF file; download it again.");
        }

        if (!Bytes(4).SequenceEqual("GGUF"u8))
        {
            throw Bad("is no GGUF file, which would begin with \"GGUF\"; download it again.");
        }

        Version = UInt32();
        if (Version is not (2 or 3))
        {
            throw Bad(Version != 0 && (Version & 0xFFFF) == 0 ? "is written for machines that keep the high byte first; get the usual file."
                : $"is of GGUF version {Version}; 2 or 3 is needed, so get a newer conversion of the model.");
        }

        ulong tensors = UInt64(), keys = UInt64();
        if (tensors > MostTensors || keys > MostKeys)
        {
            throw Bad($"says that it has {tensors} tensors and {keys} keys; at most {MostTensors} and {MostKeys} are possible, so download it again.");
        }

        for (ulong i = 0; i < keys; i++)
        {
            ReadKey();
        }

        uint alignment = Alignment();
        var infos = new List<(string Name, ElementType Type, BlockType? Blocks, long[] Shape, ulong Offset, long Length)>();
        for (ulong i = 0; i < tensors; i++)
        {
            infos.Add(ReadTensor());
        }

        long data = checked((_position + alignment - 1) / alignment * alignment);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach ((string name, ElementType type, BlockType? blocks, long[] shape, ulong offset, long length) in infos)
        {
            if (!names.Add(name))
            {
                throw Bad($"lists tensor {Shown(name)} twice; get another file.");
            }

            if (offset % alignment != 0)
            {
                throw Bad($"places tensor {Shown(name)} at {offset}, no multiple of its alignment {alignment}; download it again.");
            }

            if (offset > (ulong)_length || length > _length - data - (long)offset)
            {
                throw Bad($"ends after {_length} bytes, and tensor {Shown(name)} needs {(Int128)data + offset + length}; download it again.");
            }

            Entries.Add(new TensorEntry(name, type, shape, data + (long)offset, length) { Blocks = blocks });
        }

        CheckOverlaps();
    }

    void ReadKey()
    {
        string key = Name(LongestKey, "key");
        if (_values.ContainsKey(key))
        {
            throw Bad($"has key {Shown(key)} twice; get another file.");
        }

        uint type = UInt32();
        _values.Add(key, type == 9 ? ReadList(key) : ReadValue(key, type));
    }

    object ReadValue(string key, uint type) => type switch
    {
        0 => (long)Bytes(1)[0],
        1 => (long)(sbyte)Bytes(1)[0],
        2 => (long)BinaryPrimitives.ReadUInt16LittleEndian(Bytes(2)),
        3 => (long)BinaryPrimitives.ReadInt16LittleEndian(Bytes(2)),
        4 => (long)UInt32(),
        5 => (long)(int)UInt32(),
        6 => (double)BinaryPrimitives.ReadSingleLittleEndian(Bytes(4)),
        7 => Bytes(1)[0] switch
        {
            0 => false,
            1 => true,
            byte other => throw Bad($"has {Shown(key)} = {other}, which must be 0 or 1 for a truth value; download it again."),
        },
        8 => ReadText(key),
        10 => UInt64() is ulong whole && whole <= long.MaxValue ? (long)whole : (object)whole,
        11 => (long)UInt64(),
        12 => BinaryPrimitives.ReadDoubleLittleEndian(Bytes(8)),
        _ => throw Bad($"has key {Shown(key)} of value type {type}; 0 to 12 are possible, so download it again."),
    };

    string ReadText(string key)
    {
        int most = key.StartsWith("tokenizer.chat_template", StringComparison.Ordinal) || key == GgufConfig.WholeKey ? LongestTemplate : LongestText;
        return Encoding.UTF8.GetString(Take(Length(UInt64(), most, $"the text of {Shown(key)}")));
    }

    object ReadList(string key)
    {
        uint type = UInt32();
        ulong count = UInt64();
        int size = type switch
        {
            0 or 1 or 7 => 1,
            2 or 3 => 2,
            4 or 5 or 6 => 4,
            8 or 10 or 11 or 12 => 8,
            9 => throw Bad($"has lists of lists as {Shown(key)}; no checkpoint of this model has."),
            _ => throw Bad($"has key {Shown(key)} of element type {type}; 0 to 12 are possible, so download it again."),
        };
        if (count > LongestList || (long)count * size > _length - _position)
        {
            throw Bad($"says that {Shown(key)} has {count} elements; {Math.Min(LongestList, (_length - _position) / size)} are possible at most, so download "
                + "it again.");
        }

        return type == 8 ? ReadTexts(key, (int)count) : ReadNumbers(key, type, (int)count, size);
    }

    object ReadNumbers(string key, uint type, int count, int size)
    {
        byte[] bytes = Take(count * size);
        switch (type)
        {
            case 0:
                return bytes;
            case 7:
                return !bytes.AsSpan().ContainsAnyExcept((byte)0, (byte)1) ? Array.ConvertAll(bytes, each => each != 0)
                    : throw Bad($"has a list of truth values {Shown(key)} with another byte than 0 or 1; download it again.");
            default:
                return type switch
                {
                    1 => Cast<sbyte>(bytes),
                    2 => Cast<ushort>(bytes),
                    3 => Cast<short>(bytes),
                    4 => Cast<uint>(bytes),
                    5 => Cast<int>(bytes),
                    6 => Cast<float>(bytes),
                    10 => Cast<ulong>(bytes),
                    11 => Cast<long>(bytes),
                    _ => Cast<double>(bytes),
                };
        }
    }

    // Machines that keep the high byte first are refused before any weight is read.
    static T[] Cast<T>(byte[] bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes).ToArray();

    GgufStrings ReadTexts(string key, int count)
    {
        int[] ends = new int[count];
        byte[] text = new byte[Math.Min(16L * count + 16, _length - _position)];
        int used = 0;
        for (int i = 0; i < count; i++)
        {
            int length = Length(UInt64(), LongestText, $"text {i} of {Shown(key)}");
            Count(length);
            if (text.Length - used < length)
            {
                // All texts together are no longer than what is counted as metadata.
                Array.Resize(ref text, (int)Math.Max(used + length, Math.Min(2L * text.Length, MostMetadata)));
            }

            Fill(text.AsSpan(used, length));
            used += length;
            ends[i] = used;
        }

        return new GgufStrings(text, ends);
    }

    (string Name, ElementType Type, BlockType? Blocks, long[] Shape, ulong Offset, long Length) ReadTensor()
    {
        string name = Name(LongestName, "tensor");
        uint axes = UInt32();
        if (axes is 0 or > MostAxes)
        {
            throw Bad($"gives tensor {Shown(name)} {axes} axes; 1 to {MostAxes} are possible, so download it again.");
        }

        long[] shape = new long[axes];
        for (int axis = (int)axes - 1; axis >= 0; axis--)
        {
            ulong size = UInt64();
            shape[axis] = size is > 0 and <= long.MaxValue ? (long)size
                : throw Bad($"gives tensor {Shown(name)} an axis of {size}; 1 or more is needed, so download it again.");
        }

        uint id = UInt32();
        ulong offset = UInt64();
        if (GgufType.Find(id, out ElementType type, out BlockType? blocks) is string problem)
        {
            throw Bad($"stores tensor {Shown(name)} as {problem}.");
        }

        int block = blocks?.BlockSize() ?? 1;
        if (shape[^1] % block != 0)
        {
            throw Bad($"stores tensor {Shown(name)} with rows of {shape[^1]} as {blocks}, whose blocks have {block}; download it again.");
        }

        Int128 bytes = (Int128)(shape[^1] / block) * (blocks?.BlockBytes() ?? type.SizeInBytes());
        for (int axis = 0; axis < shape.Length - 1; axis++)
        {
            bytes = bytes <= long.MaxValue ? bytes * shape[axis] : bytes;
        }

        return bytes <= long.MaxValue ? (name, type, blocks, shape, offset, (long)bytes)
            : throw Bad($"gives tensor {Shown(name)} the shape [{string.Join(", ", shape)}], more than a file can have; download it again.");
    }

    uint Alignment()
    {
        if (!_values.TryGetValue(AlignmentKey, out object? value))
        {
            return 32;
        }

        return value is long alignment and > 0 and <= MostAlignment && (alignment & (alignment - 1)) == 0 ? (uint)alignment
            : throw Bad($"has {AlignmentKey} = {GgufMetadata.Show(value)}; a power of two from 1 to {MostAlignment} is needed, so get another file.");
    }

    void CheckOverlaps()
    {
        TensorEntry[] ordered = [.. Entries.OrderBy(entry => entry.Offset)];
        for (int i = 1; i < ordered.Length; i++)
        {
            if (ordered[i].Offset < ordered[i - 1].End)
            {
                throw Bad($"gives tensors {Shown(ordered[i - 1].Name)} and {Shown(ordered[i].Name)} the same bytes; get another file.");
            }
        }
    }

    string Name(int most, string what)
    {
        byte[] bytes = Take(Length(UInt64(), most, $"the name of a {what}"));
        string name = Encoding.UTF8.GetString(bytes);
        return name.Length > 0 && System.Text.Unicode.Utf8.IsValid(bytes) && !name.Any(char.IsControl) ? name
            : throw Bad($"has a {what} named \"{Shown(name)}\"; letters and no control characters are needed, so download it again.");
    }

    int Length(ulong length, int most, string what) => length <= (ulong)most && (long)length <= _length - _position ? (int)length
        : throw Bad($"says that {what} has {length} bytes; {Math.Min(most, _length - _position)} are possible at most, so download it again.");

    byte[] Take(int count)
    {
        Count(count);
        byte[] bytes = new byte[count];
        Fill(bytes);
        return bytes;
    }

    void Count(int bytes)
    {
        _kept += bytes;
        if (_kept > MostMetadata)
        {
            throw Bad($"has more than {MostMetadata >> 20} MB of metadata; no checkpoint of this model has.");
        }
    }

    ReadOnlySpan<byte> Bytes(int count)
    {
        Span<byte> bytes = _scratch.AsSpan(0, count);
        Fill(bytes);
        return bytes;
    }

    uint UInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Bytes(4));

    ulong UInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Bytes(8));

    void Fill(Span<byte> bytes)
    {
        if (bytes.Length > _length - _position || _stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw Bad($"ends after {_length} bytes, in the middle of its header; download it again.");
        }

        _position += bytes.Length;
    }

    GgufException Bad(string problem) => new(_file, problem);
}
