using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Memory;

/// <summary>A view of a stored tensor: where its bytes lie and what they mean, in C order.</summary>
/// <param name="Block">The memory that holds it; kept alive by this view.</param>
/// <param name="Offset">First byte inside <paramref name="Block"/>; no alignment is guaranteed.</param>
/// <param name="Type">Stored element type, little-endian.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
readonly unsafe record struct TensorData(MemoryBlock Block, long Offset, ElementType Type, IReadOnlyList<long> Shape)
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
        if (!StoredFloats.CanRead(Type))
        {
            throw new NotSupportedException(
                $"A tensor of {Type.Name()} was asked for as float32; only floating-point tensors can be read so.");
        }

        int size = Type.SizeInBytes();
        if (start < 0 || start > ElementCount - destination.Length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"Elements {start} to {start + destination.Length} were asked of a tensor of {ElementCount}.");
        }

        Block.CheckRange(Offset + start * size, (long)destination.Length * size);
        fixed (float* values = destination)
        {
            StoredFloats.Read(Block.Pointer + Offset + start * size, Type, (nuint)destination.Length, values);
        }
        GC.KeepAlive(Block);
    }
}
