using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>Rows of blocks as float32, for readers that have their bytes at hand.</summary>
static unsafe class BlockRows
{
    /// <summary>Reads a row.</summary>
    /// <param name="type">The form.</param>
    /// <param name="blocks">Its blocks.</param>
    /// <param name="values">Receives the weights, whole blocks.</param>
    /// <exception cref="ArgumentException">The values are no whole blocks, or there are fewer bytes than they need.</exception>
    public static void Read(BlockType type, ReadOnlySpan<byte> blocks, Span<float> values)
    {
        if (values.Length % type.BlockSize() != 0 || blocks.Length < type.RowBytes(values.Length))
        {
            throw new ArgumentException(
                $"{blocks.Length} bytes were given for {values.Length} weights of {type.Name()}; whole blocks are needed.", nameof(blocks));
        }

        fixed (byte* source = blocks)
        fixed (float* target = values)
        {
            new BlockPanels(type, source, 0).DecodeRow(0, values.Length, target);
        }
    }
}
