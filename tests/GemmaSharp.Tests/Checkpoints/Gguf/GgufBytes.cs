using System.Buffers.Binary;
using System.Text;

namespace GemmaSharp.Tests.Checkpoints.Gguf;

/// <summary>Puts GGUF files together byte by byte, unsound ones too.</summary>
sealed class GgufBytes
{
    readonly List<byte> _keys = [];
    readonly List<byte> _tensors = [];
    ulong _keyCount;
    ulong _tensorCount;

    public uint Version { get; init; } = 3;

    public ulong? Keys { get; init; }

    public ulong? Tensors { get; init; }

    public int Alignment { get; init; } = 32;

    /// <summary>A file that is sound: a text, a number, a list, and two tensors with 64 bytes of data each.</summary>
    public static GgufBytes Sound() => new GgufBytes().Text("general.architecture", "gemma3n").U32("gemma3n.block_count", 2)
        .List("numbers", 5, 3, [.. Int(1), .. Int(2), .. Int(3)]).Tensor("a", [16], 0, 0).Tensor("b", [32, 1], 2, 64);

    public GgufBytes Text(string key, string value) => Value(key, 8, Utf8(value));

    public GgufBytes U32(string key, uint value) => Value(key, 4, Int(value));

    public GgufBytes List(string key, uint type, ulong count, byte[] elements) => Value(key, 9, [.. Int(type), .. Long(count), .. elements]);

    public GgufBytes Texts(string key, params string[] values) => List(key, 8, (ulong)values.Length, [.. values.SelectMany(Utf8)]);

    public GgufBytes Value(string key, uint type, byte[] value)
    {
        _keys.AddRange([.. Utf8(key), .. Int(type), .. value]);
        _keyCount++;
        return this;
    }

    public GgufBytes Tensor(string name, ulong[] ne, uint type, ulong offset)
    {
        _tensors.AddRange([.. Utf8(name), .. Int((uint)ne.Length), .. ne.SelectMany(Long), .. Int(type), .. Long(offset)]);
        _tensorCount++;
        return this;
    }

    public byte[] ToArray(int data = 128)
    {
        byte[] front = [.. "GGUF"u8, .. Int(Version), .. Long(Tensors ?? _tensorCount), .. Long(Keys ?? _keyCount), .. _keys, .. _tensors];
        return [.. front, .. new byte[(Alignment - front.Length % Alignment) % Alignment], .. new byte[data]];
    }

    public static byte[] Utf8(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return [.. Long((ulong)bytes.Length), .. bytes];
    }

    public static byte[] Int(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }

    public static byte[] Long(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value);
        return bytes;
    }
}
