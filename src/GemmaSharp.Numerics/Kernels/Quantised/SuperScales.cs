using System.Runtime.CompilerServices;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Numerics.Kernels;

/// <summary>The scales of a superblock of 256 weights: small integers, and what multiplies them.</summary>
/// <remarks>A group's scale is <c>Scale · Scales[g]</c>, its minimum, which is taken away, <c>Minimum · Minima[g]</c>.</remarks>
unsafe ref struct SuperScales
{
    /// <summary>Most groups of a superblock.</summary>
    public const int MostGroups = 16;

    /// <summary>Of each group: unsigned where there are minima, signed where there are none.</summary>
    public fixed byte Scales[MostGroups];

    /// <summary>Of each group; zeros where there are none.</summary>
    public fixed byte Minima[MostGroups];

    /// <summary>What multiplies the scales.</summary>
    public float Scale;

    /// <summary>What multiplies the minima.</summary>
    public float Minimum;

    /// <summary>Reads the scales of a superblock.</summary>
    /// <param name="type">Q2_K, Q3_K, Q4_K, Q5_K, Q6_K or IQ4_XS.</param>
    /// <param name="block">Its bytes.</param>
    public SuperScales(BlockType type, byte* block)
    {
        switch (type)
        {
            case BlockType.Q2_K:
                (Scale, Minimum) = (BlockUnpacker.Half(block + 80), BlockUnpacker.Half(block + 82));
                for (int g = 0; g < 16; g++)
                {
                    (Scales[g], Minima[g]) = ((byte)(block[g] & 15), (byte)(block[g] >> 4));
                }

                break;
            case BlockType.Q3_K:
                Scale = BlockUnpacker.Half(block + 108);
                byte* three = block + 96;
                for (int g = 0; g < 16; g++)
                {
                    int low = g < 8 ? three[g] & 15 : three[g - 8] >> 4, high = (three[8 + g % 4] >> (2 * (g / 4))) & 3;
                    Scales[g] = (byte)((low | (high << 4)) - 32);
                }

                break;
            case BlockType.Q4_K or BlockType.Q5_K:
                (Scale, Minimum) = (BlockUnpacker.Half(block), BlockUnpacker.Half(block + 2));
                byte* six = block + 4;
                for (int g = 0; g < 8; g++)
                {
                    Scales[g] = (byte)(g < 4 ? six[g] & 63 : (six[g + 4] & 15) | ((six[g - 4] >> 6) << 4));
                    Minima[g] = (byte)(g < 4 ? six[g + 4] & 63 : (six[g + 4] >> 4) | ((six[g] >> 6) << 4));
                }

                break;
            case BlockType.Q6_K:
                Scale = BlockUnpacker.Half(block + 208);
                for (int g = 0; g < 16; g++)
                {
                    Scales[g] = block[192 + g];
                }

                break;
            case BlockType.IQ4_XS:
                Scale = BlockUnpacker.Half(block);
                int upper = Unsafe.ReadUnaligned<ushort>(block + 2);
                for (int g = 0; g < 8; g++)
                {
                    int lower = (block[4 + g / 2] >> (4 * (g & 1))) & 15;
                    Scales[g] = (byte)((lower | (((upper >> (2 * g)) & 3) << 4)) - 32);
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Blocks of this form have no scales of scales.");
        }
    }
}
