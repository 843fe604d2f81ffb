using System.Buffers;

namespace GemmaSharp.Numerics.Formats;

/// <summary>Rows of numbers to packed codes with scales, and back.</summary>
/// <remarks>
/// Agrees bit for bit with what MLX writes on a CPU (<see cref="QuantizationRounding.Cpu"/>) and follows its GPU kernels
/// (<see cref="QuantizationRounding.Metal"/>). Thread-safe; nothing is kept between calls.
/// </remarks>
static class Quantizer
{
    /// <summary>Quantises one row.</summary>
    /// <param name="row">The weights, <c>[n]</c>, n a whole number of groups.</param>
    /// <param name="type">Stored type of the weights, F32, F16 or BF16: the type of scales and biases, too.</param>
    /// <param name="format">Mode, bits, group size.</param>
    /// <param name="rounding">Whose arithmetic to follow.</param>
    /// <param name="packed">Receives the codes, <c>[n · bits / 8]</c> bytes.</param>
    /// <param name="scales">Receives the scales, <c>[n / group]</c> elements: of <paramref name="type"/> when affine, one byte otherwise.</param>
    /// <param name="biases">Receives the biases when affine, as many elements of <paramref name="type"/>; empty otherwise.</param>
    /// <exception cref="QuantizationFormatException">The row is no whole number of groups, or the type is no float type.</exception>
    /// <exception cref="ArgumentException">A destination has the wrong length.</exception>
    public static void QuantizeRow(
        ReadOnlySpan<float> row, ElementType type, QuantizationFormat format, QuantizationRounding rounding,
        Span<byte> packed, Span<byte> scales, Span<byte> biases)
    {
        ArgumentNullException.ThrowIfNull(format);
        Check(row.Length, type, format, packed.Length, scales.Length, biases.Length);
        byte[] codes = ArrayPool<byte>.Shared.Rent(row.Length);
        Span<byte> used = codes.AsSpan(0, row.Length);
        if (format.Mode == QuantizationMode.Affine)
        {
            AffineQuantizer.Quantize(row, format, rounding, type, used, scales, biases);
        }
        else
        {
            MicroscalingQuantizer.Quantize(row, format, rounding, type, used, scales);
        }

        PackedBits.Pack(used, format.Bits, packed);
        ArrayPool<byte>.Shared.Return(codes);
    }

    /// <summary><c>w = scale · q + bias</c>, or <c>scale · float(q)</c>, in float32: product rounded, sum rounded.</summary>
    /// <param name="packed">The codes, <c>[n · bits / 8]</c> bytes.</param>
    /// <param name="scales">The scales, <c>[n / group]</c> elements.</param>
    /// <param name="biases">The biases when affine; empty otherwise.</param>
    /// <param name="type">Type of scales and biases when affine; not used otherwise.</param>
    /// <param name="format">Mode, bits, group size.</param>
    /// <param name="destination">Receives the weights, <c>[n]</c>.</param>
    /// <exception cref="QuantizationFormatException">The row is no whole number of groups, or the type is no float type.</exception>
    /// <exception cref="ArgumentException">A source has the wrong length.</exception>
    public static void DequantizeRow(
        ReadOnlySpan<byte> packed, ReadOnlySpan<byte> scales, ReadOnlySpan<byte> biases, ElementType type, QuantizationFormat format, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(format);
        int size = format.GroupSize;
        Check(destination.Length, type, format, packed.Length, scales.Length, biases.Length);
        Span<byte> codes = stackalloc byte[size];
        int bytesPerGroup = size * format.Bits / 8;
        for (int group = 0; group < destination.Length / size; group++)
        {
            PackedBits.Unpack(packed.Slice(group * bytesPerGroup, bytesPerGroup), format.Bits, codes);
            Span<float> w = destination.Slice(group * size, size);
            if (format.Mode == QuantizationMode.Affine)
            {
                float scale = StoredFloats.Read(scales, group, type), bias = StoredFloats.Read(biases, group, type);
                for (int i = 0; i < size; i++)
                {
                    w[i] = scale * codes[i] + bias;
                }
            }
            else
            {
                float scale = (format.Mode == QuantizationMode.NvFp4 ? MiniFloat.E4M3 : MiniFloat.E8M0)[scales[group]];
                ReadOnlySpan<float> table = format.Mode == QuantizationMode.MxFp8 ? MiniFloat.E4M3 : MiniFloat.E2M1;
                for (int i = 0; i < size; i++)
                {
                    w[i] = scale * table[codes[i]];
                }
            }
        }
    }

    static void Check(int columns, ElementType type, QuantizationFormat format, int packed, int scales, int biases)
    {
        if (!format.Fits(columns))
        {
            throw new QuantizationFormatException(
                $"A row of {columns} weights is no whole number of groups of {format.GroupSize} in 32-bit words; "
                + "keep this matrix unquantised or choose a smaller group.");
        }

        if (format.HasBiases && !StoredFloats.CanWrite(type))
        {
            throw new QuantizationFormatException($"Scales of type {type} are not supported; affine quantisation keeps them as F32, F16 or BF16.");
        }

        int element = format.HasBiases ? type.SizeInBytes() : 1;
        int groups = format.GroupsPerRow(columns);
        Expect("Packed codes", packed, format.WordsPerRow(columns) * 4);
        Expect("Scales", scales, groups * element);
        Expect("Biases", biases, format.HasBiases ? groups * element : 0);

        void Expect(string what, int found, int needed)
        {
            if (found != needed)
            {
                throw new ArgumentException($"{what} have {found} bytes; a row of {columns} as {format.Name} needs {needed}.");
            }
        }
    }
}

/// <summary>Whose arithmetic a quantiser follows: the two backends of MLX differ in the last code.</summary>
public enum QuantizationRounding
{
    /// <summary>
    /// MLX on a GPU, which wrote the published files: a group's maximum starts at zero, ties round away from zero,
    /// fp4 codes by thresholds.
    /// </summary>
    Metal,

    /// <summary>MLX on a CPU: the true maximum of a group, ties to even, the fp4 code nearest in the table.</summary>
    Cpu,
}
