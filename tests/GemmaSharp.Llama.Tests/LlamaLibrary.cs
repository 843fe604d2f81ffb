using LLama.Native;

namespace GemmaSharp.Llama.Tests;

/// <summary>llama.cpp, where its native library can be loaded.</summary>
static class LlamaLibrary
{
    static readonly Lazy<string?> s_fault = new(Load);

    /// <summary>Skips a test with the reason where the library cannot be loaded, as without OpenMP (Debian: libgomp1).</summary>
    public static void Require() => Assert.SkipWhen(s_fault.Value is not null, $"llama.cpp cannot be loaded: {s_fault.Value}");

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
