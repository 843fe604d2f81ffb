using System.Buffers.Binary;
using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Numerics.Memory;

/// <summary>A view of a stored tensor: where its bytes lie and what they mean, in C order.</summary>
/// <param name="Block">The memory that holds it; kept alive by this view.</param>
/// <param name="Offset">First byte inside <paramref name="Block"/>; no alignment is guaranteed.</param>
/// <param name="Type">Stored element type, little-endian.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
public readonly record struct TensorData(MemoryBlock Block, long Offset, ElementType Type, IReadOnlyList<long> Shape)
{
    /// <summary>Number of elements: the product of the shape.</summary>
    /// <exception cref="OverflowException">The product exceeds a long.</exception>
    public long ElementCount
    {
        get
        {
            long count = 1;
            // By index: a list's enumerator is an allocation, and rows are read in hot loops.
            for (int i = 0; i < Shape.Count; i++)
            {
                count = checked(count * Shape[i]);
            }
            return count;
        }
    }

    /// <summary>Number of bytes.</summary>
    /// <exception cref="OverflowException">The product exceeds a long.</exception>
    public long Length => checked(ElementCount * Type.SizeInBytes());

    /// <summary>Reads all elements as float32, in C order.</summary>
    /// <param name="destination">At least <see cref="ElementCount"/> values.</param>
    /// <exception cref="NotSupportedException">The element type is not a floating-point one.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not lie inside its block.</exception>
    public void ToSingles(Span<float> destination)
    {
        long count = ElementCount;
        if (destination.Length < count)
        {
            throw new ArgumentException(
                $"The destination holds {destination.Length} values; the tensor has {count}.", nameof(destination));
        }
        ToSingles(0, destination[..(int)count]);
    }

    /// <summary>Reads some elements as float32.</summary>
    /// <param name="start">First element, counted in C order.</param>
    /// <param name="destination">Filled from <paramref name="start"/> on.</param>
    /// <exception cref="NotSupportedException">The element type is not a floating-point one.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The elements do not lie inside the tensor and its block.</exception>
    public void ToSingles(long start, Span<float> destination)
    {
        int size = Type.SizeInBytes();
        if (start < 0 || start > ElementCount - destination.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"Elements {start} to {start + destination.Length} were asked of a tensor of {ElementCount}.");
        }

        // A span counts bytes in an int; large tensors are read in pieces.
        const int Piece = 1 << 20;
        while (!destination.IsEmpty)
        {
            int count = Math.Min(destination.Length, Piece);
            ReadOnlySpan<byte> bytes = Block.Read(Offset + start * size, count * size);
            Convert(bytes, destination[..count]);
            start += count;
            destination = destination[count..];
        }
        GC.KeepAlive(Block);
    }

    void Convert(ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (Type)
        {
            case ElementType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case ElementType.BF16:
                WeightConversion.ToSingles<BFloat16Weights>(source, destination);
                break;
            case ElementType.F16:
                WeightConversion.ToSingles<HalfWeights>(source, destination);
                break;
            case ElementType.F64:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)BinaryPrimitives.ReadDoubleLittleEndian(source[(i * sizeof(double))..]);
                }
                break;
            case ElementType.F8E4M3:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = Float8.FromE4M3(source[i]);
                }
                break;
            case ElementType.F8E5M2:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = Float8.FromE5M2(source[i]);
                }
                break;
            case ElementType.F8E8M0:
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = Float8.FromE8M0(source[i]);
                }
                break;
            default:
                throw new NotSupportedException(
                    $"A tensor of {Type.Name()} was asked for as float32; only floating-point tensors can be read so.");
        }
    }
}
