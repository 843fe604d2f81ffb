using System.Runtime.CompilerServices;

namespace GemmaSharp.Numerics.Memory;

/// <summary>Scratch memory outside the managed heap: zeroed unless asked not to be, aligned to 64 bytes, never moved.</summary>
/// <typeparam name="T">A type without references.</typeparam>
/// <remarks>Not synchronised. Spans must not be used after disposal.</remarks>
sealed unsafe class NativeArray<T> : IDisposable
    where T : unmanaged
{
    readonly NativeBlock _block;

    /// <summary>Allocates an array.</summary>
    /// <param name="length">Number of elements, 0 or more.</param>
    /// <param name="clear">Whether they are zeros; otherwise they are undefined, and the system finds memory for what is touched only.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative or too large.</exception>
    /// <exception cref="OutOfMemoryException">The system has no such amount.</exception>
    public NativeArray(long length, bool clear = true)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, long.MaxValue / Unsafe.SizeOf<T>());
        Length = length;
        long bytes = length * Unsafe.SizeOf<T>();
        _block = clear ? NativeBlock.Allocate(bytes) : NativeBlock.AllocateUncleared(bytes);
    }

    /// <summary>Number of elements.</summary>
    public long Length { get; }

    /// <summary>All elements.</summary>
    /// <exception cref="OverflowException">There are more than a span holds; use <see cref="Slice"/>.</exception>
    /// <exception cref="ObjectDisposedException">The array was disposed.</exception>
    public Span<T> Span => new(_block.Pointer, checked((int)Length));

    /// <summary>Address of the first element; the caller keeps the array alive while using it.</summary>
    internal T* Pointer => (T*)_block.Pointer;

    /// <summary>Some of the elements.</summary>
    /// <param name="start">First element.</param>
    /// <param name="length">Number of elements.</param>
    /// <returns>The elements in place.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the array.</exception>
    /// <exception cref="ObjectDisposedException">The array was disposed.</exception>
    public Span<T> Slice(long start, int length)
    {
        if (start < 0 || length < 0 || start > Length - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(start), start, $"Elements {start} to {start + length} were asked of an array of {Length}.");
        }
        return new(Pointer + start, length);
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose() => _block.Dispose();
}
