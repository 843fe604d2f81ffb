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
    /// <param name="path">The file, or the name that parts are called after.</param>
    /// <param name="work">What is written, and how.</param>
    /// <param name="addTokenizer">Adds the keys of the tokenizer.</param>
    /// <returns>The files, in order.</returns>
    /// <exception cref="CheckpointException">The source is no checkpoint, or has parts that cannot be written.</exception>
    /// <exception cref="CheckpointWriteException">The disk is full or gone.</exception>
    /// <exception cref="ConversionException">A tensor cannot have the type that it is to have.</exception>
    public static IReadOnlyList<string> WriteText(string folder, string path, GgufWork work, Action<GgufWriter> addTokenizer)
    {
        using var source = new ComparedCheckpoint(folder);
        Gemma3nConfig config = source.Checkpoint.Config;
        ComparedParameter[] parameters = [.. source.Parameters.Values.Where(p => IsText(p.Name)).OrderBy(p => p.Name, NaturalOrder.Instance)];
        List<PlannedGgufTensor> tensors = Plan(work.Mix(config), parameters);
        List<PlannedGgufTensor>[] parts = Parts(tensors, work.Options.PartBytes);
        string[] files = [.. parts.Select((_, i) => parts.Length == 1 ? path : GgufSplits.PartPath(path, i, parts.Length))];
        work.TotalBytes += tensors.Sum(tensor => tensor.Bytes);
        for (int i = 0; i < parts.Length; i++)
        {
            using var writer = new GgufWriter(files[i]);
            if (i == 0)
            {
                writer.Add("general.architecture", "gemma3n");
                writer.Add("general.type", "model");
                writer.Add("general.name", Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))));
                writer.Add("general.quantization_version", 2);
                writer.Add("general.file_type", work.Form.FileType);
                AddText(writer, config.TextConfig);
                if (Settings(source.Checkpoint) is string settings)
                {
                    writer.Add(GgufConfig.WholeKey, settings);
                }

                addTokenizer(writer);
            }

            if (parts.Length > 1)
            {
                GgufSplits.AddKeys(writer, i, parts.Length, tensors.Count);
            }

            Write(writer, parts[i], work);
        }

        return files;
    }

    /// <summary>Writes the towers and their embedders.</summary>
    /// <inheritdoc cref="WriteText" path="/param|/exception"/>
    /// <returns>Whether the checkpoint has any; without, no file is written.</returns>
    public static bool WriteProjector(string folder, string path, GgufWork work)
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

        List<PlannedGgufTensor> tensors = Plan(work.Mix(config), towers);
        work.TotalBytes += tensors.Sum(tensor => tensor.Bytes);
        Write(writer, tensors, work);
        return true;
    }

    static bool IsText(string name) => name.StartsWith("language_model.", StringComparison.Ordinal) || name.StartsWith("lm_head.", StringComparison.Ordinal);

    /// <summary>Writes the keys of the text model.</summary>
    internal static void AddText(GgufWriter writer, TextConfig text)
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

    /// <summary>Every tensor of the file with its type, stacks of projections first.</summary>
    static List<PlannedGgufTensor> Plan(GgufMix mix, ComparedParameter[] parameters)
    {
        var planned = new List<PlannedGgufTensor>();
        foreach (string stack in s_stacks)
        {
            ComparedParameter[] parts = [.. parameters.Where(p => p.Name.StartsWith(stack, StringComparison.Ordinal))];
            if (parts.Length > 0)
            {
                string name = stack == s_stacks[0] ? GgufNames.AltupProjections : GgufNames.AltupUnembedProjections;
                planned.Add(new(mix.Plan(name, [parts.Length, .. parts[0].Shape]), parts));
            }
        }

        foreach (ComparedParameter parameter in parameters.Where(p => !Array.Exists(s_stacks, stack => p.Name.StartsWith(stack, StringComparison.Ordinal))))
        {
            if (GgufNames.Stored(parameter.Name) is string name)
            {
                // llama.cpp adds the stem's bias and multiplies with gammas as they lie there, so they have the axes of a picture.
                bool isOfPixels = name == "v.conv_stem.conv.bias" || name.EndsWith(".layer_scale.gamma", StringComparison.Ordinal);
                planned.Add(new(mix.Plan(name, isOfPixels ? [1, .. parameter.Shape, 1, 1] : parameter.Shape), [parameter]));
            }
        }

        return planned;
    }

    /// <summary>Tensors in order, begun anew in another file where one would have too many bytes.</summary>
    static List<PlannedGgufTensor>[] Parts(List<PlannedGgufTensor> tensors, long? most)
    {
        var parts = new List<List<PlannedGgufTensor>> { new() };
        long bytes = 0;
        foreach (PlannedGgufTensor tensor in tensors)
        {
            if (most < bytes + tensor.Bytes && parts[^1].Count > 0)
            {
                parts.Add([]);
                bytes = 0;
            }

            parts[^1].Add(tensor);
            bytes += tensor.Bytes;
        }

        return [.. parts];
    }

    static void Write(GgufWriter writer, List<PlannedGgufTensor> tensors, GgufWork work)
    {
        tensors.ForEach(tensor => writer.Declare(tensor.Plan.Name, tensor.Plan.Shape, tensor.Plan.Type, tensor.Plan.Blocks));
        using var reader = new TensorReader();
        foreach (PlannedGgufTensor tensor in tensors)
        {
            foreach (ComparedParameter part in tensor.Parts)
            {
                Write(writer, reader, tensor.Plan, part, work);
            }
        }

        writer.Finish();
    }

    /// <summary>Rows are read one after the other, quantised side by side, and written in their order.</summary>
    static void Write(GgufWriter writer, TensorReader reader, GgufTensorPlan plan, ComparedParameter part, GgufWork work)
    {
        if (!part.IsFloat)
        {
            throw new CheckpointException($"Tensor {part.Weight.Name} is {part.Weight.TypeName}, which cannot be written into a GGUF file.");
        }

        // Vectors are one row here, as they are there; kernels a row for each output.
        int length = checked((int)(part.Shape.Count == 1 ? 1 : part.RowLength));
        int count = part.Shape.Count == 1 ? checked((int)part.Shape[0]) : 1;
        long rows = part.Shape.Count <= 1 ? 1 : part.Shape[0];
        int rowLength = checked(length * count), rowBytes = checked((int)plan.Bytes(rowLength));
        int together = (int)Math.Clamp(ConversionWork.PieceBytes / (rowLength * (long)sizeof(float)), 1, rows);
        float[] values = new float[checked(together * rowLength)];
        byte[] bytes = new byte[checked(together * rowBytes)];
        for (long row = 0; row < rows; row += together)
        {
            work.CancellationToken.ThrowIfCancellationRequested();
            int here = (int)Math.Min(together, rows - row);
            for (int r = 0; r < here; r++)
            {
                part.Read(reader, row + r, count, length, values.AsSpan(r * rowLength, rowLength));
            }

            work.Team.Run((plan, values, bytes, rowLength, rowBytes), here, 1, static (state, first, last) =>
            {
                for (int r = first; r < last; r++)
                {
                    state.plan.Encode(
                        state.values.AsSpan(r * state.rowLength, state.rowLength), state.bytes.AsSpan(r * state.rowBytes, state.rowBytes));
                }
            });
            writer.Write(bytes.AsSpan(0, here * rowBytes));
            work.Report(plan.Name, here * (long)rowBytes);
        }
    }
}

/// <summary>A tensor of a GGUF file, and the parameters that it is made of, one above the other.</summary>
sealed record PlannedGgufTensor(GgufTensorPlan Plan, ComparedParameter[] Parts)
{
    /// <summary>Its bytes.</summary>
    public long Bytes => Plan.Bytes(Plan.Shape.Aggregate(1L, (product, axis) => checked(product * axis)));
}
