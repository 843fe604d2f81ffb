using System.Diagnostics;

namespace GemmaSharp.Media.Tests;

/// <summary>The ffmpeg of this machine, as maker of inputs and as judge.</summary>
static class InstalledFfmpeg
{
    /// <summary>Skips the test where there is none.</summary>
    public static void OrSkip() => Assert.SkipUnless(
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Any(folder => File.Exists(Path.Combine(folder, "ffmpeg"))),
        "No ffmpeg is installed.");

    /// <summary>Runs it; files are written over.</summary>
    public static void Run(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ffmpeg", ["-v", "error", "-y", .. arguments]))!;
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    /// <summary>Runs it and gives what it writes to <c>pipe:1</c>.</summary>
    public static byte[] Output(params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo("ffmpeg", ["-v", "error", .. arguments]) { RedirectStandardOutput = true })!;
        using MemoryStream memory = new();
        process.StandardOutput.BaseStream.CopyTo(memory);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return memory.ToArray();
    }
}
