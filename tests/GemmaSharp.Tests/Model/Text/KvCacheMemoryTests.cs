using GemmaSharp.Configuration;
using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Formats;
using GemmaSharp.Numerics.Memory;

namespace GemmaSharp.Tests.Model.Text;

/// <summary>Caches for which there is no memory: what they hold stays as it was, and they can grow later.</summary>
public sealed class KvCacheMemoryTests
{
    const int Heads = 2;
    const int Dim = 4;

    static readonly KvLayout s_layout = new(Gemma3nConfig.E2B.TextConfig with { NumKeyValueHeads = Heads, HeadDim = Dim, SlidingWindow = 200 });

    [Theory]
    [InlineData(true, 1)]
    [InlineData(true, 2)]
    [InlineData(false, 1)]
    [InlineData(false, 2)]
    public void Reserve_Failing_LeavesWhatIsStored(bool sliding, int number)
    {
        using KvLayer layer = sliding ? new SlidingKvLayer(s_layout, maxStepRows: 100) : new FullKvLayer(s_layout);
        layer.Reserve(0, 60);
        Fill(layer, 0, 60);
        long bytes = layer.Bytes;
        using (AllocationFailure.Armed armed = AllocationFailure.At(number))
        {
            Assert.Throws<OutOfMemoryException>(() => layer.Reserve(60, 200));
            Assert.True(armed.HasFailed);
        }

        Assert.Equal(bytes, layer.Bytes);
        Check(layer, 60);
        layer.Reserve(60, 200);
        Check(layer, 60);
        Fill(layer, 60, 200);
        Check(layer, 200);
    }

    [Fact]
    public void Extend_OfSeveralCaches_IsAllOrNothing()
    {
        using TextFixture fixture = new("tiny-a", threads: 1);
        int[] ids = [2, 5, 9, 14];
        using KvCache plain = fixture.Model.NewCache(8), first = fixture.Model.NewCache(8), second = fixture.Model.NewCache(8);
        float[] expected = fixture.Run(plain, ids, 1);

        // Scratch for two sequences is there; each allocation that is left is a cache's.
        using (KvCache a = fixture.Model.NewCache(8), b = fixture.Model.NewCache(8))
        {
            Step(a, b);
        }

        for (int number = 1; ; number++)
        {
            using AllocationFailure.Armed armed = AllocationFailure.At(number);
            try
            {
                Step(first, second);
            }
            catch (OutOfMemoryException)
            {
                Assert.Equal((0, 0), (first.Length, second.Length));
                continue;
            }

            Assert.False(armed.HasFailed);
            break;
        }

        Assert.Equal((4, 4), (first.Length, second.Length));
        Assert.Equal([.. expected, .. expected], fixture.Pass.Logits.Span.ToArray());

        void Step(KvCache one, KvCache two)
        {
            var step = new TextStep();
            step.Add(one, ids, 1);
            step.Add(two, ids, 1);
            fixture.Model.Forward(step, fixture.Pass);
        }
    }

    static void Fill(KvLayer layer, int first, int end)
    {
        for (int position = first; position < end; position++)
        {
            for (int head = 0; head < Heads; head++)
            {
                layer.Write(head, position, Values(head, position), Values(head, -position));
            }
        }
    }

    static float[] Singles(StoredRows rows)
    {
        float[] values = new float[rows.Count];
        StoredFloats.Read(rows.Bytes, rows.Type, values);
        return values;
    }

    static void Check(KvLayer layer, int end)
    {
        for (int head = 0; head < Heads; head++)
        {
            for (int position = 0; position < end;)
            {
                int run = layer.Run(head, position, end, out StoredRows keys, out StoredRows values);
                for (int i = 0; i < run; i++, position++)
                {
                    Assert.Equal(Values(head, position), Singles(keys)[(i * Dim)..][..Dim]);
                    Assert.Equal(Values(head, -position), Singles(values)[(i * Dim)..][..Dim]);
                }
            }
        }
    }

    static float[] Values(int head, int position) => [head, position, position + 0.5f, head - position];
}
