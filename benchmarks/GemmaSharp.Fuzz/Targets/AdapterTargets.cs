using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Adapters;
using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Model;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Readers of adapters, peft's and mlx-lm's.</summary>
static class AdapterTargets
{
    const string PeftConfig = """{"peft_type":"LORA","base_model_name_or_path":"gemma","r":2,"lora_alpha":4,"target_modules":["q_proj","o_proj"],"rank_pattern":{},"alpha_pattern":{"layers.0":8},"use_rslora":false,"use_dora":false,"bias":"none","modules_to_save":null,"fan_in_fan_out":false}""";

    const string MlxConfig = """{"fine_tune_type":"lora","model":"gemma","num_layers":2,"lora_parameters":{"rank":2,"scale":20.0,"dropout":0.0,"keys":["self_attn.q_proj"]}}""";

    static readonly string[] s_words =
    [
        "peft_type", "r", "lora_alpha", "target_modules", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "bias", "modules_to_save", "layers_to_transform", "all-linear",
        ".*q_proj", "(", "[a-", "fine_tune_type", "lora_parameters", "rank", "scale", "LORA", "dora", "full",
    ];

    static readonly IMutator s_bytes = new ByteMutator("{"u8.ToArray(), "\""u8.ToArray(), "\\ud800"u8.ToArray(), [0xFF], [0, 0, 0x80, 0x7F], [0, 0, 0xC0, 0x7F]);

    public static IEnumerable<FuzzTarget> All =>
    [
        Config("adapter-peft-config", PeftConfig, "adapter_model.safetensors", Peft()),
        Config("adapter-mlx-config", MlxConfig, "adapters.safetensors", Mlx()),
        Weights("adapter-peft-weights", PeftConfig, "adapter_model.safetensors", Peft()),
        Weights("adapter-mlx-weights", MlxConfig, "adapters.safetensors", Mlx()),
    ];

    static FuzzTarget Config(string name, string config, string weightName, byte[] weights) => new()
    {
        Name = name,
        Seeds = () => [SeedFiles.Utf8(config), .. SeedFiles.Corpus(name)],
        Mutators = [new JsonMutator(s_words), s_bytes],
        TestInputs = 150,
        Open = () => Open(AdapterFiles.ConfigName, weightName, weights),
    };

    static FuzzTarget Weights(string name, string config, string weightName, byte[] weights) => new()
    {
        Name = name,
        Seeds = () => [weights, .. SeedFiles.Corpus(name)],
        Mutators = [new SafetensorsMutator(new JsonMutator("dtype", "shape", "data_offsets", "F32", "BF16", "F16", "I32", "lora_A", "lora_B")), s_bytes],
        TestInputs = 150,
        Open = () => Open(weightName, AdapterFiles.ConfigName, SeedFiles.Utf8(config)),
    };

    static InputReader Open(string name, string otherName, byte[] other)
    {
        Checkpoint checkpoint = Checkpoint.Open(SeedFiles.Demo, new CheckpointOptions { HeadersOnly = true });
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        var folder = new ScratchFolder();
        File.WriteAllBytes(folder[otherName], other);
        return new InputReader(input =>
        {
            File.WriteAllBytes(folder[name], input);
            CheckpointTargets.AreShowable(LoraAdapter.Check(folder.Folder, checkpoint));
            _ = LoraAdapter.Load(folder.Folder, checkpoint).Bytes;
        }, new Held(folder, checkpoint));
    }

    static byte[] Peft() => Weights("base_model.model.model.language_model.layers.{0}.self_attn.{1}.lora_{2}.weight", "A", "B", isTurned: false);

    static byte[] Mlx() => Weights("language_model.model.layers.{0}.self_attn.{1}.lora_{2}", "a", "b", isTurned: true);

    // q_proj and o_proj of the demo are 128 × 128, and the rank is 2.
    static byte[] Weights(string form, string down, string up, bool isTurned)
    {
        var header = new JsonObject();
        int offset = 0;
        foreach ((int layer, string module) in ((int, string)[])[(0, "q_proj"), (1, "o_proj")])
        {
            Add(layer, module, down, isTurned);
            Add(layer, module, up, !isTurned);
        }

        return SeedFiles.Safetensors(header.ToJsonString(), offset);

        void Add(int layer, string module, string part, bool isTall)
        {
#pragma warning disable CA1863 // Four times.
            header[string.Format(System.Globalization.CultureInfo.InvariantCulture, form, layer, module, part)] = new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = isTall ? new JsonArray(128, 2) : new JsonArray(2, 128),
                ["data_offsets"] = new JsonArray(offset, offset + 1024),
            };
#pragma warning restore CA1863
            offset += 1024;
        }
    }

    sealed class Held(ScratchFolder folder, Checkpoint checkpoint) : IDisposable
    {
        public void Dispose()
        {
            checkpoint.Dispose();
            folder.Dispose();
        }
    }
}
