using System.Buffers.Binary;

namespace GemmaSharp.Fuzz.Mutators;

/// <summary>Changes the header of a safetensors file as JSON and puts its length right, which a change of bytes never does.</summary>
/// <param name="json">What changes the header.</param>
sealed class SafetensorsMutator(IMutator json) : IMutator
{
    public byte[]? Mutate(byte[] input, byte[] other, Dice dice)
    {
        if (Header(input) is not int length || json.Mutate(input[8..(8 + length)], Header(other) is int theirs ? other[8..(8 + theirs)] : [], dice) is not byte[] header)
        {
            return null;
        }

        byte[] data = input[(8 + length)..];
        if (dice.OneIn(8) && data.Length > 0)
        {
            data = data[..dice.Below(data.Length)];
        }

        byte[] start = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(start, header.Length);
        return [.. start, .. header, .. data];
    }

    static int? Header(byte[] bytes) =>
        bytes.Length >= 8 && BinaryPrimitives.ReadUInt64LittleEndian(bytes) is ulong length && length <= (ulong)bytes.Length - 8 ? (int)length : null;
}
