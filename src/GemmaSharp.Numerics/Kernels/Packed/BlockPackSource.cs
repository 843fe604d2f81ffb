using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Rows of blocks as GGUF files have them, to be packed.</summary>
/// <param name="type">The form of the blocks.</param>
/// <param name="rows">The first block of row 0; the caller keeps its memory alive.</param>
/// <param name="stride">Bytes from row to row.</param>
/// <param name="count">Rows.</param>
/// <param name="columns">Columns.</param>
/// <param name="form">What they pack to.</param>
readonly unsafe struct BlockPackSource(BlockType type, byte* rows, nint stride, int count, int columns, PackedForm form) : IPackSource
{
    static readonly byte[] s_fp4 = Places(Fp4Codes.Integers, PackedForm.Fp4Offset), s_uneven = Places(UnevenCodes.Integers, PackedForm.ByteOffset);

    /// <inheritdoc/>
    public PackedForm Form => form;

    /// <inheritdoc/>
    public int Rows => count;

    /// <inheritdoc/>
    public int Columns => columns;

    /// <inheritdoc/>
    [SkipLocalsInit]
    public bool Read(int row, int block, byte* codes, uint* words)
    {
        int size = type.BlockSize(), bytes = type.BlockBytes();
        int column = block * form.BlockColumns, end = Math.Min(column + form.BlockColumns, columns);
        byte* source = rows + row * stride + (nint)(column / size) * bytes;
        float* scales = stackalloc float[BlockTypes.MostWeights / BlockUnpacker.GroupSize];
        float* biases = stackalloc float[BlockTypes.MostWeights / BlockUnpacker.GroupSize];
        bool usable = true;
        for (int i = 0; column < end; column += size, i++, source += bytes, codes += size)
        {
            BlockUnpacker.Unpack(type, source, (sbyte*)codes, scales, biases);
            MakeUnsigned(codes, size);
            usable &= form.Scales is PackedScales.SuperPairs or PackedScales.SuperSingles ? Super(source, words) : Scale(source, i, words);
        }

        return usable;
    }

    /// <summary>The scale of 32 weights, and the minimum where there is one.</summary>
    bool Scale(byte* block, int place, uint* words)
    {
        if (form.Scales == PackedScales.BFloat16Singles)
        {
            words[0] |= BitConverter.SingleToUInt32Bits(BlockUnpacker.HalfPowerOfTwo(block[0])) >> 16 << (16 * place);
            return true;
        }

        uint scale = Unsafe.ReadUnaligned<ushort>(block);
        if (form.Scales == PackedScales.HalfSingles)
        {
            words[0] |= scale << (16 * place);
            return PackedPanels.IsFiniteHalf(scale);
        }

        uint minimum = Unsafe.ReadUnaligned<ushort>(block + 2);
        words[0] = scale | (minimum << 16);
        return PackedPanels.IsFiniteHalf(scale) && PackedPanels.IsFiniteHalf(minimum);
    }

    /// <summary>The scales of a superblock.</summary>
    bool Super(byte* block, uint* words)
    {
        SuperScales scales = new(type, block);
        int groups = form.BlockGroups;
        if (form.Scales == PackedScales.SuperPairs)
        {
            for (int g = 0; g < groups; g += 2)
            {
                words[g / 2] = scales.Scales[g] | ((uint)scales.Minima[g] << 8) | ((uint)scales.Scales[g + 1] << 16) | ((uint)scales.Minima[g + 1] << 24);
            }

            words[groups / 2] = BitConverter.SingleToUInt32Bits(scales.Scale);
            words[groups / 2 + 1] = BitConverter.SingleToUInt32Bits(-scales.Minimum);
            return true;
        }

        for (int g = 0; g < groups; g += 4)
        {
            words[g / 4] = Unsafe.ReadUnaligned<uint>(&scales.Scales[g]);
        }

        words[groups / 4] = BitConverter.SingleToUInt32Bits(scales.Scale);
        return true;
    }

    /// <summary>Signed numbers become unsigned ones, or places in a table.</summary>
    void MakeUnsigned(byte* codes, int n)
    {
        if (form.Codes is PackedCodes.Fp4 or PackedCodes.Uneven)
        {
            byte[] places = form.Codes == PackedCodes.Fp4 ? s_fp4 : s_uneven;
            for (int i = 0; i < n; i++)
            {
                codes[i] = places[codes[i]];
            }

            return;
        }

        Vector128<byte> offset = Vector128.Create((byte)-form.BiasFactor);
        for (int i = 0; i < n; i += 16)
        {
            (Vector128.Load(codes + i) + offset).Store(codes + i);
        }
    }

    /// <summary>Where a signed byte's number is in a table.</summary>
    static byte[] Places(ReadOnlySpan<byte> integers, int offset)
    {
        byte[] places = new byte[256];
        for (int i = integers.Length - 1; i >= 0; i--)
        {
            places[(byte)(integers[i] - offset)] = (byte)i;
        }

        return places;
    }
}
