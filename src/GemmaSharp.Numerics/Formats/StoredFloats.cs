using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Arrays of F32, F16 or BF16 elements as bytes, little-endian, to float32 and back.</summary>
/// <remarks>Thread-safe.</remarks>
public static class StoredFloats
{
    /// <summary>Widens elements; exact.</summary>
    /// <param name="source">The elements, <c>[n]</c>.</param>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="destination">Receives the values, <c>[n]</c>.</param>
    /// <exception cref="QuantizationFormatException">The type is another one.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Read(ReadOnlySpan<byte> source, ElementType type, Span<float> destination)
    {
        Check(source.Length, destination.Length, type);
        switch (type)
        {
            case ElementType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case ElementType.F16:
                WeightConversion.ToSingles<HalfWeights>(source, destination);
                break;
            default:
                WeightConversion.ToSingles<BFloat16Weights>(source, destination);
                break;
        }
    }

    /// <summary>Rounds values to the nearest element, ties to even; beyond the range they become infinite.</summary>
    /// <param name="source">The values, <c>[n]</c>.</param>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="destination">Receives the elements, <c>[n]</c>.</param>
    /// <exception cref="QuantizationFormatException">The type is another one.</exception>
    /// <exception cref="ArgumentException">The lengths do not belong together.</exception>
    public static void Write(ReadOnlySpan<float> source, ElementType type, Span<byte> destination)
    {
        Check(destination.Length, source.Length, type);
        if (type == ElementType.F32)
        {
            MemoryMarshal.AsBytes(source).CopyTo(destination);
            return;
        }

        for (int i = 0; i < source.Length; i++)
        {
            FloatElement.Write(source[i], i, type, destination);
        }
    }

    static void Check(int bytes, int count, ElementType type)
    {
        if (!FloatElement.Supports(type))
        {
            throw new QuantizationFormatException($"Elements of type {type.Name()} were given; F32, F16 or BF16 are needed.");
        }

        if (bytes != (long)count * type.SizeInBytes())
        {
            throw new ArgumentException($"{bytes} bytes were given; {count} elements of {type.Name()} have {(long)count * type.SizeInBytes()}.");
        }
    }
}
