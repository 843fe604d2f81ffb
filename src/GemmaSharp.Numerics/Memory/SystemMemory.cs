using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.Memory;

/// <summary>Memory of the system's own, by whole pages, zeroed.</summary>
/// <remarks>
/// The C library keeps what is given back to it for whoever asks next, and keeps more the larger the pieces were: after a few passes a process holds a
/// half more than anybody uses. What is mapped is gone when it is unmapped. Thread-safe.
/// </remarks>
static unsafe partial class SystemMemory
{
    /// <summary>Smaller pieces are the C library's: there may be many of them, and a system counts mappings.</summary>
    public const long LeastBytes = 1 << 20;

    // The numbers of Linux and macOS.
    const int Read = 1, Write = 2, Private = 2, AnonymousLinux = 0x20, AnonymousMac = 0x1000;

    /// <summary>Whether the system maps memory without a file.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    /// <summary>Takes memory; it is zeros, and the system finds it when it is touched.</summary>
    /// <param name="bytes">How many, 1 or more.</param>
    /// <exception cref="OutOfMemoryException">The system has no such amount.</exception>
    public static byte* Take(nuint bytes)
    {
        void* memory = Map(null, bytes, Read | Write, Private | (OperatingSystem.IsMacOS() ? AnonymousMac : AnonymousLinux), -1, 0);
        return memory != (void*)-1 ? (byte*)memory
#pragma warning disable CA2201 // As the runtime's own allocations fail.
            : throw new OutOfMemoryException($"The system has no {bytes} bytes more.");
#pragma warning restore CA2201
    }

    /// <summary>Gives memory back.</summary>
    /// <param name="memory">What was taken.</param>
    /// <param name="bytes">How many.</param>
    public static void Give(byte* memory, nuint bytes) => _ = Unmap(memory, bytes);

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void* Map(void* address, nuint length, int rights, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmap(void* address, nuint length);
}
