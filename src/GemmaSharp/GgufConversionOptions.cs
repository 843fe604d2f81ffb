using GemmaSharp.Conversion.Gguf;

namespace GemmaSharp;

/// <summary>How a checkpoint is written as a GGUF file.</summary>
public sealed record GgufConversionOptions
{
    /// <summary>
    /// The names of the forms: <c>f32</c>, <c>f16</c>, <c>bf16</c>, <c>q8_0</c> … <c>q2_k</c>, and mixes such as <c>q4_k_m</c>, as llama.cpp's tools call them.
    /// </summary>
    public static IReadOnlyList<string> Types { get; } = [.. GgufForm.All.Select(form => form.Name)];

    /// <summary>The form, one of <see cref="Types"/>. A mix chooses the type of every tensor as llama-quantize does.</summary>
    public string Type { get; init; } = "bf16";

    /// <summary>Types of single tensors; the first whose pattern fits counts, before the form.</summary>
    public IReadOnlyList<GgufTensorType> TensorTypes { get; init; } = [];

    /// <summary>Whether every matrix gets the same type, instead of a finer one where it matters more.</summary>
    public bool Pure { get; init; }

    /// <summary>Whether the towers are written, as <c>mmproj-NAME</c> beside the file, where the checkpoint has some.</summary>
    public bool Towers { get; init; } = true;

    /// <summary>
    /// Bytes of tensors that a file has at most, unless a single tensor is larger; more become files <c>NAME-00001-of-00003.gguf</c>.
    /// <see langword="null"/> for one file.
    /// </summary>
    public long? PartBytes { get; init; }

    /// <summary>Whether files that are there are replaced.</summary>
    public bool Force { get; init; }

    /// <summary>Threads that quantise; <see langword="null"/> for one per processor.</summary>
    public int? Threads { get; init; }
}

/// <summary>The type of some tensors of a GGUF file.</summary>
/// <param name="Pattern">Their names in the file, <c>*</c> for any characters; without a star, a part of them, such as <c>attn_v</c>.</param>
/// <param name="Type">f32, f16, bf16 or a form of blocks: q4_0, q6_k …</param>
public readonly record struct GgufTensorType(string Pattern, string Type);
