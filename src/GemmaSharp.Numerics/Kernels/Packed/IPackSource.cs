namespace GemmaSharp.Numerics.Kernels;

/// <summary>Stored weights that can be packed: read a block of columns of a row at a time, by any thread.</summary>
unsafe interface IPackSource
{
    /// <summary>What they pack to.</summary>
    PackedForm Form { get; }

    /// <summary>Rows.</summary>
    int Rows { get; }

    /// <summary>Columns.</summary>
    int Columns { get; }

    /// <summary>Reads a block of columns of a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="block">Which block of <see cref="PackedForm.BlockColumns"/>.</param>
    /// <param name="codes">Receives a byte for each column; those beyond the row's are left as they are.</param>
    /// <param name="words">Receives a word for each line of scales; those of groups beyond the row's are left as they are.</param>
    /// <returns>Whether its numbers can be packed: halves have to be finite.</returns>
    bool Read(int row, int block, byte* codes, uint* words);
}
