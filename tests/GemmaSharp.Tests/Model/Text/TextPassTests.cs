using GemmaSharp.Model.Text;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Text;

/// <summary>A pass that fails or is traced in parts.</summary>
public sealed class TextPassTests
{
    [Fact]
    public void Forward_AllocationThatFails_LeavesThePassUsable()
    {
        using TextFixture fixture = new("tiny-a", threads: 1);
        int[] ids = [.. Enumerable.Range(0, 40).Select(i => (7 * i) % 200 + 5)];
        using KvCache fresh = fixture.Model.NewCache(64);
        float[] expected = fixture.Run(fresh, ids, 1);

        int failures = 0;
        for (int number = 1; number <= 64; number++)
        {
            // A pass of its own, so that every block of its scratch has still to be allocated.
            using TextPass pass = fixture.Model.NewPass(fixture.Team);
            bool failed = false;
            using (AllocationFailure.Armed armed = AllocationFailure.At(number))
            {
                using KvCache cache = fixture.Model.NewCache(64);
                try
                {
                    Run(pass, cache);
                }
                catch (OutOfMemoryException)
                {
                    failed = true;
                }

                Assert.Equal(failed, armed.HasFailed);
            }

            failures += failed ? 1 : 0;
            using KvCache again = fixture.Model.NewCache(64);
            Assert.Equal(expected, Run(pass, again));
            if (!failed)
            {
                break;
            }
        }

        Assert.InRange(failures, 3, 63);

        float[] Run(TextPass pass, KvCache cache)
        {
            var step = new TextStep();
            step.Add(cache, ids, 1);
            fixture.Model.Forward(step, pass);
            return pass.Logits.Span.ToArray();
        }
    }

    [Fact]
    public void Trace_LongerThanOnePartOfLogits_IsThatOfTheWholeAtOnce()
    {
        using TextFixture fixture = new("tiny-a");
        int vocabulary = fixture.Model.Config.VocabSize, count = 600;
        int[] ids = [.. Enumerable.Range(0, count).Select(i => (11 * i) % 200 + 5)];
        using KvCache cache = fixture.Model.NewCache(count), traced = fixture.Model.NewCache(count);
        float[] expected = fixture.Run(cache, ids, count);
        var trace = new RecordingTrace();
        float[] last = fixture.Run(traced, ids, 1, trace);

        Assert.Equal([1, count, vocabulary], trace.Shape("logits"));
        Assert.Equal(expected, trace["logits"]);
        Assert.Equal(expected[^vocabulary..], last);
        Assert.Equal(last, trace["last_logits"]);
    }

    [Fact]
    public void Trace_OfEarlyLayersAlone_ComputesOneRowOfLogits()
    {
        using TextFixture fixture = new("tiny-a");
        int count = 600;
        int[] ids = [.. Enumerable.Range(0, count).Select(i => (11 * i) % 200 + 5)];
        using KvCache cache = fixture.Model.NewCache(count), all = fixture.Model.NewCache(count);
        using TextPass few = fixture.Model.NewPass(fixture.Team);
        var step = new TextStep();
        step.Add(cache, ids, 1);
        var trace = new RecordingTrace(name => name == "language_model.layers.0.self_attn");
        fixture.Model.Forward(step, few, trace);
        long bytes = few.Bytes;

        step.Clear();
        step.Add(all, ids, count);
        fixture.Model.Forward(step, few, null);
        Assert.Equal(["language_model.layers.0.self_attn"], trace.Names);
        Assert.True(few.Bytes - bytes > sizeof(float) * 200L * fixture.Model.Config.VocabSize, $"{bytes} bytes of scratch were held for one row of logits, {few.Bytes} for {count}.");
    }
}
