using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Numerics.Tests.Memory;

public class ArenaTests
{
    const long Block = 1 << 20;

    [Fact]
    public void Take_AfterRelease_GivesTheSamePlaces()
    {
        using Arena arena = new();
        arena.Take(100).Span.Fill(1);
        Arena.Mark mark = arena.Position;
        arena.Take(50).Span.Fill(2);
        arena.Take(2 * Block).Span.Fill(3);
        long bytes = arena.Bytes;
        arena.Release(mark);
        Assert.Equal(2f, arena.Take(50).Span[49]);
        Assert.Equal(3f, arena.Take(2 * Block).Span[0]);
        Assert.Equal(bytes, arena.Bytes);
    }

    [Fact]
    public void Take_MoreThanWhatIsFree_TakesItsPlace()
    {
        using Arena arena = new();
        Floats kept = arena.Take(Block - 64);
        kept.Span.Fill(1);
        Arena.Mark mark = arena.Position;
        for (long size = 2 * Block; size <= 5 * Block; size += Block)
        {
            // Each is too large for the one before, which is not needed any more.
            arena.Take(size).Span.Fill(2);
            Assert.Equal((Block + size) * sizeof(float), arena.Bytes);
            arena.Release(mark);
        }

        Assert.False(kept.Span.ContainsAnyExcept(1f));
        arena.Reset();
        Assert.Equal(0, arena.Bytes);
        arena.Take(6 * Block - 64);
        Assert.Equal((6 * Block - 64) * sizeof(float), arena.Bytes);
    }

    [Fact]
    public void Take_MoreThanThereIs_LeavesWhatWasTaken()
    {
        using Arena arena = new();
        Floats kept = arena.Take(1000);
        kept.Span.Fill(1);
        Assert.Throws<OutOfMemoryException>(() => { arena.Take(1L << 50); });
        Floats next = arena.Take(1000);
        next.Span.Fill(2);
        Assert.False(kept.Span.ContainsAnyExcept(1f));
    }
}
