using System.IO.Hashing;
using System.Text;
using GemmaSharp.Checkpoints;
using GemmaSharp.Conversion.Gguf;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp;

/// <summary>What a checkpoint is, for those who list and describe models. Immutable.</summary>
public sealed record ModelSummary
{
    /// <summary>Weights of all parts that were loaded.</summary>
    public required long ParameterCount { get; init; }

    /// <summary>Bytes of these in the files.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>The form that most of the matrices' bytes are stored in: <c>bf16</c>, <c>affine4/64</c>.</summary>
    public required string Format { get; init; }

    /// <summary>What kind of files it is in: <c>safetensors</c> or <c>gguf</c>.</summary>
    public required string Container { get; init; }

    /// <summary>
    /// What a GGUF file calls the mix of its forms, small letters: <c>q4_k_m</c>; <see langword="null"/> of others, and where it does not say.
    /// </summary>
    public required string? Mix { get; init; }

    /// <summary>Whether it sees.</summary>
    public required bool HasVision { get; init; }

    /// <summary>Whether it hears.</summary>
    public required bool HasAudio { get; init; }

    /// <summary>Ids that have an embedding and a logit.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int EmbeddingLength { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>The most tokens of a conversation that the checkpoint itself allows.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>When the newest of its weight files was written.</summary>
    public required DateTimeOffset Modified { get; init; }

    /// <summary>
    /// 32 hexadecimal digits that tell this checkpoint from others: XXH128 of names, types, shapes and the first bytes of all tensors. Equal files have equal
    /// ones wherever they are.
    /// </summary>
    public required string Fingerprint { get; init; }

    internal static ModelSummary Of(Checkpoint checkpoint, bool hasVision, bool hasAudio)
    {
        ModuleNode modules = checkpoint.Modules();
        return new ModelSummary
        {
            ParameterCount = modules.ParameterCount,
            WeightBytes = modules.Bytes,
            Format = Parameters(modules).Where(parameter => parameter.Shape.Count > 1).GroupBy(parameter => parameter.Format)
                .OrderByDescending(group => group.Sum(parameter => parameter.Bytes)).Select(group => group.Key).FirstOrDefault() ?? "",
            Container = checkpoint.Gguf is null ? "safetensors" : "gguf",
            Mix = checkpoint.Gguf?.First.Metadata.Int("general.file_type") is int type
                ? GgufForm.All.FirstOrDefault(form => form.FileType == type)?.Name : null,
            HasVision = hasVision,
            HasAudio = hasAudio,
            VocabularySize = checkpoint.Config.TextConfig.VocabSize,
            EmbeddingLength = checkpoint.Config.TextConfig.HiddenSize,
            Layers = checkpoint.Config.TextConfig.NumHiddenLayers,
            MaxPositions = checkpoint.Config.TextConfig.MaxPositionEmbeddings,
            Modified = checkpoint.Files.Max(file => new DateTimeOffset(File.GetLastWriteTimeUtc(file.Path))),
            Fingerprint = FingerprintOf(checkpoint),
        };
    }

    static string FingerprintOf(Checkpoint checkpoint)
    {
        const int Bytes = 4096;
        var hash = new XxHash128();
        foreach (StoredTensor tensor in checkpoint.Tensors.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            hash.Append(Encoding.UTF8.GetBytes($"{tensor.Name} {tensor.Type} {string.Join('x', tensor.Shape)}\n"));
            TensorData data = tensor.Data;
            hash.Append(data.Block.Read(data.Offset, (int)Math.Min(tensor.Entry.Length, Bytes)));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    static IEnumerable<ModuleParameter> Parameters(ModuleNode module) => module.Parameters.Concat(module.Children.SelectMany(Parameters));
}
