using System.Text.Json.Nodes;
using CsCheck;
using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints;

/// <summary>Whatever happens to a checkpoint's configuration, tensors or index: findings or a typed refusal, in bounded memory, never anything else.</summary>
public sealed class CheckpointMutationTests : IClassFixture<CheckpointMutationTests.Sound>
{
    static readonly ElementType[] s_types = [ElementType.U32, ElementType.U8, ElementType.BF16, ElementType.F32, ElementType.I32, ElementType.I64, ElementType.F64, ElementType.Bool];
    static readonly string[] s_values =
        ["0", "-1", "1", "2147483647", "9223372036854775807", "1e300", "true", "null", "\"x\"", "[]", "{}", "[1,2,3]", "\"\"", "3.5", "{\"bits\":9}", "\"\\u0000\\n\""];
    static readonly string[] s_files =
        ["\"\"", "\"../x.safetensors\"", "\"model.safetensors\"", "\"other.safetensors\"", "3", "null", "{}", "\"/etc/passwd\"", "\"model.safetensors/\""];
    static readonly string[] s_ends = [".weight", ".scales", ".biases", ".bias", ""];

    readonly Sound _sound;

    public CheckpointMutationTests(Sound sound) => _sound = sound;

    [Fact]
    public void Report_ConfigurationMutated_IsAReportOrATypedRefusal() =>
        Gen.Select(Gen.Int[0, 10_000], Gen.Int[0, s_values.Length - 1]).List[1, 3].Sample(mutations =>
        {
            JsonNode config = JsonNode.Parse(_sound.Config)!;
            foreach ((int at, int value) in mutations)
            {
                var places = Places(config).ToList();
                (JsonNode parent, string? key, int index) = places[at % places.Count];
                JsonNode? replacement = JsonNode.Parse(s_values[value]);
                if (key is not null)
                {
                    parent[key] = replacement;
                }
                else
                {
                    parent[index] = replacement;
                }
            }

            Check(config.ToJsonString(), _sound.Tensors, null);
        }, iter: 150, threads: 1);

    [Fact]
    public void Report_TensorsMutated_IsAReportOrATypedRefusal() =>
        Gen.Select(Gen.Int[0, 100_000], Gen.Int[0, 6], Gen.Int[0, 200], Gen.Int[0, s_types.Length - 1]).List[1, 4].Sample(mutations =>
        {
            List<TinyTensor> tensors = [.. _sound.Tensors];
            foreach ((int at, int what, int size, int type) in mutations)
            {
                int i = at % tensors.Count;
                TinyTensor t = tensors[i];
                tensors[i] = what switch
                {
                    0 => t with { Shape = [.. t.Shape.Reverse()] },
                    1 => Sized(t, [.. t.Shape.Select((d, axis) => axis == t.Shape.Length - 1 ? size : d)]),
                    2 => Sized(t, [.. t.Shape.Select((d, axis) => axis == 0 ? size : d)]),
                    3 => Sized(t with { Type = s_types[type] }, t.Shape),
                    4 => t with { Name = t.Name[..Math.Max(1, t.Name.LastIndexOf('.'))] + s_ends[size % s_ends.Length] + (size > 150 ? "x" : "") },
                    5 => Sized(t, size % 2 == 0 ? [] : [1, .. t.Shape]),
                    _ => t with { Name = tensors[size % tensors.Count].Name + size },
                };
            }

            Check(_sound.Config, [.. tensors.DistinctBy(t => t.Name)], null);
        }, iter: 30, threads: 1);

    [Fact]
    public void Report_IndexMutated_IsAReportOrATypedRefusal() =>
        Gen.Select(Gen.Int[0, 10_000], Gen.Int[0, s_files.Length - 1]).List[1, 3].Sample(mutations =>
        {
            var map = new JsonObject(_sound.Tensors.Select(t => KeyValuePair.Create<string, JsonNode?>(t.Name, "model.safetensors")));
            foreach ((int at, int value) in mutations)
            {
                map[_sound.Tensors[at % _sound.Tensors.Count].Name] = JsonNode.Parse(s_files[value]);
            }

            Check(_sound.Config, null, new JsonObject { ["weight_map"] = map }.ToJsonString());
        }, iter: 40, threads: 1);

    void Check(string config, IReadOnlyList<TinyTensor>? tensors, string? index)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["config.json"], config);
        string weights = folder["model.safetensors"];
        if (tensors is null || ReferenceEquals(tensors, _sound.Tensors))
        {
            File.CreateSymbolicLink(weights, _sound.Weights);
        }
        else
        {
            TinyCheckpoint.WriteFile(weights, [.. tensors]);
        }

        if (index is not null)
        {
            File.WriteAllText(folder["model.safetensors.index.json"], index);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using Checkpoint checkpoint = Checkpoint.Open(folder.Path);
            LoadReport report = TinyCheckpoint.Report(checkpoint);
            Assert.All(report.Findings, f => Assert.DoesNotContain('\n', f.ToString()));
            CheckpointComparison.Compare(folder.Path, _sound.Folder, new CheckpointComparisonOptions { Only = ["language_model.layers.1"] });
        }
        catch (Exception e) when (e is CheckpointException or ConfigurationException)
        {
            // Refused by name: that is what is wanted.
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 512L << 20);
    }

    static TinyTensor Sized(TinyTensor tensor, long[] shape) =>
        tensor with { Shape = shape, Bytes = new byte[shape.Aggregate((long)tensor.Type.SizeInBytes(), (size, axis) => size * axis)] };

    static IEnumerable<(JsonNode Parent, string? Key, int Index)> Places(JsonNode node)
    {
        if (node is JsonObject fields)
        {
            foreach ((string key, JsonNode? child) in fields)
            {
                yield return (node, key, 0);
                foreach (var place in child is null ? [] : Places(child))
                {
                    yield return place;
                }
            }
        }
        else if (node is JsonArray items)
        {
            for (int i = 0; i < items.Count; i++)
            {
                yield return (node, null, i);
                foreach (var place in items[i] is JsonNode child ? Places(child) : [])
                {
                    yield return place;
                }
            }
        }
    }

    /// <summary>tiny-c quantised with two forms and exceptions in the configuration.</summary>
    public sealed class Sound : IDisposable
    {
        readonly TempFolder _folder = new();

        public Sound()
        {
            using TinyCheckpoint source = TinyCheckpoint.Create("tiny-c");
            CheckpointConverter.Convert(source.Folder, Folder, MlxCheckpoints.Options("mlx-mixed"));
            using SafetensorsFile file = SafetensorsFile.Open(Weights);
            Tensors = [.. file.Entries.Select(e => new TinyTensor(e.Name, e.Type, [.. e.Shape], file.Tensor(e).Block.Read(e.Offset, (int)e.Length).ToArray()))];
            Config = File.ReadAllText(Path.Combine(Folder, "config.json"));
        }

        public string Folder => _folder["sound"];

        public string Weights => Path.Combine(Folder, "model.safetensors");

        public string Config { get; }

        public IReadOnlyList<TinyTensor> Tensors { get; }

        public void Dispose() => _folder.Dispose();
    }
}
