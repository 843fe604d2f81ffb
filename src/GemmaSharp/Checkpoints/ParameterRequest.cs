using GemmaSharp.Checkpoints.Slices;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Checkpoints;

/// <summary>One tensor a module asked for.</summary>
/// <param name="Tensor">Canonical name: <c>language_model.layers.0.self_attn.q_proj.weight</c>.</param>
/// <param name="ModulePath">Path of the module it belongs to.</param>
/// <param name="ModuleType">Kind of that module.</param>
/// <param name="Shape">Shape in Hugging Face's layout, in the model.</param>
sealed record ParameterRequest(string Tensor, string ModulePath, string ModuleType, IReadOnlyList<long> Shape)
{
    /// <summary>What the model uses of the stored matrix; <see langword="null"/> for all of it.</summary>
    public MatrixSelection? Selection { get; init; }

    /// <summary>Shape in Hugging Face's layout, as it needs to be stored.</summary>
    public IReadOnlyList<long> StoredShape => Selection?.WholeShape ?? Shape;

    /// <summary>The stored tensor; <see langword="null"/> while none is found.</summary>
    public StoredTensor? Stored { get; set; }

    /// <summary>The stored form: "bf16", "affine4/64".</summary>
    public string Format { get; set; } = "";

    /// <summary>The quantised form; <see langword="null"/> when dense.</summary>
    public QuantizationFormat? Quantization { get; set; }

    /// <summary>The stored shape with codes unpacked, where the codes are of another size than wanted.</summary>
    public IReadOnlyList<long>? UnpackedShape { get; set; }

    /// <summary>Bytes in the file that are used, scales and biases included.</summary>
    public long Bytes { get; set; }

    /// <summary>Whether the model holds a float32 copy, and reads the file no more once it has that.</summary>
    public bool IsCopied { get; set; }

    /// <summary>Bytes of the float32 copy; 0 without one.</summary>
    public long CopiedBytes => IsCopied ? sizeof(float) * Shape.Aggregate(1L, (size, axis) => size * axis) : 0;
}

/// <summary>What went wrong with a request; becomes a <see cref="Finding"/> when the report is made.</summary>
/// <param name="Request">The request.</param>
/// <param name="Kind">What is wrong.</param>
/// <param name="Severity">How bad it is.</param>
/// <param name="Detail">What the finding's sentence says about the module.</param>
/// <param name="Repair">What would help; <see langword="null"/> for what usually helps with its kind.</param>
sealed record Fault(ParameterRequest Request, FindingKind Kind, Severity Severity, string Detail, string? Repair = null);
