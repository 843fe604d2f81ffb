using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.MachineCode;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Numerics.Tests.Kernels;

/// <summary>Integer products by machine code have the bits of the plain loop over one lane, for every form, tile and remainder.</summary>
public sealed unsafe class AssembledTileTests
{
    static readonly PackedForm[] s_forms =
    [
        .. (from format in RandomQuantized.Formats
            from type in new[] { ElementType.BF16, ElementType.F16, ElementType.F32 }
            select PackedForm.Of(format, type)).OfType<PackedForm>().Distinct(),
        .. Enum.GetValues<BlockType>().Select(PackedForm.Of).OfType<PackedForm>().Distinct(),
    ];

    public static TheoryData<string> Forms => [.. s_forms.Select(Name)];

    [Theory]
    [MemberData(nameof(Forms))]
    public void Every_tile_has_the_bits_of_one_lane(string name)
    {
        Assert.SkipUnless(Processor.HasVnni512, "This machine has no 512-bit integer dot products.");
        PackedForm form = s_forms.First(x => Name(x) == name);
        using WorkerTeam team = new(2);

        // Rows that fill panels and tiles of panels, and rows that do not; blocks fewer and more than are fetched ahead, and a last one that is not full.
        foreach ((int rows, int columns) in new[]
        {
            (64, form.BlockColumns), (150, 5 * form.BlockColumns), (7, 3 * form.BlockColumns), (80, 9 * form.BlockColumns - form.GroupSize),
        })
        {
            Random random = new(rows + columns);
            using PackedPanels panels = PackedPanels.Pack(new RandomSource(form, rows, columns), team)!;
            const int MostTokens = 15;
            float[] x = Randoms.Singles(random, MostTokens * columns), expected = new float[MostTokens * rows];
            fixed (float* px = x)
            fixed (float* py = expected)
            {
                Widths.RunCodes("F32x1", new PackedProduct.Kernel(panels, px, MostTokens, py, team));
            }

            Assert.Contains(expected, y => y != 0);
            for (int tokens = 1; tokens <= MostTokens; tokens++)
            {
                float[] y = new float[tokens * rows];
                fixed (float* px = x)
                fixed (float* py = y)
                {
                    PackedProduct.Multiply(panels, AssembledTiles.Of(form)!, px, tokens, py, team);
                }

                Assert.Equal(
                    expected.AsSpan(0, y.Length).ToArray().Select(BitConverter.SingleToInt32Bits), y.Select(BitConverter.SingleToInt32Bits));
            }
        }
    }

    [Fact]
    public void Largest_codes_and_activations_do_not_overflow()
    {
        Assert.SkipUnless(Processor.HasVnni512, "This machine has no 512-bit integer dot products.");
        using WorkerTeam team = new(1);
        foreach (PackedForm form in s_forms)
        {
            int columns = 2 * form.BlockColumns;
            using PackedPanels panels = PackedPanels.Pack(new RandomSource(form, 16, columns) { Largest = true }, team)!;
            foreach (float value in new[] { 1f, -1f })
            {
                float[] x = new float[columns], y = new float[16], expected = new float[16];
                Array.Fill(x, value);
                fixed (float* px = x)
                fixed (float* py = y)
                fixed (float* pe = expected)
                {
                    PackedProduct.Multiply(panels, AssembledTiles.Of(form)!, px, 1, py, team);
                    Widths.RunCodes("F32x1", new PackedProduct.Kernel(panels, px, 1, pe, team));
                }

                Assert.Equal(expected, y);
            }
        }
    }

    static string Name(PackedForm form) => $"{form.Codes} {form.Scales} {form.GroupSize} {form.BiasFactor}";

    /// <summary>Any codes, and scales of all sizes.</summary>
    readonly struct RandomSource(PackedForm form, int rows, int columns) : IPackSource
    {
        public PackedForm Form => form;

        public int Rows => rows;

        public int Columns => columns;

        /// <summary>All codes the largest, all scales 1 or the largest of their bytes.</summary>
        public bool Largest { get; init; }

        public bool Read(int row, int block, byte* codes, uint* words)
        {
            Random random = new(row * 1009 + block);
            for (int i = 0; i < Math.Min(form.BlockColumns, columns - block * form.BlockColumns); i++)
            {
                codes[i] = (byte)(Largest ? (1 << form.Bits) - 1 : random.Next(1 << form.Bits));
            }

            int byteLines = form.Scales switch
            {
                PackedScales.SuperPairs => form.BlockGroups / 2,
                PackedScales.SuperSingles => form.BlockGroups / 4,
                _ => 0,
            };
            for (int i = 0; i < form.ScaleLines; i++)
            {
                words[i] = i < byteLines ? Largest ? 0x7F7F7F7F : (uint)random.NextInt64(1L << 32)
                    : form.Scales switch
                    {
                        PackedScales.BFloat16Pairs or PackedScales.BFloat16Singles => (uint)(BFloat(random) << 16) | BFloat(random),
                        PackedScales.HalfPairs or PackedScales.HalfSingles => (uint)(Half(random) << 16) | Half(random),
                        _ => BitConverter.SingleToUInt32Bits(Single(random)),
                    };
            }

            return true;
        }

        float Single(Random random) => Largest ? 1 : (random.NextSingle() - 0.5f) * MathF.Pow(2, random.Next(-30, 4));

        ushort BFloat(Random random) => BFloat16.FromSingle(Single(random)).Bits;

        ushort Half(Random random) => BitConverter.HalfToUInt16Bits((Half)Single(random));
    }
}
