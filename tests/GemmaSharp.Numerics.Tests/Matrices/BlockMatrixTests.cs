using System.Security.Cryptography;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;
using GemmaSharp.Numerics.Vectors;

namespace GemmaSharp.Numerics.Tests.Matrices;

/// <summary>Blocks of GGUF files: recorded values bit for bit, products against the same values stored as float32.</summary>
public sealed unsafe class BlockMatrixTests
{
    public static TheoryData<string, string> KeysAndWidths
    {
        get
        {
            var all = new TheoryData<string, string>();
            foreach (string key in GgufBlocks.Keys.Select(row => row.Data))
            {
                foreach (string width in Widths.All.Select(row => row.Data))
                {
                    all.Add(key, width);
                }
            }

            return all;
        }
    }

    [Theory]
    [MemberData(nameof(KeysAndWidths))]
    public void Every_value_is_the_recorded_one_at_every_width(string key, string width)
    {
        (BlockMatrix matrix, float[] values) = GgufBlocks.Matrix(key);
        float[] row = new float[matrix.Columns];
        for (int r = 0; r < matrix.Rows; r++)
        {
            fixed (float* target = row)
            {
                Widths.Run(width, new Decoding(matrix.Panels(), r, matrix.Columns, target));
            }

            for (int c = 0; c < row.Length; c++)
            {
                AssertSameBits(values[r * row.Length + c], row[c], $"{key} [{r}, {c}]");
            }
        }
    }

    [Theory]
    [MemberData(nameof(GgufBlocks.Keys), MemberType = typeof(GgufBlocks))]
    public void Rows_are_read_as_recorded(string key)
    {
        (BlockMatrix matrix, float[] values) = GgufBlocks.Matrix(key);
        float[] row = new float[matrix.Columns];
        for (int r = 0; r < matrix.Rows; r++)
        {
            matrix.ReadRow(r, row);
            for (int c = 0; c < row.Length; c++)
            {
                AssertSameBits(values[r * row.Length + c], row[c], $"{key} [{r}, {c}]");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(19)]
    public void Products_of_every_form_have_the_bits_of_dense_ones(int tokens)
    {
        using var team = new WorkerTeam(2);
        foreach (BlockType type in Enum.GetValues<BlockType>())
        {
            (BlockMatrix matrix, float[] values) = GgufBlocks.Matrix(type.ToString());
            float[] x = Randoms.Singles(new Random(tokens), tokens * matrix.Columns), y = new float[tokens * matrix.Rows], expected = new float[y.Length];
            matrix.Multiply(x, tokens, y, team);
            DenseMatrix.FromSingles(values, matrix.Rows, matrix.Columns).Multiply(x, tokens, expected, team);
            Assert.Equal(expected, y);
        }
    }

    [Fact]
    public void Blocks_are_written_byte_for_byte_as_recorded()
    {
        foreach (BlockType type in GgufBlocks.Written)
        {
            (float[] source, byte[] expected, int columns) = GgufBlocks.Quantised(type);
            byte[] blocks = new byte[expected.Length];
            int rowBytes = (int)type.RowBytes(columns);
            for (int row = 0; row < source.Length / columns; row++)
            {
                BlockQuantizer.Write(type, source.AsSpan(row * columns, columns), blocks.AsSpan(row * rowBytes, rowBytes));
            }

            Assert.Equal(expected, blocks);
        }
    }

    [Fact]
    public void Slices_of_rows_and_of_whole_blocks_are_views()
    {
        (BlockMatrix matrix, float[] values) = GgufBlocks.Matrix("Q4_K");
        BlockMatrix part = matrix.Slice(1, 3, 256, 256);
        float[] row = new float[256];
        part.ReadRow(2, row);
        Assert.Equal(values.AsSpan(3 * matrix.Columns + 256, 256).ToArray(), row);
        Assert.Equal(3 * 144, part.StoredBytes);
        QuantizationFormatException cut = Assert.Throws<QuantizationFormatException>(() => matrix.Slice(0, 1, 128, 256));
        Assert.Equal("128 columns are no whole number of blocks of q4_k; a multiple of 256 is needed.", cut.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.Slice(5, 2, 0, 256));
    }

    [Fact]
    public void A_matrix_beyond_its_memory_is_refused()
    {
        using NativeBlock memory = NativeBlock.Allocate(10 * 18);
        _ = new BlockMatrix(memory, 0, BlockType.Q4_0, 10, 32);
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockMatrix(memory, 1, BlockType.Q4_0, 10, 32));
        Assert.Throws<ArgumentOutOfRangeException>(() => new BlockMatrix(memory, 0, BlockType.Q4_0, 6, 64));
    }

    [Theory]
    [InlineData("05826b5d3e472a3a", 2, 256)]
    [InlineData("06e47aaca60b4dc1", 2, 512)]
    [InlineData("e1aa1473412b0552", 2, 1024)]
    [InlineData("46e35f5a997efdee", 3, 256)]
    [InlineData("bd1af4945a1717c6", 3, 512)]
    public void Codebooks_have_the_published_bytes(string hash, int bits, int entries)
    {
        byte[] bytes = (bits, entries) switch
        {
            (2, 256) => Bytes(BlockCodebooks.Eights256),
            (2, 512) => Bytes(BlockCodebooks.Eights512),
            (2, _) => Bytes(BlockCodebooks.Eights1024),
            (_, 256) => Bytes(BlockCodebooks.Fours256),
            _ => Bytes(BlockCodebooks.Fours512),
        };
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]);

        static byte[] Bytes<T>(T[] codes)
            where T : unmanaged => System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(codes).ToArray();
    }

    static void AssertSameBits(float expected, float actual, string where) =>
        Assert.True(
            BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(actual) || (float.IsNaN(expected) && float.IsNaN(actual)),
            $"{where} is {actual:R} and not {expected:R}.");

    readonly struct Decoding(BlockPanels panels, int row, int columns, float* destination) : IWidthKernel
    {
        public void Run<TVector>()
            where TVector : struct, IVector<TVector> => panels.Decode<TVector>(row, 0, columns, destination, TVector.Count);
    }
}
