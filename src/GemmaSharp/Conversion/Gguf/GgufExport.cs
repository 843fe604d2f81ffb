using System.Text.Json;
using System.Text.Json.Nodes;
using GemmaSharp.Checkpoints;
using GemmaSharp.Checkpoints.Gguf;
using GemmaSharp.Configuration;
using GemmaSharp.Conversion.Comparison;
using GemmaSharp.Model.Text;

namespace GemmaSharp.Conversion.Gguf;

/// <summary>Writes a checkpoint as GGUF files: the text model, and beside it the towers as mmproj.</summary>
/// <remarks>
/// The keys are those of converters of 2026 for this model. The checkpoint's own settings are put in whole, so that what the keys cannot say, of models of
/// other sizes than the published ones, is not lost; other programs pass over them. One row at a time is held as float32.
/// </remarks>
static class GgufExport
{
    const string Prefix = "gemma3n.";

    static readonly string[] s_settings = [Gemma3nConfig.FileName, GenerationDefaults.FileName, ProcessorConfig.New, ProcessorConfig.Old];

    static readonly string[] s_stacks = ["language_model.altup_projections.", "language_model.altup_unembed_projections."];

    /// <summary>Writes the text model.</summary>
    /// <param name="folder">The source, in any form that is read.</param>
    /// <param name="path">The file.</param>
    /// <param name="form">How matrices are stored.</param>
    /// <param name="addTokenizer">Adds the keys of the tokenizer.</param>
    /// <exception cref="CheckpointException">The source is no checkpoint, or has parts that cannot be written.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    public static void WriteText(string folder, string path, GgufForm form, Action<GgufWriter> addTokenizer)
    {
        using var source = new ComparedCheckpoint(folder);
        Gemma3nConfig config = source.Checkpoint.Config;
        using var writer = new GgufWriter(path);
        writer.Add("general.architecture", "gemma3n");
        writer.Add("general.type", "model");
        writer.Add("general.name", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
        writer.Add("general.quantization_version", 2);
        writer.Add("general.file_type", form.FileType);
        AddText(writer, config.TextConfig);
        if (Settings(source.Checkpoint) is string settings)
        {
            writer.Add(GgufConfig.WholeKey, settings);
        }

        addTokenizer(writer);
        Write(writer, source, form, [.. source.Parameters.Values.Where(p => IsText(p.Name)).OrderBy(p => p.Name, NaturalOrder.Instance)]);
    }

    /// <summary>Writes the towers and their embedders.</summary>
    /// <inheritdoc cref="WriteText" path="/param|/exception"/>
    /// <returns>Whether the checkpoint has any; without, no file is written.</returns>
    public static bool WriteProjector(string folder, string path, GgufForm form)
    {
        using var source = new ComparedCheckpoint(folder);
        ComparedParameter[] towers = [.. source.Parameters.Values.Where(p => TensorNames.IsOfModel(p.Name) && !IsText(p.Name))
            .OrderBy(p => p.Name, NaturalOrder.Instance)];
        if (towers.Length == 0)
        {
            return false;
        }

        Gemma3nConfig config = source.Checkpoint.Config;
        using var writer = new GgufWriter(path);
        writer.Add("general.architecture", "clip");
        writer.Add("general.type", "mmproj");
        bool vision = towers.Any(p => p.Name.StartsWith("vision_tower.", StringComparison.Ordinal));
        bool audio = towers.Any(p => p.Name.StartsWith("audio_tower.", StringComparison.Ordinal));
        writer.Add("clip.has_vision_encoder", vision);
        writer.Add("clip.has_audio_encoder", audio);
        if (vision && config.VisionConfig is VisionConfig v)
        {
            ProcessorConfig processor = source.Checkpoint.LoadProcessor();
            writer.Add("clip.vision.projector_type", "gemma3nv");
            writer.Add("clip.vision.image_size", processor.ImageProcessor.Height);
            writer.Add("clip.vision.patch_size", Math.Max(1, processor.ImageProcessor.Height / config.VisionSoftTokensPerImage));
            writer.Add("clip.vision.embedding_length", v.HiddenSize);
            writer.Add("clip.vision.projection_dim", config.TextConfig.HiddenSize);
            writer.Add("clip.vision.block_count", 128);
            writer.Add("clip.vision.feed_forward_length", 8192);
            writer.Add("clip.vision.attention.head_count", 8);
            writer.Add("clip.vision.attention.layer_norm_epsilon", v.RmsNormEps);
            writer.Add("clip.vision.image_mean", [0f, 0f, 0f]);
            writer.Add("clip.vision.image_std", [1f, 1f, 1f]);
        }

        if (audio && config.AudioConfig is AudioConfig a)
        {
            writer.Add("clip.audio.projector_type", "gemma3na");
            writer.Add("clip.audio.num_mel_bins", a.InputFeatSize);
            writer.Add("clip.audio.embedding_length", a.HiddenSize);
            writer.Add("clip.audio.feed_forward_length", 4 * a.HiddenSize);
            writer.Add("clip.audio.block_count", a.ConfNumHiddenLayers);
            writer.Add("clip.audio.attention.head_count", a.ConfNumAttentionHeads);
            writer.Add("clip.audio.projection_dim", config.TextConfig.HiddenSize);
            writer.Add("clip.audio.attention.layer_norm_epsilon", a.RmsNormEps);
        }

        Write(writer, source, form, towers);
        return true;
    }

    static bool IsText(string name) => name.StartsWith("language_model.", StringComparison.Ordinal) || name.StartsWith("lm_head.", StringComparison.Ordinal);

    static void AddText(GgufWriter writer, TextConfig text)
    {
        writer.Add(Prefix + "context_length", text.MaxPositionEmbeddings);
        writer.Add(Prefix + "embedding_length", text.HiddenSize);
        writer.Add(Prefix + "block_count", text.NumHiddenLayers);
        if (text.IntermediateSize.Distinct().Count() == 1)
        {
            writer.Add(Prefix + "feed_forward_length", text.IntermediateSize[0]);
        }
        else
        {
            writer.Add(Prefix + "feed_forward_length", text.IntermediateSize);
        }

        writer.Add(Prefix + "attention.head_count", text.NumAttentionHeads);
        writer.Add(Prefix + "attention.head_count_kv", text.NumKeyValueHeads);
        writer.Add(Prefix + "attention.key_length", text.HeadDim);
        writer.Add(Prefix + "attention.value_length", text.HeadDim);
        writer.Add(Prefix + "attention.layer_norm_rms_epsilon", text.RmsNormEps);
        writer.Add(Prefix + "attention.sliding_window", text.SlidingWindow);
        writer.Add(Prefix + "attention.sliding_window_pattern", [.. text.LayerTypes.Select(type => type == LayerType.SlidingAttention)]);
        writer.Add(Prefix + "attention.shared_kv_layers", text.NumKvSharedLayers);
        writer.Add(Prefix + "rope.freq_base", (float)text.RopeTheta);
        writer.Add(Prefix + "rope.freq_base_swa", (float)text.RopeLocalBaseFreq);
        writer.Add(Prefix + "altup.num_inputs", text.AltupNumInputs);
        writer.Add(Prefix + "altup.active_idx", text.AltupActiveIdx);
        writer.Add(
            Prefix + "activation_sparsity_scale", [.. text.ActivationSparsityPattern.Select(Multiplier)]);
        writer.Add(Prefix + "embedding_length_per_layer_input", text.HiddenSizePerLayerInput);
        if (text.FinalLogitSoftcapping is float cap)
        {
            writer.Add(Prefix + "final_logit_softcapping", cap);
        }
    }

    /// <summary>The multiplier of the standard deviation above which a share of units lies; −∞ where none are cut.</summary>
    static float Multiplier(double share) => share > 0 ? (float)NormalDistribution.Quantile(share) : float.NegativeInfinity;

    /// <summary>The checkpoint's settings as one object by the names of their files.</summary>
    static string? Settings(Checkpoint checkpoint)
    {
        if (checkpoint.Gguf is GgufModel gguf)
        {
            return gguf.First.Metadata.Text(GgufConfig.WholeKey);
        }

        var all = new JsonObject();
        foreach (string name in s_settings)
        {
            if (ConfigFile.TryRead(Path.Combine(checkpoint.Folder, name)) is JsonElement { ValueKind: JsonValueKind.Object } root)
            {
                all[name] = JsonNode.Parse(root.GetRawText());
            }
        }

        return all.ToJsonString();
    }

    static void Write(GgufWriter writer, ComparedCheckpoint source, GgufForm form, ComparedParameter[] parameters)
    {
        var planned = new List<(GgufTensorPlan Plan, ComparedParameter[] Parts)>();
        foreach (string stack in s_stacks)
        {
            ComparedParameter[] parts = [.. parameters.Where(p => p.Name.StartsWith(stack, StringComparison.Ordinal))];
            if (parts.Length > 0)
            {
                string name = stack == s_stacks[0] ? GgufNames.AltupProjections : GgufNames.AltupUnembedProjections;
                planned.Add((form.Plan(name, [parts.Length, .. parts[0].Shape]), parts));
            }
        }

        foreach (ComparedParameter parameter in parameters.Where(p => !Array.Exists(s_stacks, stack => p.Name.StartsWith(stack, StringComparison.Ordinal))))
        {
            if (GgufNames.Stored(parameter.Name) is string name)
            {
                planned.Add((form.Plan(name, parameter.Shape), [parameter]));
            }
        }

        planned.ForEach(each => writer.Declare(each.Plan.Name, each.Plan.Shape, each.Plan.Type, each.Plan.Blocks));
        using var reader = new TensorReader();
        foreach ((GgufTensorPlan plan, ComparedParameter[] parts) in planned)
        {
            foreach (ComparedParameter part in parts)
            {
                Write(writer, reader, plan, part);
            }
        }

        writer.Finish();
    }

    static void Write(GgufWriter writer, TensorReader reader, GgufTensorPlan plan, ComparedParameter part)
    {
        if (!part.IsFloat)
        {
            throw new CheckpointException($"Tensor {part.Weight.Name} is {part.Weight.TypeName}, which cannot be written into a GGUF file.");
        }

        // Vectors are one row here, as they are there; kernels a row for each output.
        int length = checked((int)(part.Shape.Count == 1 ? 1 : part.RowLength));
        int count = part.Shape.Count == 1 ? checked((int)part.Shape[0]) : 1;
        long rows = part.Shape.Count <= 1 ? 1 : part.Shape[0];
        float[] values = new float[checked(length * count)];
        byte[] bytes = new byte[plan.Bytes(values.Length)];
        for (long row = 0; row < rows; row++)
        {
            part.Read(reader, row, count, length, values);
            plan.Encode(values, bytes);
            writer.Write(bytes);
        }
    }
}
