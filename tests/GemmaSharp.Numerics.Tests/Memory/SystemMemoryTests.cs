using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests.Memory;

public sealed class SystemMemoryTests
{
    [Theory]
    [InlineData(SystemMemory.LeastBytes - 1)]
    [InlineData(SystemMemory.LeastBytes)]
    [InlineData(SystemMemory.LeastBytes + 1)]
    [InlineData(9 << 20)]
    public unsafe void NativeBlock_AroundTheLeastSize_IsZerosThatCanBeWritten(long bytes)
    {
        for (int round = 0; round < 3; round++)
        {
            using NativeBlock block = NativeBlock.Allocate(bytes);
            Assert.Equal(bytes, block.Length);
            Assert.Equal(0u, (nuint)block.Pointer % 64);
            Span<byte> all = block.Write(0, (int)bytes);
            Assert.Equal(-1, all.IndexOfAnyExcept((byte)0));
            all.Fill(7);
            Assert.Equal(7, block.Read(bytes - 1, 1)[0]);
        }
    }

    [Fact]
    public void NativeBlock_OfMoreThanThereIs_Throws()
    {
        Assert.Throws<OutOfMemoryException>(() => NativeBlock.AllocateUncleared(1L << 60).Dispose());
    }

    [Fact]
    public void Copy_OfAMappedFile_IsWhatReadingItGives()
    {
        string path = Path.GetTempFileName();
        try
        {
            byte[] bytes = new byte[70_001];
            new Random(1).NextBytes(bytes);
            File.WriteAllBytes(path, bytes);
            using MappedFile mapped = MappedFile.Open(path);
            foreach ((int offset, int count) in new[] { (0, 0), (0, 1), (4095, 2), (1, 70_000), (70_000, 1), (70_001, 0) })
            {
                byte[] copy = new byte[count];
                mapped.Copy(offset, copy);
                Assert.Equal(bytes.AsSpan(offset, count).ToArray(), copy);
            }

            Assert.Throws<ArgumentOutOfRangeException>(() => mapped.Copy(70_000, new byte[2]));
            mapped.Dispose();
            Assert.Throws<ObjectDisposedException>(() => mapped.Copy(0, new byte[2]));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
