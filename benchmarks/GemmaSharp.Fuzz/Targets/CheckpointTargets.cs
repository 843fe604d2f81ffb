using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Configuration;
using GemmaSharp.Fuzz.Mutators;
using GemmaSharp.Model;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Prompting.Chat;

namespace GemmaSharp.Fuzz.Targets;

/// <summary>Readers of a checkpoint's files.</summary>
static class CheckpointTargets
{
    static readonly string[] s_tensorWords =
        ["dtype", "shape", "data_offsets", "__metadata__", "F32", "BF16", "F16", "I32", "U8", "U32", "F8_E4M3", "BOOL", "I64", "format", "gemma-trace", "weight", "scales", "biases"];

    static readonly IMutator s_bytes = new ByteMutator("{"u8.ToArray(), "}"u8.ToArray(), "\""u8.ToArray(), ","u8.ToArray(), ":"u8.ToArray(), "[["u8.ToArray(), "\\ud800"u8.ToArray(),
        "\\u0000"u8.ToArray(), [0xFF, 0xFE], [0xEF, 0xBB, 0xBF], "1e999"u8.ToArray(), "null"u8.ToArray());

    /// <summary>A GGUF file with a vocabulary by scores and two tensors.</summary>
    static byte[] SmallGguf()
    {
        string path = Path.Combine(Path.GetTempPath(), $"gemma-fuzz-{Guid.NewGuid():N}.gguf");
        try
        {
            string[] pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "▁", "a", "b", "ab", "▁a", .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>")];
            using (GgufWriter writer = new(path))
            {
                writer.Add("general.architecture", "gemma3n");
                writer.Add("gemma3n.block_count", 2);
                writer.Add("tokenizer.ggml.model", "llama");
                writer.Add("tokenizer.ggml.tokens", [.. pieces.Select(Encoding.UTF8.GetBytes)]);
                writer.Add("tokenizer.ggml.scores", [.. pieces.Select((_, i) => (float)-i)]);
                writer.Add("tokenizer.ggml.token_type", [.. pieces.Select((piece, i) => i < 3 ? 3 : i == 3 ? 2 : piece.Length == 6 && piece[0] == '<' ? 6 : 1)]);
                writer.Add("tokenizer.ggml.bos_token_id", 2);
                writer.Add("tokenizer.ggml.eos_token_id", 1);
                writer.Add("tokenizer.ggml.add_bos_token", true);
                writer.Declare("token_embd.weight", [4, 8], ElementType.F32, null);
                writer.Write(new byte[128]);
                writer.Finish();
            }

            return File.ReadAllBytes(path);
        }
        finally
        {
            File.Delete(path);
        }
    }

    public static IEnumerable<FuzzTarget> All =>
    [
        new()
        {
            Name = "safetensors",
            Seeds = () => [SmallSafetensors(), Trace(), .. SeedFiles.Corpus("safetensors")],
            Mutators = [new SafetensorsMutator(new JsonMutator(s_tensorWords)), new SafetensorsMutator(s_bytes), s_bytes],
            Open = () => new InputReader(input =>
            {
                SafetensorsHeader header = SafetensorsHeader.Read(new MemoryStream(input), "model.safetensors");
                foreach (TensorEntry entry in header.Entries.Values)
                {
                    Promise(entry.Offset >= 8 && entry.End <= input.Length && entry.Length >= 0, "an entry lies outside its file");
                }
            }),
        },
        new()
        {
            Name = "gguf",
            Seeds = () => [SmallGguf(), .. SeedFiles.Corpus("gguf")],
            Mutators = [s_bytes, new ByteMutator("general.architecture"u8.ToArray(), "gemma3n."u8.ToArray(), "tokenizer.ggml.tokens"u8.ToArray(), new byte[8], [9, 0, 0, 0],
                [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 0, 1, 0, 0, 0])],
            Open = () => new InputReader(input =>
            {
                GgufHeader header = GgufHeader.Read(new MemoryStream(input), "model.gguf", input.Length);
                foreach (TensorEntry entry in header.Entries)
                {
                    Promise(entry.Offset >= 8 && entry.End <= input.Length && entry.Length >= 0, "an entry lies outside its file");
                }

                Tokenizer tokenizer = Tokenizer.FromGguf(header.Metadata);
                tokenizer.Decode(tokenizer.EncodeToIds("ab a\né"));
            }),
        },
        new()
        {
            Name = "checkpoint",
            Seeds = () => [SmallCheckpoint().Header, .. SeedFiles.Corpus("checkpoint")],
            Mutators = [new SafetensorsMutator(new JsonMutator(s_tensorWords)), new SafetensorsMutator(new JsonMutator(s_tensorWords)), s_bytes],
            MostBytes = 1 << 16,
            TestInputs = 100,
            Open = OpenCheckpoint,
        },
        new()
        {
            Name = "index",
            Seeds = () =>
            [
                SeedFiles.Utf8("""{"metadata":{"total_size":123},"weight_map":{"a.weight":"model-00001-of-00002.safetensors","b.weight":"model-00002-of-00002.safetensors"}}"""),
                SeedFiles.Utf8("""{"weight_map":{}}"""), .. SeedFiles.Corpus("index"),
            ],
            Mutators = [new JsonMutator("weight_map", "metadata", "total_size", "model-00001-of-00002.safetensors", "model-00003-of-00009.safetensors", "..", "model.safetensors"), s_bytes],
            Open = OpenIndex,
        },
        new()
        {
            Name = "config",
            Seeds = () => [.. Configs(), .. SeedFiles.Corpus("config")],
            Mutators = [new JsonMutator("text_config", "vision_config", "audio_config", "quantization", "group_size", "bits", "mode", "affine", "mxfp4", "rope_scaling", "full_attention"), s_bytes],
            Open = () => OfFolder("config.json", folder => _ = Gemma3nConfig.Load(folder).Values.Count),
        },
        new()
        {
            Name = "config-model",
            Seeds = () => [.. Configs(), .. SeedFiles.Corpus("config-model")],
            Mutators = [new JsonMutator("text_config", "vision_config", "audio_config", "quantization", "group_size", "bits"), s_bytes],
            TestInputs = 40,
            Open = () => OfFolder("config.json", folder => Verify(folder), new ScratchFolder().WithDemo("config.json")),
        },
        new()
        {
            Name = "tokenizer",
            Seeds = () => [SmallTokenizer(), .. SeedFiles.Corpus("tokenizer")],
            Mutators = [new JsonMutator("model", "vocab", "merges", "added_tokens", "normalizer", "decoder", "post_processor", "BPE", "Replace", "Sequence", "ByteFallback", "<bos>", "▁", "content"), s_bytes],
            TestInputs = 150,
            Open = () => new InputReader(input => Use(Tokenizer.Load(new MemoryStream(input)))),
        },
        new()
        {
            Name = "tokenizer-config",
            Seeds = () => [SeedFiles.OfDemo("tokenizer_config.json"), .. SeedFiles.Corpus("tokenizer-config")],
            Mutators = [new JsonMutator("bos_token", "eos_token", "add_bos_token", "chat_template", "added_tokens_decoder", "content", "special", "<bos>", "<eos>"), s_bytes],
            Open = () =>
            {
                byte[] tokenizer = SmallTokenizer();
                return new InputReader(input => Use(Tokenizer.Load(new MemoryStream(tokenizer), new MemoryStream(input))));
            },
        },
        new()
        {
            Name = "preprocessor",
            Seeds = () => [SeedFiles.OfDemo("preprocessor_config.json"), .. SeedFiles.Corpus("preprocessor")],
            Mutators = [new JsonMutator("image_processor", "feature_extractor", "size", "height", "width", "image_mean", "per_bin_mean", "fft_length"), s_bytes],
            Open = () => OfFolder("preprocessor_config.json", folder => _ = ProcessorConfig.Load(folder).Values.Count),
        },
        new()
        {
            Name = "processor",
            Seeds = () =>
            [
                SeedFiles.OfDemo("processor_config.json"),
                SeedFiles.Utf8("""{"image_processor":{"size":{"height":768,"width":768},"do_resize":true},"feature_extractor":{"feature_size":128,"hop_length":160},"audio_seq_length":188}"""),
                .. SeedFiles.Corpus("processor"),
            ],
            Mutators = [new JsonMutator("image_processor", "feature_extractor", "size", "height", "image_seq_length"), s_bytes],
            Open = () => OfFolder("processor_config.json", folder => _ = ProcessorConfig.Load(folder).Values.Count),
        },
        new()
        {
            Name = "generation-config",
            Seeds = () =>
            [
                SeedFiles.OfDemo("generation_config.json"),
                SeedFiles.Utf8("""{"eos_token_id":[1,106],"temperature":0.7,"top_p":0.9,"min_p":0.1,"stop_strings":["END"],"suppress_tokens":[3],"max_new_tokens":9,"bad_words_ids":[[1]]}"""),
                .. SeedFiles.Corpus("generation-config"),
            ],
            Mutators = [new JsonMutator("stop_strings", "suppress_tokens", "max_new_tokens", "min_new_tokens", "repetition_penalty", "num_beams", "typical_p"), s_bytes],
            Open = () =>
            {
                Gemma3nConfig config = Gemma3nConfig.Load(SeedFiles.Demo);
                return OfFolder("generation_config.json", folder =>
                {
                    GenerationDefaults defaults = GenerationDefaults.Load(folder, config);
                    Promise(defaults.Warning is null || Judge.Fault(defaults.Warning) is null, "a warning is not fit to be shown");
                });
            },
        },
        new()
        {
            Name = "chat-template",
            Seeds = () => [SeedFiles.OfDemo("chat_template.jinja"), .. SeedFiles.Corpus("chat-template")],
            Mutators = [new TextMutator("{%", "%}", "{{", "}}", "messages", "bos_token", "raise_exception", "\n", " "), s_bytes],
            Open = () =>
            {
                Tokenizer tokenizer = Tokenizer.Load(SeedFiles.Demo);
                return OfFolder("chat_template.jinja", folder => Use(ChatTemplate.Load(folder, tokenizer)));
            },
        },
        new()
        {
            Name = "chat-template-json",
            Seeds = () =>
            [
                SeedFiles.Utf8(new JsonObject { ["chat_template"] = Encoding.UTF8.GetString(SeedFiles.OfDemo("chat_template.jinja")) }.ToJsonString()),
                SeedFiles.Utf8("""{"chat_template":[{"name":"tool_use","template":"x"},{"name":"default","template":"{{ bos_token }}"}]}"""), .. SeedFiles.Corpus("chat-template-json"),
            ],
            Mutators = [new JsonMutator("chat_template", "name", "template", "default"), s_bytes],
            Open = () =>
            {
                Tokenizer tokenizer = Tokenizer.Load(SeedFiles.Demo);
                return OfFolder("chat_template.json", folder => Use(ChatTemplate.Load(folder, tokenizer)));
            },
        },
        new()
        {
            Name = "slice-csv",
            Seeds = () =>
            [
                SeedFiles.Utf8("name,# Layers,FFN Hidden Dims,Layers Skipped\nA,10,\"[512, 512, 512, 256 * 2, 512, 512, 512, 512, 512, 512]\",[]\nB,9,\"[2_56, 256, 256, 256, 256, 256, 256, 256, 256]\",\"[3]\"\n"),
                .. SeedFiles.Corpus("slice-csv"),
            ],
            Mutators = [new TextMutator(",", "\"", "\n", "[", "]", "*", "_", "name", "FFN Hidden Dims", "Layers Skipped", "99999999999", "16384", "2_048 * 4", "-1", "A", "[[1]]"), s_bytes],
            Open = () => OpenSlices("slices.csv"),
        },
        new()
        {
            Name = "slice-json",
            Seeds = () =>
            [
                SeedFiles.Utf8("""[{"name":"A","FFN Hidden Dims":[512,512,512,512,512,512,512,512,512,512],"Layers Skipped":[]},{"name":"B","FFN Hidden Dims":"[256 * 2, 256]","Layers Skipped":"[3]"}]"""),
                .. SeedFiles.Corpus("slice-json"),
            ],
            Mutators = [new JsonMutator("name", "FFN Hidden Dims", "Layers Skipped", "2_048 * 4", "[1, 2]"), s_bytes],
            Open = () => OpenSlices("slices.json"),
        },
        new()
        {
            Name = "trace",
            Seeds = () => [Trace(), SmallSafetensors(), .. SeedFiles.Corpus("trace")],
            Mutators = [new SafetensorsMutator(new JsonMutator([.. s_tensorWords, "2,3/2", "6/1", "0,0/1", "9999999,9999999/1", "2,3/9223372036854775807"])), new SafetensorsMutator(s_bytes), s_bytes],
            Open = OpenTraces,
        },
    ];

    /// <summary>Refuses what is not as promised.</summary>
    public static void Promise(bool holds, string otherwise)
    {
        if (!holds)
        {
            throw new BrokenPromiseException(otherwise);
        }
    }

    /// <summary>A reader of one file of a folder.</summary>
    static InputReader OfFolder(string name, Action<string> read, ScratchFolder? folder = null)
    {
        folder ??= new ScratchFolder();
        return new InputReader(input =>
        {
            File.WriteAllBytes(folder[name], input);
            read(folder.Folder);
        }, folder);
    }

    /// <summary>Builds a model of headers, and what is wrong with it as everybody is told.</summary>
    static void Verify(string folder)
    {
        using Checkpoint checkpoint = Checkpoint.Open(folder, new CheckpointOptions { HeadersOnly = true });
        ModelParts.Build(checkpoint.Root, checkpoint.Config);
        LoadReport report = checkpoint.Report();
        AreShowable(report);
        report.ThrowIfErrors();
    }

    /// <summary>That every finding is fit to be shown.</summary>
    public static void AreShowable(LoadReport report)
    {
        foreach (Finding finding in report.Findings)
        {
            foreach (string? text in (string?[])[finding.Problem, finding.Repair, finding.Tensor, finding.StoredName])
            {
                if (!string.IsNullOrEmpty(text) && Judge.Fault(text) is string fault)
                {
                    throw new BrokenPromiseException($"a finding is not fit to be shown ({fault}): {text}");
                }
            }
        }
    }

    static InputReader OpenCheckpoint()
    {
        (byte[] _, byte[] config, long data) = SmallCheckpoint();
        var folder = new ScratchFolder();
        File.WriteAllBytes(folder["config.json"], config);
        return new InputReader(input =>
        {
            using (FileStream file = File.Create(folder["model.safetensors"]))
            {
                file.Write(input);
                file.SetLength(input.Length + data);
            }

            Verify(folder.Folder);
        }, folder);
    }

    static InputReader OpenIndex()
    {
        var folder = new ScratchFolder();
        foreach (string name in (string[])["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"])
        {
            File.WriteAllBytes(folder[name], SmallSafetensors());
        }

        return new InputReader(input =>
        {
            File.WriteAllBytes(folder[CheckpointFiles.IndexName], input);
            CheckpointFiles.Selection selection = CheckpointFiles.Find(folder.Folder);
            Promise(selection.Files.All(file => Path.GetDirectoryName(file) == folder.Folder), "a file outside the folder is read");
        }, folder);
    }

    static InputReader OpenSlices(string name)
    {
        TextConfig[] models = [Gemma3nConfig.Load(SeedFiles.Demo).TextConfig, Gemma3nConfig.E4B.TextConfig];
        return OfFolder(name, folder =>
        {
            foreach (MatFormerSlice slice in SliceFile.Read(Path.Combine(folder, name)).Values.Take(8))
            {
                foreach (TextConfig model in models)
                {
                    Fits(slice, model);
                }
            }
        });
    }

    static void Fits(MatFormerSlice slice, TextConfig model)
    {
        try
        {
            _ = slice.Apply(model);
        }
        catch (SliceException e) when (Judge.Fault(e.Message) is null)
        {
            // Most slices are of other models.
        }
    }

    static InputReader OpenTraces()
    {
        var folder = new ScratchFolder();
        File.WriteAllBytes(folder["good.safetensors"], Trace());
        return new InputReader(input =>
        {
            File.WriteAllBytes(folder["bad.safetensors"], input);
            foreach ((string a, string b) in ((string, string)[])[("bad", "good"), ("good", "bad")])
            {
                TraceComparison comparison = TraceComparison.Compare(folder[a + ".safetensors"], folder[b + ".safetensors"]);
                _ = comparison.First;
            }
        }, folder);
    }

    static void Use(Tokenizer tokenizer)
    {
        const string Text = "Hello <bos> the  world é😀\n\t<end_of_turn>";
        int[] ids = tokenizer.EncodeToIds(Text, addBos: tokenizer.BosTokenId is not null);
        _ = tokenizer.Decode(ids);
        _ = tokenizer.EncodeToPieces(Text, allowSpecial: false);
        _ = (tokenizer.BosTokenId, tokenizer.EosTokenId, tokenizer.ImageTokenId, tokenizer.EndOfTurnTokenId, tokenizer.UnkTokenId);
    }

    static void Use(ChatTemplate template)
    {
        Promise(template.Warning is null || Judge.Fault(template.Warning) is null, "a warning is not fit to be shown");
        if (template.HasTemplate)
        {
            _ = template.Encode([ChatMessage.System("Be brief."), ChatMessage.User("Hello")], addGenerationPrompt: true, imageTokens: 64, audioTokens: 188);
        }
    }

    static byte[] SmallSafetensors() => SeedFiles.Safetensors(
        """{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[4],"data_offsets":[12,28]},"c":{"dtype":"U8","shape":[],"data_offsets":[28,29]}}""", 29);

    static byte[] Trace() => SeedFiles.Safetensors(
        """{"__metadata__":{"format":"gemma-trace","b":"4,6/2"},"input.ids":{"dtype":"I32","shape":[1,3],"data_offsets":[0,12]},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[12,36]},"b":{"dtype":"F32","shape":[12],"data_offsets":[36,84]}}""", 84);

    static IEnumerable<byte[]> Configs()
    {
        yield return SeedFiles.OfDemo("config.json");
        JsonNode config = JsonNode.Parse(SeedFiles.OfDemo("config.json"))!;
        config["quantization"] = JsonNode.Parse("""{"group_size":32,"bits":4,"mode":"affine","language_model.embed_tokens":{"group_size":64,"bits":8},"language_model.layers.0.mlp.up_proj":false}""");
        config["text_config"]!["rope_scaling"] = JsonNode.Parse("""{"rope_type":"default"}""");
        yield return SeedFiles.Utf8(config.ToJsonString());
        (_, byte[] small, _) = SmallCheckpoint();
        yield return small;
    }

    /// <summary>The demo's first two layers without towers: the header of its weights, its configuration, and how many bytes of data follow.</summary>
    static (byte[] Header, byte[] Config, long DataBytes) SmallCheckpoint()
    {
        const int Layers = 2;
        JsonNode config = JsonNode.Parse(SeedFiles.OfDemo("config.json"))!;
        config.AsObject().Remove("vision_config");
        config.AsObject().Remove("audio_config");
        JsonNode text = config["text_config"]!;
        text["num_hidden_layers"] = Layers;
        text["num_kv_shared_layers"] = 0;
        text["layer_types"] = new JsonArray("sliding_attention", "full_attention");
        text["intermediate_size"] = new JsonArray(512, 512);
        text["activation_sparsity_pattern"] = new JsonArray(0.75, 0.0);
        long perLayer = (long)text["hidden_size_per_layer_input"]! * Layers;

        var header = new JsonObject { ["__metadata__"] = new JsonObject { ["format"] = "pt" } };
        long offset = 0;
        using FileStream stream = File.OpenRead(Path.Combine(SeedFiles.Demo, "model.safetensors"));
        foreach (TensorEntry entry in SafetensorsHeader.Read(stream, "model.safetensors").Entries.Values)
        {
            string name = entry.Name;
            bool tower = name.Contains("tower", StringComparison.Ordinal) || name.Contains("embed_vision", StringComparison.Ordinal) || name.Contains("embed_audio", StringComparison.Ordinal);
            string[] parts = name.Split('.');
            int at = Array.IndexOf(parts, "layers");
            if (tower || (at >= 0 && int.Parse(parts[at + 1], CultureInfo.InvariantCulture) >= Layers))
            {
                continue;
            }

            long[] shape = [.. entry.Shape];
            if (name.Contains("embed_tokens_per_layer", StringComparison.Ordinal))
            {
                shape[1] = perLayer;
            }
            else if (name.Contains("per_layer_model_projection", StringComparison.Ordinal))
            {
                shape[0] = perLayer;
            }

            long count = entry.Shape.Aggregate(1L, (product, axis) => product * axis);
            long bytes = entry.Length / count * shape.Aggregate(1L, (product, axis) => product * axis);
            header[name] = new JsonObject
            {
                ["dtype"] = entry.Type.ToString().ToUpperInvariant(),
                ["shape"] = new JsonArray([.. shape.Select(axis => JsonValue.Create(axis))]),
                ["data_offsets"] = new JsonArray(offset, offset + bytes),
            };
            offset += bytes;
        }

        return (SeedFiles.Safetensors(header.ToJsonString(), 0), SeedFiles.Utf8(config.ToJsonString()), offset);
    }

    /// <summary>The demo's tokenizer with its bytes, its first marks and forty merges.</summary>
    static byte[] SmallTokenizer()
    {
        JsonNode tokenizer = JsonNode.Parse(SeedFiles.OfDemo("tokenizer.json"))!;
        JsonNode model = tokenizer["model"]!;
        JsonNode[] merges = [.. model["merges"]!.AsArray().Take(40).Select(merge => merge!.DeepClone())];
        HashSet<string> pieces = [.. merges.SelectMany(merge => merge.AsArray().Select(piece => (string)piece!).Append(string.Concat(merge.AsArray().Select(piece => (string)piece!))))];
        string[] kept = [.. model["vocab"]!.AsObject().Where(entry => (int)entry.Value! < 9 || entry.Key.StartsWith("<0x", StringComparison.Ordinal) || pieces.Contains(entry.Key) || entry.Key.Length == 1)
            .OrderBy(entry => (int)entry.Value!).Select(entry => entry.Key).Take(420)];
        var vocabulary = new JsonObject();
        for (int i = 0; i < kept.Length; i++)
        {
            vocabulary[kept[i]] = i;
        }

        model["vocab"] = vocabulary;
        model["merges"] = new JsonArray([.. merges.Where(merge => vocabulary.ContainsKey(string.Concat(merge.AsArray().Select(piece => (string)piece!))))]);
        tokenizer["added_tokens"] = new JsonArray([.. tokenizer["added_tokens"]!.AsArray().Where(token => vocabulary.ContainsKey((string)token!["content"]!)).Take(9).Select(token => token!.DeepClone())]);
        return SeedFiles.Utf8(JsonSerializer.Serialize(tokenizer));
    }
}
