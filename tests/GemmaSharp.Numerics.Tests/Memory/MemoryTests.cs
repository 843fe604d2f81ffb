using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests.Memory;

public class MemoryTests
{
    [Fact]
    public void ElementTypes_EveryType_NameRoundTrips()
    {
        foreach (ElementType type in Enum.GetValues<ElementType>())
        {
            Assert.True(ElementTypes.TryParse(type.Name(), out ElementType found));
            Assert.Equal(type, found);
            Assert.InRange(type.SizeInBytes(), 1, 8);
        }
        Assert.False(ElementTypes.TryParse("bf16", out _));
        Assert.False(ElementTypes.TryParse("", out _));
        Assert.False(ElementTypes.TryParse(null, out _));
        Assert.Throws<ArgumentOutOfRangeException>(() => ((ElementType)99).SizeInBytes());
    }

    [Fact]
    public void MappedFile_Bytes_AreTheFiles()
    {
        string path = Path.GetTempFileName();
        try
        {
            byte[] bytes = new byte[70_000];
            new Random(3).NextBytes(bytes);
            File.WriteAllBytes(path, bytes);
            using MappedFile file = MappedFile.Open(path);
            Assert.Equal(bytes.Length, file.Length);
            Assert.Equal(bytes.AsSpan(5, 100), file.Read(5, 100));
            Assert.Equal(bytes.AsSpan(), file.Read(0, bytes.Length));
            Assert.Throws<ArgumentOutOfRangeException>(() => { _ = file.Read(69_999, 2); });
            Assert.Throws<ArgumentOutOfRangeException>(() => { _ = file.Read(-1, 1); });
            Assert.Throws<ArgumentOutOfRangeException>(() => { _ = file.Read(long.MaxValue, 1); });
            file.Dispose();
            Assert.Throws<ObjectDisposedException>(() => { _ = file.Read(0, 1); });
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void MappedFile_EmptyOrMissing_IsEmptyOrThrows()
    {
        string path = Path.GetTempFileName();
        using (MappedFile file = MappedFile.Open(path))
        {
            Assert.Equal(0, file.Length);
            Assert.True(file.Read(0, 0).IsEmpty);
        }
        File.Delete(path);
        Assert.Throws<FileNotFoundException>(() => MappedFile.Open(path));
        Assert.Throws<UnauthorizedAccessException>(() => MappedFile.Open(Path.GetTempPath()));
    }

    [Fact]
    public void NativeBlock_Fresh_IsZeroAndAligned()
    {
        for (int length = 0; length < 200; length++)
        {
            using NativeBlock block = NativeBlock.Allocate(length);
            Assert.Equal(length, block.Length);
            Assert.True(block.Read(0, length).IndexOfAnyExcept((byte)0) < 0);
            unsafe
            {
                Assert.Equal(0, (nint)block.Pointer % 64);
            }
            block.Write(0, length).Fill(1);
        }
        Assert.Throws<ArgumentOutOfRangeException>(() => NativeBlock.Allocate(-1));
    }

    [Fact]
    public void MemoryBlock_BigEndianMachine_IsRefused()
    {
        MemoryBlock.RequireLittleEndian(true);
        Assert.Throws<PlatformNotSupportedException>(() => MemoryBlock.RequireLittleEndian(false));
    }

    [Fact]
    public void NativeArray_Slices_AreItsElements()
    {
        using NativeArray<int> array = new(10);
        for (int i = 0; i < 10; i++)
        {
            array.Span[i] = i;
        }
        Assert.Equal(10, array.Length);
        Assert.Equal([3, 4], array.Slice(3, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => { _ = array.Slice(9, 2); });
        Assert.Throws<ArgumentOutOfRangeException>(() => new NativeArray<int>(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new NativeArray<int>(long.MaxValue));
        array.Dispose();
        Assert.Throws<ObjectDisposedException>(() => { _ = array.Span; });
    }

    [Fact]
    public void Allocation_ThatATestFails_ThrowsOnceAndOnThisThreadOnly()
    {
        using (AllocationFailure.Armed failure = AllocationFailure.At(2))
        {
            using NativeArray<float> first = new(3);
            Assert.False(failure.HasFailed);
            OnAnotherThread(() => new NativeArray<float>(3).Dispose());
            Assert.Throws<OutOfMemoryException>(() => new NativeArray<float>(3));
            Assert.True(failure.HasFailed);
            new NativeArray<float>(3).Dispose();
            Assert.Throws<ArgumentOutOfRangeException>(() => AllocationFailure.At(0));
        }
        using (AllocationFailure.At(1, bytes => bytes == 12))
        {
            new NativeArray<float>(4).Dispose();
            OnAnotherThread(() => Assert.Throws<OutOfMemoryException>(() => new NativeArray<float>(3)));
        }
        new NativeArray<float>(3).Dispose();
    }

    [Fact]
    public void Allocation_MoreThanThereIs_ThrowsAndNothingIsGivenBackTwice()
    {
        Assert.Throws<OutOfMemoryException>(() => NativeBlock.Allocate(long.MaxValue));
        Assert.Throws<OutOfMemoryException>(() => NativeBlock.Allocate(1L << 60));
        Assert.Throws<OutOfMemoryException>(() => new NativeArray<double>(1L << 57));

        // The finalizers of blocks that never came to be.
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [Fact]
    public unsafe void ThreadScratch_FailedGrowth_LeavesNothingFreedInUse()
    {
        OnAnotherThread(() =>
        {
            float* small = ThreadScratch.Of<float>(ScratchPurpose.Sums, 10);
            Assert.Equal((nint)small, (nint)ThreadScratch.Of<byte>(ScratchPurpose.Sums, 40));
            using (AllocationFailure.At(1))
            {
                Assert.Throws<OutOfMemoryException>(() => _ = *ThreadScratch.Of<float>(ScratchPurpose.Sums, 1000));
            }
            float* again = ThreadScratch.Of<float>(ScratchPurpose.Sums, 10);
            Assert.Equal(0, (nint)again % 64);
            again[9] = 1;
            Assert.NotEqual((nint)again, (nint)ThreadScratch.Of<float>(ScratchPurpose.Rows, 10));
        });
    }

    [Fact]
    public void TensorData_EveryFloatType_ReadsAsSingles()
    {
        Check(ElementType.F64, BitConverter.GetBytes(1.5).Concat(BitConverter.GetBytes(-2.0)), [1.5f, -2f]);
        Check(ElementType.F32, BitConverter.GetBytes(1.5f).Concat(BitConverter.GetBytes(-2f)), [1.5f, -2f]);
        Check(ElementType.F16, BitConverter.GetBytes((Half)1.5).Concat(BitConverter.GetBytes((Half)(-2))), [1.5f, -2f]);
        Check(
            ElementType.BF16,
            BitConverter.GetBytes(BFloat16.FromSingle(1.5f).Bits).Concat(BitConverter.GetBytes(BFloat16.FromSingle(-2f).Bits)),
            [1.5f, -2f]);
        Check(ElementType.F8E4M3, [0x38, 0xB8], [1f, -1f]);
        Check(ElementType.F8E5M2, [0x3C, 0xBC], [1f, -1f]);
        Check(ElementType.F8E8M0, [127, 128], [1f, 2f]);
        NativeBlock block = NativeBlock.Allocate(8);
        TensorData integers = new(block, 0, ElementType.I32, [2]);
        Assert.Throws<NotSupportedException>(() => integers.ToSingles(new float[2]));
    }

    [Fact]
    public void TensorData_OutOfRange_Throws()
    {
        NativeBlock block = NativeBlock.Allocate(16);
        TensorData fits = new(block, 0, ElementType.F32, [2, 2]);
        Assert.Equal(4, fits.ElementCount);
        Assert.Equal(16, fits.Length);
        Assert.Equal(1, new TensorData(block, 0, ElementType.F32, []).ElementCount);
        Assert.Throws<ArgumentException>(() => fits.ToSingles(new float[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => fits.ToSingles(2, new float[3]));
        TensorData beyond = new(block, 4, ElementType.F32, [4]);
        Assert.Throws<ArgumentOutOfRangeException>(() => beyond.ToSingles(new float[4]));
        TensorData huge = new(block, 0, ElementType.F32, [long.MaxValue, 3]);
        Assert.Throws<OverflowException>(() => huge.Length);
    }

    static void OnAnotherThread(Action action)
    {
        Exception? failure = null;
        Thread thread = new(() => failure = Record.Exception(action));
        thread.Start();
        thread.Join();
        Assert.Null(failure);
    }

    static void Check(ElementType type, IEnumerable<byte> bytes, float[] expected)
    {
        byte[] all = [.. bytes];
        NativeBlock block = NativeBlock.Allocate(all.Length + 1);
        all.CopyTo(block.Write(1, all.Length));
        TensorData tensor = new(block, 1, type, [2, 1]);
        float[] found = new float[3];
        tensor.ToSingles(found);
        Assert.Equal([.. expected, 0f], found);
        tensor.ToSingles(1, found.AsSpan(0, 1));
        Assert.Equal(expected[1], found[0]);
    }
}
