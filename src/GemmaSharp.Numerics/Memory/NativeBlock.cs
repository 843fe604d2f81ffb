using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Memory;

/// <summary>An allocation outside the managed heap: aligned to 64 bytes, of any size.</summary>
/// <remarks>Reading is thread-safe; writing is not synchronised.</remarks>
sealed unsafe class NativeBlock : MemoryBlock
{
    const nuint Alignment = 64;

    readonly bool _isSystems;

    NativeBlock(long bytes, bool clear)
    {
        AllocationFailure.Check(bytes);

        // No system has the largest of all sizes, so what a small address space cannot even count fails like any other.
        nuint size = (nuint)Math.Clamp(bytes, 1, nint.MaxValue);
        _isSystems = bytes >= SystemMemory.LeastBytes && SystemMemory.IsSupported;
        byte* pointer = _isSystems ? SystemMemory.Take(size) : (byte*)NativeMemory.AlignedAlloc(size, Alignment);
        try
        {
            if (clear && !_isSystems)
            {
                NativeMemory.Clear(pointer, size);
            }

            if (bytes > 0)
            {
                GC.AddMemoryPressure(bytes);
            }
        }
        catch
        {
            GiveBack(pointer, size);
            throw;
        }

        // Only now: the finalizer runs after a failed constructor, too, and gives back what it finds here.
        Pointer = pointer;
        Length = bytes;
    }

    /// <summary>Frees the memory of a block nobody disposed.</summary>
    ~NativeBlock() => Release();

    /// <summary>Allocates zeroed memory.</summary>
    /// <param name="bytes">Number of bytes, 0 or more.</param>
    /// <returns>The block; the caller owns it.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bytes"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The system has no such amount.</exception>
    public static NativeBlock Allocate(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new(bytes, clear: true);
    }

    /// <summary>Allocates memory whose contents are undefined, for who writes all of it.</summary>
    /// <param name="bytes">Number of bytes, 0 or more.</param>
    /// <returns>The block; the caller owns it.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bytes"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The system has no such amount.</exception>
    public static NativeBlock AllocateUncleared(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new(bytes, clear: false);
    }

    /// <summary>A writable view of some of the bytes; valid while the block lives.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <returns>The bytes in place.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the block.</exception>
    /// <exception cref="ObjectDisposedException">The block was disposed.</exception>
    public Span<byte> Write(long offset, int length)
    {
        CheckRange(offset, length);
        return new(Pointer + offset, length);
    }

    private protected override void Free(byte* address)
    {
        GiveBack(address, (nuint)Length);
        if (address is not null && Length > 0)
        {
            GC.RemoveMemoryPressure(Length);
        }
    }

    void GiveBack(byte* memory, nuint size)
    {
        if (!_isSystems)
        {
            NativeMemory.AlignedFree(memory);
        }
        else if (memory is not null)
        {
            SystemMemory.Give(memory, size);
        }
    }
}
