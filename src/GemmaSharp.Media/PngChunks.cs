using System.Buffers.Binary;
using System.IO.Hashing;

namespace GemmaSharp.Media;

/// <summary>The chunks of a PNG, one after the other; one that is cut off at the end is given as far as it is there.</summary>
/// <remarks>Source: PNG specification, third edition, §5.3. Checksums are not looked at.</remarks>
internal ref struct PngChunks
{
    readonly int _length;
    ReadOnlySpan<byte> _rest;

    /// <summary>Before the first chunk.</summary>
    /// <param name="png">The whole file.</param>
    public PngChunks(ReadOnlySpan<byte> png)
    {
        _length = png.Length;
        _rest = png[Math.Min(8, png.Length)..];
    }

    /// <summary>Four letters.</summary>
    public ReadOnlySpan<byte> Type { get; private set; }

    /// <summary>What the chunk holds.</summary>
    public ReadOnlySpan<byte> Data { get; private set; }

    /// <summary>Where the data begins in the file.</summary>
    public int Position { get; private set; }

    /// <summary>Goes to the next chunk.</summary>
    /// <returns>Whether there is one.</returns>
    public bool Next()
    {
        if (_rest.Length < 8)
        {
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(_rest);
        Type = _rest.Slice(4, 4);
        _rest = _rest[8..];
        Position = _length - _rest.Length;
        int held = (int)Math.Min(length, (uint)_rest.Length);
        Data = _rest[..held];
        _rest = _rest[Math.Min(held + 4, _rest.Length)..];
        return true;
    }

    /// <summary>Writes a chunk, with its checksum.</summary>
    public static void Write(Stream stream, ReadOnlySpan<byte> type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        stream.Write(number);
        stream.Write(type);
        stream.Write(data);
        Crc32 checksum = new();
        checksum.Append(type);
        checksum.Append(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, checksum.GetCurrentHashAsUInt32());
        stream.Write(number);
    }
}
