using System.Text.Json;
using GemmaSharp.Checkpoints;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Text;

/// <summary>The text model of a tiny checkpoint, with threads and a pass.</summary>
sealed class TextFixture : IDisposable
{
    readonly TinyCheckpoint _files;

    public TextFixture(
        string name, int threads = 2, Func<List<TinyTensor>, IEnumerable<TinyTensor>>? change = null, CacheType cacheType = CacheType.F32)
    {
        _files = TinyCheckpoint.Create(name, change);
        Checkpoint = Checkpoint.Open(_files.Folder);
        Model = new TextModel(Checkpoint.Root, Checkpoint.Config.TextConfig, cacheType.ElementType());
        Team = new WorkerTeam(threads);
        Pass = Model.NewPass(Team);
    }

    public Checkpoint Checkpoint { get; }

    public TextModel Model { get; }

    public WorkerTeam Team { get; }

    public TextPass Pass { get; }

    /// <summary>The prompt of a recorded case.</summary>
    public static int[] Ids(string name, string golden) => Integers(name, golden, "token_ids");

    /// <summary>The reference's greedy continuation of a recorded case.</summary>
    public static int[] Greedy(string name, string golden) => Integers(name, golden, "greedy");

    /// <summary>Runs one chunk and returns the wanted logits.</summary>
    public float[] Run(KvCache cache, ReadOnlySpan<int> ids, int logitsRows, ITrace? trace = null, AdapterSet? adapters = null)
    {
        var step = new TextStep();
        step.Add(cache, ids, logitsRows, adapters: adapters);
        Model.Forward(step, Pass, trace);
        return Pass.Logits.Span.ToArray();
    }

    public void Dispose()
    {
        Pass.Dispose();
        Team.Dispose();
        Checkpoint.Dispose();
        _files.Dispose();
    }

    static int[] Integers(string name, string golden, string property)
    {
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(GoldenFiles.Find($"{name}/goldens/{golden}.json")));
        return [.. json.RootElement.GetProperty(property).EnumerateArray().Select(e => e.GetInt32())];
    }
}
