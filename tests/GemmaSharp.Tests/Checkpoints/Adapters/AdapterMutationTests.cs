using System.Text;
using CsCheck;
using GemmaSharp.Checkpoints;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Checkpoints.Adapters;

/// <summary>Whatever happens to an adapter's files, loading it succeeds or is refused with a typed error.</summary>
public sealed class AdapterMutationTests : IClassFixture<TinyBase>, IDisposable
{
    static readonly string[] s_splices =
    [
        "0", "-1", "9223372036854775807", "1e999", "null", "[", "]", "{", "}", ",", ":", "\"", "\\u0000", "true", "\"r\": 2147483648,", "\"lora_alpha\": 1e308,", "\"rank_pattern\": {\".*\": 1e300},",
        "\"rank_pattern\": {\"(a*)*$\": 4},", "\"peft_type\": 7,", "\"use_dora\": \"\",", "NaN",
    ];

    readonly TinyBase _tiny;
    readonly TempFolder _folder = new();
    readonly string _config = File.ReadAllText(GoldenFiles.Find("lora/rslora/adapter_config.json"));
    readonly byte[] _weights;

    public AdapterMutationTests(TinyBase tiny)
    {
        _tiny = tiny;
        using AdapterFolder small = AdapterFolder.Peft(tensors: all => all.Take(4), name: "rslora");
        _weights = File.ReadAllBytes(Path.Combine(small.Path, "adapter_model.safetensors"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Load_ConfigSpliced_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, 2000], Gen.Int[0, 40], Gen.Int[0, s_splices.Length - 1]).List[1, 4].Sample(splices =>
        {
            string config = _config;
            foreach ((int at, int removed, int splice) in splices)
            {
                int start = at % (config.Length + 1);
                config = config[..start] + s_splices[splice] + config[Math.Min(config.Length, start + removed)..];
            }

            Load(Encoding.UTF8.GetBytes(config), _weights);
        }, iter: 1500, threads: 1);

    [Fact]
    public void Load_WeightBytesChanged_NeverFailsUntyped() =>
        Gen.Select(Gen.Int[0, 1200], Gen.Byte).List[1, 8].Sample(changes =>
        {
            byte[] weights = [.. _weights];
            foreach ((int at, byte value) in changes)
            {
                weights[at % weights.Length] = value;
            }

            Load(Encoding.UTF8.GetBytes(_config), weights);
        }, iter: 1500, threads: 1);

    void Load(byte[] config, byte[] weights)
    {
        File.WriteAllBytes(_folder["adapter_config.json"], config);
        File.WriteAllBytes(_folder["adapter_model.safetensors"], weights);
        try
        {
            LoraAdapter adapter = LoraAdapter.Load(_folder.Path, _tiny.Checkpoint);
            Assert.All(adapter.Pairs, pair => Assert.True(float.IsFinite(pair.Scale) && pair.Down.All(float.IsFinite) && pair.Up.All(float.IsFinite)));
        }
        catch (CheckpointException e)
        {
            Assert.False(string.IsNullOrWhiteSpace(e.Message));
        }
    }
}
