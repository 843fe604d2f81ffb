using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Kernels;

/// <summary>Integer products of the block forms of GGUF files, against the recorded values in double.</summary>
public sealed unsafe class BlockProductTests
{
    static readonly BlockType[] s_types = [.. Enum.GetValues<BlockType>().Where(type => PackedForm.Of(type) is not null)];

    public static TheoryData<string, string> TypesAndWidths =>
        new MatrixTheoryData<string, string>([.. s_types.Select(type => type.ToString())], [.. Widths.All.Select(row => row.Data)]);

    public static TheoryData<string> Types => [.. s_types.Select(type => type.ToString())];

    [Theory]
    [MemberData(nameof(TypesAndWidths))]
    public void Products_stay_within_the_rounding_of_activations(string name, string width)
    {
        (BlockMatrix matrix, float[] values) = GgufBlocks.Matrix(name);
        PackedForm form = PackedForm.Of(matrix.Type)!.Value;
        const int Tokens = 6;
        float[] x = Randoms.Singles(new Random(5), Tokens * matrix.Columns), y = Product(matrix, width, x, Tokens);
        double limit = form.ActivationBytes == 2 ? 32767 : 127;
        for (int i = 0; i < y.Length; i++)
        {
            int t = i / matrix.Rows, r = i % matrix.Rows;
            double expected = 0, bound = 0;
            for (int g = 0; g < matrix.Columns; g += form.GroupSize)
            {
                double most = 0, weights = 0, largest = 0;
                for (int c = g; c < g + form.GroupSize; c++)
                {
                    double v = x[t * matrix.Columns + c], w = values[r * matrix.Columns + c];
                    expected += v * w;
                    most = Math.Max(most, Math.Abs(v));
                    weights += Math.Abs(w);
                    largest = Math.Max(largest, Math.Abs(w));
                }

                // Half a step of each activation, and float32 rounding of the two sums, whose terms may be larger than the weights.
                bound += most / limit / 2 * (1 + 1e-5) * weights + 4e-6 * form.GroupSize * largest * most;
            }

            Assert.True(Math.Abs(y[i] - expected) <= bound, $"token {t}, row {r}: {y[i]} for {expected}, bound {bound}");
        }
    }

    [Theory]
    [MemberData(nameof(TypesAndWidths))]
    public void Every_width_has_the_bits_of_one_lane(string name, string width)
    {
        Assert.SkipUnless(Fma.IsSupported, "This machine multiplies and adds in two roundings, or one, by width.");
        (BlockMatrix matrix, _) = GgufBlocks.Matrix(name);
        float[] x = Randoms.Singles(new Random(6), 5 * matrix.Columns);
        Assert.Equal(
            Product(matrix, nameof(F32x1), x, 5).Select(BitConverter.SingleToInt32Bits), Product(matrix, width, x, 5).Select(BitConverter.SingleToInt32Bits));
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Tokens_have_the_same_bits_alone_and_in_any_batch(string name)
    {
        (BlockMatrix stored, _) = GgufBlocks.Matrix(name);
        BlockMatrix matrix = Fast(stored, out NativeBlock memory);
        using NativeBlock owned = memory;
        float[] x = Randoms.Singles(new Random(7), 9 * matrix.Columns), alone = new float[9 * matrix.Rows];
        using WorkerTeam one = new(1), three = new(3);
        for (int t = 0; t < 9; t++)
        {
            matrix.Multiply(x.AsSpan(t * matrix.Columns, matrix.Columns), 1, alone.AsSpan(t * matrix.Rows, matrix.Rows), one);
        }

        foreach (int tokens in new[] { 2, 3, 4, 5, 7, 9 })
        {
            float[] y = new float[tokens * matrix.Rows];
            matrix.Multiply(x, tokens, y, three);
            Assert.True(MemoryMarshal.AsBytes(y.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(alone.AsSpan(0, y.Length))), $"{tokens} tokens");
        }

        Assert.True(matrix.PackedBytes > 0);
        matrix.ReleaseProducts();
        Assert.Equal(0, matrix.PackedBytes);
    }

    [Theory]
    [InlineData("Q4_0", 0x7C00)]
    [InlineData("Q8_0", 0xFE01)]
    [InlineData("Q4_1", 0x7E00)]
    public void A_scale_that_is_no_number_leaves_the_product_exact(string name, int half)
    {
        (BlockMatrix stored, _) = GgufBlocks.Matrix(name);
        BlockMatrix matrix = Fast(stored, out NativeBlock memory);
        using NativeBlock owned = memory;
        BitConverter.TryWriteBytes(memory.Write(0, 2), (ushort)half);
        using WorkerTeam team = new(2);
        float[] x = Randoms.Singles(new Random(8), matrix.Columns), y = new float[matrix.Rows], expected = new float[matrix.Rows];
        matrix.Multiply(x, 1, y, team);
        new BlockMatrix(memory, 0, matrix.Type, matrix.Rows, matrix.Columns).Multiply(x, 1, expected, team);
        Assert.Equal(0, matrix.PackedBytes);
        Assert.False(float.IsFinite(y[0]));
        Assert.Equal(expected, y);
    }

    [Fact]
    public void Small_halves_scale_as_they_should()
    {
        // Subnormal halves, at every width: 32 columns of code 9 (value 1) with the scale 2^-24 · n.
        foreach (string width in Widths.All.Select(row => row.Data))
        {
            foreach (ushort half in new ushort[] { 1, 2, 0x3FF, 0x8001, 0x400, 0x7BFF })
            {
                using NativeBlock memory = NativeBlock.Allocate(18);
                BitConverter.TryWriteBytes(memory.Write(0, 2), half);
                memory.Write(2, 16).Fill(0x99);
                float[] x = new float[32];
                Array.Fill(x, 1f);
                float y = Product(new BlockMatrix(memory, 0, BlockType.Q4_0, 1, 32), width, x, 1)[0];
                float expected = 32 * (float)BitConverter.UInt16BitsToHalf(half);
                Assert.Equal(expected, y, MathF.Abs(expected) * 1e-5f);
            }
        }
    }

    /// <summary>The same blocks in memory of their own, multiplied with integers.</summary>
    static BlockMatrix Fast(BlockMatrix stored, out NativeBlock memory)
    {
        memory = NativeBlock.Allocate(stored.StoredBytes);
        GgufBlocks.Raw(stored.Type.ToString()).CopyTo(memory.Write(0, (int)stored.StoredBytes));
        return new BlockMatrix(memory, 0, stored.Type, stored.Rows, stored.Columns, ProductMode.Fast);
    }

    static float[] Product(BlockMatrix matrix, string width, float[] x, int tokens)
    {
        float[] y = new float[tokens * matrix.Rows];
        using WorkerTeam team = new(2);
        using PackedPanels? panels = PackedPanels.Pack(matrix.PackSource(PackedForm.Of(matrix.Type)!.Value), team);
        Assert.NotNull(panels);
        fixed (float* px = x)
        fixed (float* py = y)
        {
            Widths.RunCodes(width, new PackedProduct.Kernel(panels, px, tokens, py, team));
        }

        GC.KeepAlive(matrix);
        return y;
    }
}
