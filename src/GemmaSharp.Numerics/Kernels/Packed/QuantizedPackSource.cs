using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Quantised rows as MLX stores them, to be packed.</summary>
/// <param name="rows">Where they lie; the caller keeps their memory alive.</param>
/// <param name="count">How many.</param>
/// <param name="form">What they pack to.</param>
readonly unsafe struct QuantizedPackSource(QuantizedRows rows, int count, PackedForm form) : IPackSource
{
    /// <inheritdoc/>
    public PackedForm Form => form;

    /// <inheritdoc/>
    public int Rows => count;

    /// <inheritdoc/>
    public int Columns => rows.Columns;

    /// <inheritdoc/>
    [SkipLocalsInit]
    public bool Read(int row, int block, byte* codes, uint* words)
    {
        byte* spare = stackalloc byte[PackedForm.MostBlockColumns + QuantizedDecoder.Slack];
        int column = block * form.BlockColumns, columns = Math.Min(form.BlockColumns, rows.Columns - column);
        byte* packed = rows.RowCodes(row, column, columns, QuantizedDecoder.Slack, spare);
        if (rows.Format.Bits == 8)
        {
            Unsafe.CopyBlockUnaligned(codes, packed, (uint)columns);
        }
        else
        {
            QuantizedDecoder.Unpack(packed, rows.Format.Bits, columns, codes);
        }

        int group = column / form.GroupSize;
        byte* scale = rows.Scales + row * rows.ScaleStride + (nint)group * rows.ScaleType.SizeInBytes();
        byte* bias = rows.Biases + row * rows.ScaleStride + (nint)group * rows.ScaleType.SizeInBytes();
        switch (form.Scales)
        {
            case PackedScales.FloatPairs:
                words[0] = Unsafe.ReadUnaligned<uint>(scale);
                words[1] = Unsafe.ReadUnaligned<uint>(bias);
                return true;
            case PackedScales.BFloat16Singles:
                words[0] = HalfScale(scale[0]) | (columns > form.GroupSize ? HalfScale(scale[1]) << 16 : 0);
                return true;
            default:
                uint low = Unsafe.ReadUnaligned<ushort>(scale), high = Unsafe.ReadUnaligned<ushort>(bias);
                words[0] = low | (high << 16);
                return form.Scales == PackedScales.BFloat16Pairs || (PackedPanels.IsFiniteHalf(low) && PackedPanels.IsFiniteHalf(high));
        }
    }

    /// <summary>Half of an E4M3 or E8M0 scale as bfloat16, which has both exactly: it goes with twice the value of a code.</summary>
    uint HalfScale(byte scale)
    {
        float value = rows.Format.Mode == QuantizationMode.NvFp4 ? MiniFloat.E4M3[scale] : MiniFloat.E8M0[scale];
        return BitConverter.SingleToUInt32Bits(0.5f * value) >> 16;
    }
}
