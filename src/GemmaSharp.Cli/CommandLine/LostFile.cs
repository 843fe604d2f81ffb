using System.Runtime.InteropServices;
using System.Text;

namespace GemmaSharp.Cli;

/// <summary>
/// Ends the program with a sentence where a mapped file of weights becomes shorter, or its disk fails, while it is read. The system sends SIGBUS then, of which
/// .NET makes a fatal error with a stack trace, and no handler of its own can be asked for: the one here is a few instructions that write it and exit.
/// </summary>
/// <remarks>Linux on x64 and Arm64. Elsewhere, and where memory may not be made executable, everything stays as it is.</remarks>
static partial class LostFile
{
    const int SigBus = 7;
    const int OnStack = 0x0800_0000;
    const int ReadWrite = 3, ReadExecute = 5, PrivateAnonymous = 0x22;

    static readonly byte[] s_sentence = Encoding.UTF8.GetBytes(
        "gemma: A file of weights became shorter while it was in use, or its disk failed; do not write to a checkpoint that is loaded, and start again.\n");

    /// <summary>Installs the handler, once per process.</summary>
    public static void Watch()
    {
        if (!OperatingSystem.IsLinux() || Code(s_sentence, ExitCode.CheckpointRefused) is not byte[] code)
        {
            return;
        }

        try
        {
            nint page = Map(0, (nuint)code.Length, ReadWrite, PrivateAnonymous, -1, 0);
            if (page == -1)
            {
                return;
            }

            Marshal.Copy(code, 0, page, code.Length);

            // struct sigaction of glibc and musl: handler, mask of 1,024 bits, flags, restorer.
            byte[] action = new byte[152];
            BitConverter.TryWriteBytes(action, (long)page);
            BitConverter.TryWriteBytes(action.AsSpan(136), OnStack);
            if (Protect(page, (nuint)code.Length, ReadExecute) == 0)
            {
                _ = SetAction(SigBus, action, 0);
            }
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            // A system with another C library.
        }
    }

    /// <summary>Instructions that write a sentence to standard error and end the process; null for other processors.</summary>
    internal static byte[]? Code(byte[] sentence, int exitCode)
    {
        byte[] length = BitConverter.GetBytes(sentence.Length);
        switch (RuntimeInformation.ProcessArchitecture)
        {
            case Architecture.X64:
                // mov edi, 2; lea rsi, [rip + 24]; mov edx, length; mov eax, write; syscall; mov edi, code; mov eax, exit_group; syscall
                return
                [
                    0xBF, 2, 0, 0, 0, 0x48, 0x8D, 0x35, 24, 0, 0, 0, 0xBA, .. length, 0xB8, 1, 0, 0, 0, 0x0F, 0x05,
                    0xBF, (byte)exitCode, 0, 0, 0, 0xB8, 231, 0, 0, 0, 0x0F, 0x05, .. sentence,
                ];
            case Architecture.Arm64:
                // movz x0, 2; adr x1, + 28; movz x2, length; movz x8, write; svc; movz x0, code; movz x8, exit_group; svc
                uint[] words =
                [
                    0xD2800000 | (2 << 5), 0x10000000 | (28 / 4 << 5) | 1, 0xD2800000 | ((uint)sentence.Length << 5) | 2,
                    0xD2800000 | (64 << 5) | 8, 0xD4000001, 0xD2800000 | ((uint)exitCode << 5), 0xD2800000 | (94 << 5) | 8, 0xD4000001,
                ];
                return [.. words.SelectMany(BitConverter.GetBytes), .. sentence];
            default:
                return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "sigaction")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetAction(int signal, byte[] action, nint before);
}
