using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Where the rows of a quantised matrix lie, and how they are read.</summary>
/// <remarks>Pointers into the blocks of the matrix, which the caller keeps alive.</remarks>
readonly unsafe struct QuantizedRows
{
    /// <summary>Codes of row 0.</summary>
    public required byte* Codes { get; init; }

    /// <summary>Bytes from row to row of the codes.</summary>
    public required nint CodeStride { get; init; }

    /// <summary>First byte after the block of memory that holds the codes.</summary>
    public required byte* CodesEnd { get; init; }

    /// <summary>Scales of row 0.</summary>
    public required byte* Scales { get; init; }

    /// <summary>Bytes from row to row of the scales, and of the biases.</summary>
    public required nint ScaleStride { get; init; }

    /// <summary>Biases of row 0; null where there are none.</summary>
    public required byte* Biases { get; init; }

    /// <summary>Type of scales and biases when affine.</summary>
    public required ElementType ScaleType { get; init; }

    /// <summary>Mode, bits, group size.</summary>
    public required QuantizationFormat Format { get; init; }

    /// <summary>Columns of a row.</summary>
    public required int Columns { get; init; }

    /// <summary>Groups of a row.</summary>
    public int Groups => Columns / Format.GroupSize;

    /// <summary>Bytes of a row's codes.</summary>
    public int CodeBytes => Format.WordsPerRow(Columns) * 4;

    /// <summary>Codes of a row, copied to <paramref name="spare"/> when reading <paramref name="slack"/> bytes beyond them would leave the block.</summary>
    public byte* RowCodes(int row, int slack, byte* spare) => RowCodes(row, 0, Columns, slack, spare);

    /// <summary>
    /// Codes of some columns of a row, from the start of a group on, copied to <paramref name="spare"/> when reading
    /// <paramref name="slack"/> bytes beyond them would leave the block.
    /// </summary>
    public byte* RowCodes(int row, int column, int columns, int slack, byte* spare)
    {
        byte* codes = Codes + row * CodeStride + (long)column * Format.Bits / 8;
        int bytes = columns * Format.Bits / 8;
        if (CodesEnd - codes >= (long)bytes + slack)
        {
            return codes;
        }

        Span<byte> copy = new(spare, bytes + slack);
        new ReadOnlySpan<byte>(codes, bytes).CopyTo(copy);
        copy[bytes..].Clear();
        return spare;
    }

    /// <summary>Scales and biases of a row as float32; without biases the biases are negative zero.</summary>
    public void RowScales(int row, float* scales, float* biases) => RowScales(row, 0, Groups, scales, biases);

    /// <summary>Scales and biases of some groups of a row as float32; without biases the biases are negative zero.</summary>
    public void RowScales(int row, int group, int groups, float* scales, float* biases)
    {
        nint offset = row * ScaleStride + (nint)group * ScaleType.SizeInBytes();
        byte* source = Scales + offset;
        if (Format.Mode == QuantizationMode.Affine)
        {
            StoredFloats.Read(source, ScaleType, (nuint)groups, scales);
            StoredFloats.Read(Biases + offset, ScaleType, (nuint)groups, biases);
            return;
        }

        ReadOnlySpan<float> table = Format.Mode == QuantizationMode.NvFp4 ? MiniFloat.E4M3 : MiniFloat.E8M0;
        for (int g = 0; g < groups; g++)
        {
            scales[g] = table[source[g]];
            biases[g] = -0f; // Adding it changes nothing, not even a negative zero.
        }
    }
}
