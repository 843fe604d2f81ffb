using System.Runtime.InteropServices;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>The packages as <c>scripts/pack.sh</c> makes them, the tool for this machine's platform alone; made once for all tests of a class.</summary>
public sealed class PackedFolder : IAsyncLifetime
{
    readonly TemporaryFolder _folder = new();

    /// <summary>Where they lie.</summary>
    public string Path => _folder.Path;

    /// <summary>The platform that the tool is packed for.</summary>
    public static string Platform { get; } =
        (OperatingSystem.IsMacOS() ? "osx" : RuntimeInformation.RuntimeIdentifier.Contains("musl", StringComparison.Ordinal) ? "linux-musl" : "linux")
        + "-" + RuntimeInformation.OSArchitecture switch { Architecture.Arm64 => "arm64", Architecture.X64 => "x64", Architecture other => throw new PlatformNotSupportedException($"{other}") };

    /// <summary>Packs.</summary>
    public async ValueTask InitializeAsync()
    {
        if (Repository.Folder is string repository && !OperatingSystem.IsWindows())
        {
            await Tool.RunAsync(repository, new Dictionary<string, string>(), "bash", "scripts/pack.sh", Path, Platform);
        }
    }

    /// <summary>Removes them.</summary>
    public ValueTask DisposeAsync()
    {
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
