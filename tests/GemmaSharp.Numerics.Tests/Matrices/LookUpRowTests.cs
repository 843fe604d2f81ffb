using System.Runtime.InteropServices;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Matrices;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests.Matrices;

/// <summary>A row looked up has the bits of a row read, in every form, of slices and parts, too.</summary>
public sealed class LookUpRowTests
{
    public static TheoryData<string> Formats => RandomQuantized.Names;

    [Theory]
    [MemberData(nameof(Formats))]
    public void Quantised_EveryRow_HasTheBitsOfReadRow(string name)
    {
        QuantizedMatrix matrix = RandomQuantized.Matrix(new Random(5), RandomQuantized.Format(name), 9, 640);
        Check(matrix);
        Check(matrix.Slice(2, 5, 128, 384));
        Check(new StackedMatrix(matrix.Slice(0, 2, 0, 128), matrix.Slice(4, 3, 512, 128)));
        Check(new JoinedMatrix(matrix.Slice(0, 9, 0, 128), matrix.Slice(0, 9, 512, 128)));
    }

    [Theory]
    [InlineData(nameof(BlockType.Q4_0))]
    [InlineData(nameof(BlockType.Q8_0))]
    [InlineData(nameof(BlockType.Q4_K))]
    [InlineData(nameof(BlockType.Q6_K))]
    [InlineData(nameof(BlockType.IQ4_XS))]
    public void Blocks_OfAFile_EveryRow_HasTheBitsOfReadRow(string name)
    {
        BlockType type = Enum.Parse<BlockType>(name);
        const int Rows = 5, Columns = 768, Before = 33;
        byte[] bytes = new byte[Before + Rows * type.RowBytes(Columns)];
        new Random(6).NextBytes(bytes);
        InFile(bytes, mapped =>
        {
            var matrix = new BlockMatrix(mapped, Before, type, Rows, Columns);
            Check(matrix);
            Check(matrix.Slice(1, 3, 256, 512));
        });
    }

    [Theory]
    [InlineData(ElementType.BF16)]
    [InlineData(ElementType.F16)]
    [InlineData(ElementType.F32)]
    public void Dense_OfAFile_EveryRow_HasTheBitsOfReadRow(ElementType type)
    {
        const int Rows = 7, Columns = 131, Before = 10;
        byte[] bytes = new byte[Before + Rows * Columns * type.SizeInBytes()];
        new Random(7).NextBytes(bytes);
        InFile(bytes, mapped =>
        {
            var matrix = new DenseMatrix(new TensorData(mapped, Before, type, [Rows, Columns]));
            Check(matrix);
            Check(matrix.Slice(2, 4, 3, 100));
        });
    }

    static void Check(WeightMatrix matrix)
    {
        float[] read = new float[matrix.Columns], found = new float[matrix.Columns];
        for (int row = 0; row < matrix.Rows; row++)
        {
            matrix.ReadRow(row, read);
            matrix.LookUpRow(row, found);
            Assert.True(MemoryMarshal.AsBytes(read.AsSpan()).SequenceEqual(MemoryMarshal.AsBytes(found.AsSpan())), $"row {row}");
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => matrix.LookUpRow(matrix.Rows, found));
        Assert.Throws<ArgumentException>(() => matrix.LookUpRow(0, new float[matrix.Columns + 1]));
    }

    static void InFile(byte[] bytes, Action<MappedFile> check)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, bytes);
            using MappedFile mapped = MappedFile.Open(path);
            check(mapped);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
