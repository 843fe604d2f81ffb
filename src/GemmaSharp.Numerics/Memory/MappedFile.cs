using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Numerics.Memory;

/// <summary>A whole file mapped read-only: pages are read when first touched and shared between processes.</summary>
/// <remarks>Thread-safe. Another program must not shorten the file meanwhile: the system ends a process that reads past its end.</remarks>
sealed unsafe partial class MappedFile : MemoryBlock
{
    readonly SafeFileHandle? _handle;
    readonly MemoryMappedFile? _file;
    readonly MemoryMappedViewAccessor? _view;

    MappedFile(string path)
    {
        SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        MemoryMappedFile? file = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            long length = RandomAccess.GetLength(handle);
            if (length == 0)
            {
                // Systems refuse to map nothing.
                handle.Dispose();
                return;
            }
            file = MemoryMappedFile.CreateFromFile(
                handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);

            // Only now: the finalizer runs after a failed constructor, too, and gives back what it finds here.
            (_handle, _file, _view, Length) = (handle, file, view, length);
            Pointer = pointer + view.PointerOffset;
        }
        catch
        {
            view?.Dispose();
            file?.Dispose();
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Unmaps a file nobody disposed.</summary>
    ~MappedFile() => Release();

    /// <summary>Maps a file.</summary>
    /// <param name="path">An existing regular file.</param>
    /// <returns>The mapping; the caller owns it.</returns>
    /// <exception cref="IOException">The file is not there or cannot be mapped.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a directory.</exception>
    public static MappedFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new(path);
    }

    /// <summary>From the file itself: what is read through the mapping stays in memory, with all the pages around that the system has at hand.</summary>
    private protected override void Copy(byte* start, long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int read = RandomAccess.Read(_handle!, destination, offset);
            if (read == 0)
            {
                throw new EndOfStreamException($"A mapped file ends at {offset} and had {Length} bytes; leave it as it is while it is in use.");
            }

            destination = destination[read..];
            offset += read;
        }
    }

    /// <summary>Whole pages only, since others share theirs with bytes that are wanted.</summary>
    private protected override void Forget(byte* start, nuint length)
    {
        if (!OperatingSystem.IsLinux() && !OperatingSystem.IsMacOS())
        {
            return;
        }

        nuint page = (nuint)Environment.SystemPageSize;
        nuint first = ((nuint)start + page - 1) & ~(page - 1), end = ((nuint)start + length) & ~(page - 1);
        if (end > first)
        {
            // A refusal costs memory and nothing else.
            _ = Advise(first, end - first, DontNeed);
        }
    }

    private protected override void Free(byte* address)
    {
        // Finalizers of the same sweep may have run already; the handles cope with that.
        if (_view is not null)
        {
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
            _view.Dispose();
        }
        _file?.Dispose();
        _handle?.Dispose();
    }

    // MADV_DONTNEED of Linux and of macOS.
    const int DontNeed = 4;

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(nuint address, nuint length, int advice);
}
