using GemmaSharp.Layers;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Tests.Layers;

public sealed class BandOperationsTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 2)]
    [InlineData(192, 1)]
    [InlineData(193, 1)]
    [InlineData(2304, 2)]
    [InlineData(2305, 3)]
    [InlineData(100_000, 7)]
    public void Bands_AnyRange_DoesEveryPixelOnce(int count, int threads)
    {
        using WorkerTeam team = new(threads);
        using Pass p = new(team);
        int[] done = new int[count];
        List<int> sizes = [];
        p.Bands((done, sizes), new PixelRange(100, count), 0, static (s, band, _) =>
        {
            for (int i = 0; i < band.Count; i++)
            {
                s.done[band.First - 100 + i]++;
            }

            lock (s.sizes)
            {
                s.sizes.Add(band.Count);
            }
        });
        Assert.All(done, d => Assert.Equal(1, d));
        Assert.All(sizes, size => Assert.InRange(size, 1, 192));
        Assert.InRange(sizes.Count(size => size % 6 != 0), 0, 1);
    }

    [Fact]
    public void Bands_Scratch_BelongsToOneBandAtATime()
    {
        using WorkerTeam team = new(4);
        using Pass p = new(team);
        int[] wrong = new int[1];
        p.Bands(wrong, new PixelRange(0, 20_000), 3, 7, static (wrong, band, s) =>
        {
            Rows pairs = s.New(band.Count, 2), ones = s.New(band.Count, 1), besides = s.New(1, 7);
            pairs.Span.Fill(band.First);
            ones.Span.Fill(band.First + 1);
            besides.Span.Fill(band.First + 2);
            Thread.Yield();
            if (pairs.Span.ContainsAnyExcept(band.First) || ones.Span.ContainsAnyExcept(band.First + 1) || besides.Span.ContainsAnyExcept(band.First + 2))
            {
                Interlocked.Increment(ref wrong[0]);
            }
        });
        Assert.Equal(0, wrong[0]);
    }

    [Fact]
    public void Bands_MoreScratchThanAskedFor_Throws()
    {
        using WorkerTeam team = new(2);
        using Pass p = new(team);
        Assert.Throws<ArgumentOutOfRangeException>(() => p.Bands(0, new PixelRange(0, 1000), 16, static (_, band, s) => s.New(band.Count, 17)));
        p.Bands(0, new PixelRange(0, 1000), 17, static (_, band, s) => s.New(band.Count, 17));
    }

    [Fact]
    public void Bands_Repeated_AllocateNothing()
    {
        using WorkerTeam team = new(1);
        using Pass p = new(team);
        Rows y = p.New(5000, 4);
        for (int i = 0; i < 3; i++)
        {
            Run();
        }

        long before = GC.GetAllocatedBytesForCurrentThread(), bytes = p.Bytes;
        Run();
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(bytes, p.Bytes);

        void Run() => p.Bands(y, new PixelRange(0, y.Count), 4, static (y, band, s) => s.New(band.Count, 4).Span.CopyTo(y.Slice(band.First, band.Count).Span));
    }
}
