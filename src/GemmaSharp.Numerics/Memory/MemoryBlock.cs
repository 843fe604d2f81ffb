namespace GemmaSharp.Numerics.Memory;

/// <summary>Bytes outside the managed heap: a mapped file or an allocation.</summary>
/// <remarks>
/// The bytes stay where they are until <see cref="Dispose()"/>, or until nothing refers to the block any more.
/// Reading is safe from any number of threads; disposing while another thread reads is not.
/// </remarks>
abstract unsafe class MemoryBlock : IDisposable
{
    byte* _pointer;
    bool _disposed;

    /// <exception cref="PlatformNotSupportedException">The machine keeps the high byte first.</exception>
    private protected MemoryBlock() => RequireLittleEndian(BitConverter.IsLittleEndian);

    /// <summary>Number of bytes.</summary>
    public long Length { get; private protected set; }

    /// <summary>Address of the first byte; the caller keeps the block alive while using it.</summary>
    internal byte* Pointer
    {
        get
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _pointer;
        }
        private protected set => _pointer = value;
    }

    /// <summary>A view of some of the bytes; valid while the block lives.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <returns>The bytes in place.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the block.</exception>
    /// <exception cref="ObjectDisposedException">The block was disposed.</exception>
    public ReadOnlySpan<byte> Read(long offset, int length)
    {
        CheckRange(offset, length);
        return new(Pointer + offset, length);
    }

    /// <summary>Copies some bytes that others around them are not likely to be wanted with: of a mapped file, nothing stays in memory.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="destination">Receives them.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the block.</exception>
    /// <exception cref="ObjectDisposedException">The block was disposed.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public void Copy(long offset, Span<byte> destination)
    {
        CheckRange(offset, destination.Length);
        Copy(Pointer + offset, offset, destination);
    }

    /// <summary>Copies from where the bytes are.</summary>
    private protected virtual void Copy(byte* start, long offset, Span<byte> destination) =>
        new ReadOnlySpan<byte>(start, destination.Length).CopyTo(destination);

    /// <summary>
    /// Says that some bytes will hardly be read again, so that the system may take back the memory that holds them. Reading them stays possible: they come from
    /// the file again.
    /// </summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the block.</exception>
    /// <exception cref="ObjectDisposedException">The block was disposed.</exception>
    public void Forget(long offset, long length)
    {
        CheckRange(offset, length);
        Forget(Pointer + offset, (nuint)length);
    }

    /// <summary>Gives back what can be read again; an allocation cannot.</summary>
    private protected virtual void Forget(byte* start, nuint length)
    {
    }

    /// <summary>Frees or unmaps the bytes. Views handed out before must not be used any more.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees the bytes; called once, from <see cref="Dispose()"/> or the finalizer.</summary>
    private protected abstract void Free(byte* address);

    private protected void Release()
    {
        if (!_disposed)
        {
            _disposed = true;
            Free(_pointer);
            _pointer = null;
        }
    }

    /// <summary>Refuses machines on which stored numbers, little-endian in every file, would have to be turned before use.</summary>
    /// <remarks>Asked at the first block of memory, through which all stored numbers come.</remarks>
    internal static void RequireLittleEndian(bool isLittleEndian)
    {
        if (!isLittleEndian)
        {
            throw new PlatformNotSupportedException(
                "This machine keeps the high byte of a number first; weights are used as files store them, low byte first, so use x64 or Arm64.");
        }
    }

    /// <summary>Refuses a range that does not lie inside the block.</summary>
    internal void CheckRange(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
        {
            throw new ArgumentOutOfRangeException(
                nameof(offset), offset, $"Bytes {offset} to {offset + length} were asked of a block of {Length} bytes.");
        }
    }
}
