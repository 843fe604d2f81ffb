using System.Collections.Concurrent;
using System.Text;
using GemmaSharp.Extensions.AI.Tests;
using GemmaSharp.Media;
using GemmaSharp.Server.Tests.Clients;

[assembly: AssemblyFixture(typeof(ClientServers))]

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>What the clients' tests share: the demo model behind a server with a key, what the library itself answers, and the programs of Node.js.</summary>
public sealed class ClientServers : IAsyncDisposable
{
    /// <summary>What the demo is called; with a slash, as models of repositories are.</summary>
    public const string ModelId = "google/gemma-3n-demo";

    /// <summary>What every request must bear.</summary>
    public const string Key = "sk-of-the-tests";

    readonly Lazy<GemmaModel> _model = new(() => GemmaModel.Load(Demo.Folder));
    readonly Lazy<Task<RunningServer>> _demo;
    readonly ConcurrentDictionary<string, Lazy<NodeProgram>> _programs = new();

    public ClientServers() => _demo = new Lazy<Task<RunningServer>>(() => StartAsync(_model.Value, options => options.StoredResponses = 100));

    /// <summary>The demo model.</summary>
    public GemmaModel Model => _model.Value;

    /// <summary>Where the demo model is served.</summary>
    public async Task<Uri> DemoAsync() => (await _demo.Value).Address;

    /// <summary>Serves a model under the name and with the key that clients use.</summary>
    internal static Task<RunningServer> StartAsync(GemmaModel model, Action<GemmaServerOptions>? configure = null) => RunningServer.StartAsync(model, options =>
    {
        options.Models[0].Id = ModelId;
        options.ApiKeys.Add(Key);
        configure?.Invoke(options);
    });

    /// <summary>A program with a client of npm; one for all tests.</summary>
    internal NodeProgram Program(string script, string package) =>
        _programs.GetOrAdd(script, _ => new Lazy<NodeProgram>(() => NodeProgram.Start(script, package), LazyThreadSafetyMode.PublicationOnly)).Value;

    /// <summary>What the library answers by itself, greedily, and what that costs.</summary>
    internal async Task<(string Text, int Input, int Output)> LibraryAsync(ClientCall call)
    {
        var parts = new List<ContentPart>();
        if (call.Media is not null)
        {
            using var loader = new MediaLoader();
            parts.Add(call.MediaType!.StartsWith("image/", StringComparison.Ordinal)
                ? new ImagePart(loader.LoadImage(call.Media))
                : new AudioPart(loader.LoadAudio(call.Media).Clips[0]));
        }

        parts.Add(new TextPart(call.Prompt));
        await using AnswerStream answer = Model.Answer(
            new GenerationRequest { Messages = [ChatMessage.User(parts)], Options = new GenerationOptions { Temperature = 0, MaxTokens = call.MaxTokens } },
            TestContext.Current.CancellationToken);
        var text = new StringBuilder();
        await foreach (GeneratedToken token in answer)
        {
            text.Append(token.Text);
        }

        return (text.ToString(), answer.Statistics.PromptTokens, answer.Statistics.AnswerTokens);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Lazy<NodeProgram> program in _programs.Values.Where(program => program.IsValueCreated))
        {
            await program.Value.DisposeAsync();
        }

        if (_demo.IsValueCreated)
        {
            await (await _demo.Value).DisposeAsync();
        }

        if (_model.IsValueCreated)
        {
            _model.Value.Dispose();
        }
    }
}
