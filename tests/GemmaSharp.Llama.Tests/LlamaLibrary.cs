using System.Diagnostics;
using System.Runtime.InteropServices;
using LLama.Native;

namespace GemmaSharp.Llama.Tests;

/// <summary>llama.cpp, where its native library can be loaded.</summary>
static class LlamaLibrary
{
    static readonly Lazy<string?> s_fault = new(Load);
    static readonly Lazy<bool> s_silenced = new(Silence);

    // Kept here: the library keeps its address.
    static readonly Log s_nothing = (_, _, _) => { };

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    delegate void Log(int level, nint text, nint data);

    [UnmanagedFunctionPointer(CallingConvention.Cdecl)]
    delegate void SetLog(nint log, nint data);

    /// <summary>Skips a test with the reason where the library cannot be loaded, as without OpenMP (Debian: libgomp1).</summary>
    public static void Require() => Assert.SkipWhen(s_fault.Value is not null, $"llama.cpp cannot be loaded: {s_fault.Value}");

    /// <summary>As <see cref="Require"/>, for the library of towers, which writes a line for every tensor unless it is told not to.</summary>
    public static void RequireTowers()
    {
        Require();
        _ = s_silenced.Value;
    }

    static bool Silence()
    {
        NativeApi.MtmdDefaultMarker();
        string? path = Process.GetCurrentProcess().Modules.Cast<ProcessModule>().Select(module => module.FileName)
            .FirstOrDefault(file => Path.GetFileName(file).Contains("mtmd", StringComparison.Ordinal));
        if (path is null || !NativeLibrary.TryGetExport(NativeLibrary.Load(path), "mtmd_log_set", out nint set))
        {
            return false;
        }

        Marshal.GetDelegateForFunctionPointer<SetLog>(set)(Marshal.GetFunctionPointerForDelegate(s_nothing), 0);
        return true;
    }

    static string? Load()
    {
        try
        {
            NativeLibraryConfig.All.WithLogCallback((_, _) => { });
            NativeApi.llama_empty_call();
            return null;
        }
        catch (Exception e) when (e is LLama.Exceptions.RuntimeError or TypeInitializationException or DllNotFoundException or PlatformNotSupportedException)
        {
            return e.GetBaseException().Message;
        }
    }
}
