using System.Buffers.Binary;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Reading, writing and rounding of single elements of the stored float types F32, F16 and BF16.</summary>
static class FloatElement
{
    /// <summary>Whether the type is F32, F16 or BF16.</summary>
    public static bool Supports(ElementType type) => type is ElementType.F32 or ElementType.F16 or ElementType.BF16;

    /// <summary>The value after a round trip through the type.</summary>
    public static float Round(float value, ElementType type) => type switch
    {
        ElementType.F32 => value,
        ElementType.F16 => (float)(Half)value,
        ElementType.BF16 => BFloat16.FromSingle(value).ToSingle(),
        _ => throw Unsupported(type),
    };

    /// <summary>Element <paramref name="index"/> of a little-endian array.</summary>
    public static float Read(ReadOnlySpan<byte> source, int index, ElementType type) => type switch
    {
        ElementType.F32 => BinaryPrimitives.ReadSingleLittleEndian(source[(4 * index)..]),
        ElementType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(source[(2 * index)..]),
        ElementType.BF16 => new BFloat16(BinaryPrimitives.ReadUInt16LittleEndian(source[(2 * index)..])).ToSingle(),
        _ => throw Unsupported(type),
    };

    /// <summary>Writes element <paramref name="index"/>, rounded to nearest even.</summary>
    public static void Write(float value, int index, ElementType type, Span<byte> destination)
    {
        switch (type)
        {
            case ElementType.F32:
                BinaryPrimitives.WriteSingleLittleEndian(destination[(4 * index)..], value);
                break;
            case ElementType.F16:
                BinaryPrimitives.WriteHalfLittleEndian(destination[(2 * index)..], (Half)value);
                break;
            case ElementType.BF16:
                BinaryPrimitives.WriteUInt16LittleEndian(destination[(2 * index)..], BFloat16.FromSingle(value).Bits);
                break;
            default:
                throw Unsupported(type);
        }
    }

    static QuantizationFormatException Unsupported(ElementType type) =>
        new($"Scales of type {type} are not supported; affine quantisation keeps them as F32, F16 or BF16.");
}
