using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>A program of Node.js beside the tests that drives the server with a client from npm; what it is told and tells, <c>harness.mjs</c> says.</summary>
sealed class NodeProgram : IAsyncDisposable
{
    const int OldestNode = 20;

    /// <summary>Settings of whoever runs the tests that clients would take up.</summary>
    static readonly string[] s_foreign = ["OPENAI_", "ANTHROPIC_", "OLLAMA_", "LANGCHAIN_", "LANGSMITH_", "AI_", "VERCEL_", "NODE_"];

    static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web);

    readonly Process _process;
    readonly StringBuilder _errors = new();
    readonly ConcurrentDictionary<int, Waiting> _waiting = new();
    readonly SemaphoreSlim _writing = new(1);
    readonly Task _reading;
    int _calls;

    NodeProgram(Process process)
    {
        _process = process;
        _process.ErrorDataReceived += (_, line) =>
        {
            lock (_errors)
            {
                _errors.AppendLine(line.Data);
            }
        };
        _process.BeginErrorReadLine();
        _reading = ReadAsync();
    }

    /// <summary>Starts one; skips the test where there is no Node.js, or its packages are not there.</summary>
    /// <param name="script">The file beside this one.</param>
    /// <param name="package">The client's package.</param>
    public static NodeProgram Start(string script, string package)
    {
        string folder = Folder();
        Assert.SkipUnless(
            File.Exists(Path.Combine(folder, "node_modules", package, "package.json")),
            $"The npm package {package} is not in tests/GemmaSharp.Server.Tests/Clients/node_modules; run tests/fetch-test-data.sh.");
        var start = new ProcessStartInfo("node", script)
        {
            WorkingDirectory = folder,
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
            StandardOutputEncoding = Encoding.UTF8,
            StandardErrorEncoding = Encoding.UTF8,
        };
        foreach (string name in start.Environment.Keys.Where(name => s_foreign.Any(foreign => name.StartsWith(foreign, StringComparison.OrdinalIgnoreCase))).ToArray())
        {
            start.Environment.Remove(name);
        }

        Assert.SkipWhen(s_nodeVersion.Value is null, "Node.js is not installed.");
        Assert.SkipWhen(s_nodeVersion.Value < OldestNode, $"Node.js {s_nodeVersion.Value} is installed; the clients need {OldestNode} or newer.");
        return new NodeProgram(Process.Start(start)!);
    }

    static readonly Lazy<int?> s_nodeVersion = new(() =>
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("node", "--version") { RedirectStandardOutput = true })!;
            string version = process.StandardOutput.ReadToEnd();
            return int.TryParse(version.TrimStart('v').Split('.')[0], out int major) ? major : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    });

    /// <summary>Has it do something; several may be asked for at once.</summary>
    public async Task<ClientOutcome> AskAsync(ClientCall call, Action<int>? onStatus)
    {
        int id = Interlocked.Increment(ref _calls);
        var waiting = new Waiting(onStatus);
        _waiting[id] = waiting;
        JsonObject line = JsonSerializer.SerializeToNode(call, s_json)!.AsObject();
        line["id"] = id;
        await _writing.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            await _process.StandardInput.WriteLineAsync(line.ToJsonString());
            await _process.StandardInput.FlushAsync(TestContext.Current.CancellationToken);
        }
        finally
        {
            _writing.Release();
        }

        try
        {
            return await waiting.Outcome.Task.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{call.Client} did not end {call.Case} within a minute. It said:\n{Errors()}");
        }
        finally
        {
            _waiting.TryRemove(id, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _process.StandardInput.Close();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(3)))
        {
            _process.Kill(entireProcessTree: true);
        }

        await _reading;
        _process.Dispose();
        _writing.Dispose();
    }

    async Task ReadAsync()
    {
        while (await _process.StandardOutput.ReadLineAsync() is string line)
        {
            JsonNode told = JsonNode.Parse(line)!;
            if (_waiting.TryGetValue((int)told["id"]!, out Waiting? waiting))
            {
                waiting.Take(told);
            }
        }

        foreach (Waiting waiting in _waiting.Values)
        {
            waiting.Outcome.TrySetException(new InvalidOperationException($"Node.js has ended. It said:\n{Errors()}"));
        }
    }

    string Errors()
    {
        lock (_errors)
        {
            return _errors.ToString();
        }
    }

    /// <summary>Where the scripts and their packages are: beside the source, since packages are found from there.</summary>
    static string Folder()
    {
        string? folder = AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "GemmaSharp.slnx")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        Assert.SkipWhen(folder is null, "The tests are not below the repository, where the npm packages are.");
        return Path.Combine(folder, "tests", "GemmaSharp.Server.Tests", "Clients");
    }

    sealed class Waiting(Action<int>? onStatus)
    {
        readonly List<int> _statuses = [];

        public TaskCompletionSource<ClientOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Take(JsonNode told)
        {
            if (told["status"] is JsonNode status)
            {
                _statuses.Add((int)status);
                onStatus?.Invoke((int)status);
                return;
            }

            Outcome.TrySetResult(new ClientOutcome(
                told["result"] is JsonNode result ? result.Deserialize<ClientAnswer>(s_json) : null,
                told["error"] is JsonNode error ? error.Deserialize<ClientError>(s_json) : null, [.. _statuses]));
        }
    }
}
