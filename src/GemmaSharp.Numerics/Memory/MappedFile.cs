using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace GemmaSharp.Numerics.Memory;

/// <summary>A whole file mapped read-only: pages are read when first touched and shared between processes.</summary>
/// <remarks>Thread-safe. Another program must not shorten the file meanwhile: the system ends a process that reads past its end.</remarks>
public sealed unsafe partial class MappedFile : MemoryBlock
{
    const int AdviceWillNeed = 3;

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
                handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);

            // Only now: the finalizer runs after a failed constructor, too, and gives back what it finds here.
            (_file, _view, Length) = (file, view, length);
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

    /// <summary>Asks the system to read a range ahead of its use; returns at once.</summary>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <remarks>Advice: without effect where the system has no such call.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie inside the file.</exception>
    /// <exception cref="ObjectDisposedException">The mapping was disposed.</exception>
    public void WillNeed(long offset, long length)
    {
        CheckRange(offset, length);
        if (length == 0)
        {
            return;
        }
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
        {
            nuint page = (nuint)Environment.SystemPageSize;
            nuint first = (nuint)(Pointer + offset) / page * page;
            _ = Advise((void*)first, (nuint)(Pointer + offset + length) - first, AdviceWillNeed);
        }
        else if (OperatingSystem.IsWindows())
        {
            MemoryRange range = new() { Address = Pointer + offset, Bytes = (nuint)length };
            _ = Prefetch(CurrentProcess, 1, &range, 0);
        }
        GC.KeepAlive(this);
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
    }

    static nint CurrentProcess => -1;

    [LibraryImport("libc", EntryPoint = "madvise")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Advise(void* address, nuint length, int advice);

    [LibraryImport("kernel32", EntryPoint = "PrefetchVirtualMemory")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int Prefetch(nint process, nuint count, MemoryRange* ranges, uint flags);

    [StructLayout(LayoutKind.Sequential)]
    struct MemoryRange
    {
        public void* Address;
        public nuint Bytes;
    }
}
