using GemmaSharp.Checkpoints;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Conversion;

/// <summary>A linear layer or an embedding as the source stores it.</summary>
/// <param name="Module">Canonical path in the source.</param>
/// <param name="Weight">Weights, or packed codes.</param>
/// <param name="Scales">Scales, when quantised.</param>
/// <param name="Biases">Biases, when affine.</param>
/// <param name="Format">The quantised form; <see langword="null"/> when dense.</param>
/// <param name="Columns">Inputs.</param>
sealed record StoredMatrix(string Module, StoredTensor Weight, StoredTensor? Scales, StoredTensor? Biases, QuantizationFormat? Format, int Columns)
{
    /// <summary>Outputs.</summary>
    public int Rows => checked((int)Weight.Shape[0]);

    /// <summary>The type of the numbers: the weights', the scales' of affine matrices, bfloat16 for the others, weights in blocks
    /// among them.</summary>
    public ElementType NumberType =>
        Weight.Blocks is not null ? ElementType.BF16 : Format is null ? Weight.Type : Format.HasBiases ? Scales!.Type : ElementType.BF16;

    /// <summary>Bytes of a row of weights or codes.</summary>
    public int WeightRowBytes =>
        Weight.Blocks is BlockType blocks ? checked((int)blocks.RowBytes(Columns))
        : Format is null ? checked(Columns * Weight.Type.SizeInBytes()) : Format.WordsPerRow(Columns) * 4;

    /// <summary>Bytes of a row of scales, and of biases.</summary>
    public int ScaleRowBytes => Format is null ? 0 : Format.GroupsPerRow(Columns) * Scales!.Type.SizeInBytes();
}
