using System.Diagnostics;
using System.Text;
using GemmaSharp.Hub.Tests.FakeHub;

namespace GemmaSharp.Cli.Tests.Hub;

/// <summary>The built program with a hub of its own, in processes that can be killed.</summary>
sealed class HubProgram : IAsyncDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-hub-");

    HubProgram(FakeHubServer server) => Server = server;

    public FakeHubServer Server { get; }

    public string Cache => Path.Combine(_folder.FullName, "hub");

    public static async Task<HubProgram> StartAsync() => new(await FakeHubServer.StartAsync());

    public string Repository(string id) => Path.Combine(Cache, "models--" + id.Replace("/", "--", StringComparison.Ordinal));

    /// <summary>Starts it and leaves it running.</summary>
    public Process Begin(params string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "gemma.exe" : "gemma"), arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (string name in start.Environment.Keys.Where(name => name.StartsWith("HF_", StringComparison.Ordinal) || name.StartsWith("OLLAMA_", StringComparison.Ordinal)
            || name.EndsWith("_PROXY", StringComparison.OrdinalIgnoreCase)).ToArray())
        {
            start.Environment.Remove(name);
        }

        // The models of other programs are looked for in the user's folder.
        (start.Environment["HOME"], start.Environment["USERPROFILE"]) = (_folder.FullName, _folder.FullName);
        start.Environment["HF_HOME"] = _folder.FullName;
        start.Environment["HF_ENDPOINT"] = Server.Endpoint.AbsoluteUri;
        return Process.Start(start)!;
    }

    /// <summary>Runs it to its end.</summary>
    public async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using Process process = Begin(arguments);
        return await EndAsync(process);
    }

    /// <summary>Waits for its end.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> EndAsync(Process process)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(s_patience);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token), error = process.StandardError.ReadToEndAsync(patience.Token);
        await process.WaitForExitAsync(patience.Token);
        return (process.ExitCode, await output, await error);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
