using System.Runtime.InteropServices;

namespace GemmaSharp.Numerics.MachineCode;

/// <summary>Memory for machine code: written once, executable from then on, and never both.</summary>
/// <remarks>Code stays mapped as long as the process lives. Thread-safe.</remarks>
static unsafe partial class ExecutableMemory
{
    const int PageBytes = 4096;

    // The numbers of Linux and macOS, and of Windows.
    const int Read = 1, Write = 2, Execute = 4;
    const int Shared = 1, Private = 2, AnonymousMac = 0x1000;
    const int CloseOnExec = 1;
    const uint Commit = 0x1000, Reserve = 0x2000, ReadWrite = 0x04, ExecuteRead = 0x20;

    /// <summary>Maps code.</summary>
    /// <param name="code">Instructions that can run at any address.</param>
    /// <returns>The first one; null where the system does not let a process run what it has written, or has no memory.</returns>
    public static void* Map(ReadOnlySpan<byte> code)
    {
        nuint bytes = (nuint)((code.Length + PageBytes - 1) / PageBytes * PageBytes);
        try
        {
            return OperatingSystem.IsWindows() ? OnWindows(code, bytes)
                : OperatingSystem.IsLinux() ? OnLinux(code, bytes)
                : OperatingSystem.IsMacOS() ? OnMac(code, bytes)
                : null;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return null;
        }
    }

    /// <summary>
    /// A memory file, written through one mapping and run through another: no page ever changes its rights, which <c>MemoryDenyWriteExecute</c> of systemd and
    /// <c>PR_SET_MDWE</c> would refuse.
    /// </summary>
    static void* OnLinux(ReadOnlySpan<byte> code, nuint bytes)
    {
        int file = MemoryFile("gemma-kernels", CloseOnExec);
        if (file < 0)
        {
            return null;
        }

        try
        {
            if (Truncate(file, (nint)bytes) != 0)
            {
                return null;
            }

            void* writable = Map(null, bytes, Read | Write, Shared, file, 0);
            if (writable == (void*)-1)
            {
                return null;
            }

            code.CopyTo(new Span<byte>(writable, code.Length));
            _ = Unmap(writable, bytes);
            void* executable = Map(null, bytes, Read | Execute, Shared, file, 0);
            return executable == (void*)-1 ? null : executable;
        }
        finally
        {
            _ = Close(file);
        }
    }

    static void* OnMac(ReadOnlySpan<byte> code, nuint bytes)
    {
        void* memory = Map(null, bytes, Read | Write, Private | AnonymousMac, -1, 0);
        if (memory == (void*)-1)
        {
            return null;
        }

        code.CopyTo(new Span<byte>(memory, code.Length));
        if (Protect(memory, bytes, Read | Execute) == 0)
        {
            return memory;
        }

        _ = Unmap(memory, bytes);
        return null;
    }

    static void* OnWindows(ReadOnlySpan<byte> code, nuint bytes)
    {
        void* memory = VirtualAlloc(null, bytes, Commit | Reserve, ReadWrite);
        if (memory == null)
        {
            return null;
        }

        code.CopyTo(new Span<byte>(memory, code.Length));
        if (VirtualProtect(memory, bytes, ExecuteRead, out _) != 0)
        {
            return memory;
        }

        const uint Release = 0x8000;
        _ = VirtualFree(memory, 0, Release);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Truncate(int file, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Close(int file);

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial void* VirtualAlloc(void* address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int VirtualProtect(void* address, nuint size, uint protection, out uint old);

    [LibraryImport("kernel32")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static partial int VirtualFree(void* address, nuint size, uint type);
}
