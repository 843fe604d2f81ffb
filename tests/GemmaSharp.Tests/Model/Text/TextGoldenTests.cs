using GemmaSharp.Model.Text;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Model.Text;

/// <summary>The text model against recorded outputs of the reference implementation.</summary>
public sealed class TextGoldenTests
{
    /// <summary>How far logits may be from the reference's: two candidates closer than this may change places.</summary>
    const float LogitTolerance = 1e-3f;

    /// <summary>
    /// Twelve layers without scale in the attention amplify the rounding of float32 in this one case: with every product, norm and softmax
    /// in float64 the recorded values are still 5e-4 away, so that much is the recording's own. Found where it is largest, in layers.10.self_attn.
    /// </summary>
    static double Tolerance(string name, string golden) => (name, golden) == ("tiny-b", "text-long") ? 1e-3 : 1e-4;

    public static TheoryData<string, string> Cases => new MatrixTheoryData<string, string>(["tiny-a", "tiny-b", "tiny-c"], ["text-short", "text-long"]);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_WholePromptWithoutCache_EveryTextKeyMatches(string name, string golden)
    {
        using TextFixture fixture = new(name);
        int[] ids = TextFixture.Ids(name, golden);
        var trace = new RecordingTrace();
        fixture.Run(fixture.Model.NewCache(ids.Length), ids, ids.Length, trace);

        Golden expected = Golden.Load($"{name}/goldens/{golden}.safetensors");
        string[] keys = [.. expected.Keys.Where(key => key is "lm_head" or "logits" or "last_logits" || key.StartsWith("language_model.", StringComparison.Ordinal))];
        Assert.True(keys.Length > 20);
        double tolerance = Tolerance(name, golden);
        foreach (string key in keys)
        {
            double difference = expected.Compare(key, trace[key]);
            Assert.True(difference <= tolerance, $"{key}: {difference:E2}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_AnyChunksBatchAndThreads_GivesTheSameBits(string name, string golden)
    {
        int[] ids = TextFixture.Ids(name, golden);
        float[] expected;
        using (TextFixture one = new(name, threads: 1))
        {
            expected = one.Run(one.Model.NewCache(ids.Length), ids, ids.Length);
        }

        using TextFixture fixture = new(name, threads: 3);
        int vocabulary = fixture.Model.Config.VocabSize;
        foreach (int chunk in (int[])[1, 7, 64, ids.Length])
        {
            using KvCache cache = fixture.Model.NewCache(Math.Max(chunk, 8));
            using KvCache other = fixture.Model.NewCache(16);
            var step = new TextStep();
            for (int at = 0; at < ids.Length; at += chunk)
            {
                // Another sequence goes along, sometimes before and sometimes behind, with a token or several.
                int count = Math.Min(chunk, ids.Length - at), company = 1 + (at % 5);
                bool before = at % 2 == 0;
                step.Clear();
                if (before)
                {
                    step.Add(other, ids.AsSpan(at % 3, company), 1);
                }

                step.Add(cache, ids.AsSpan(at, count), count);
                if (!before)
                {
                    step.Add(other, ids.AsSpan(at % 3, company), 1);
                }

                fixture.Model.Forward(step, fixture.Pass);
                ReadOnlySpan<float> logits = fixture.Pass.Logits.Span.Slice(before ? vocabulary : 0, count * vocabulary);
                Assert.True(logits.SequenceEqual(expected.AsSpan(at * vocabulary, count * vocabulary)), $"chunks of {chunk}, at {at}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_OnlyLastLogitsWanted_GivesTheSameBits(string name, string golden)
    {
        using TextFixture fixture = new(name);
        int[] ids = TextFixture.Ids(name, golden);
        int vocabulary = fixture.Model.Config.VocabSize;
        using KvCache all = fixture.Model.NewCache(ids.Length), last = fixture.Model.NewCache(ids.Length), none = fixture.Model.NewCache(ids.Length);
        float[] expected = fixture.Run(all, ids, ids.Length);
        Assert.Equal(expected[^vocabulary..], fixture.Run(last, ids, 1));
        Assert.Empty(fixture.Run(none, ids.AsSpan(0, ids.Length - 1), 0));
        Assert.Equal(expected[^vocabulary..], fixture.Run(none, ids.AsSpan(ids.Length - 1), 1));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Rewind_GoesOn_AsIfNothingHadCome(string name, string golden)
    {
        using TextFixture fixture = new(name);
        int[] ids = TextFixture.Ids(name, golden);
        int half = ids.Length / 2;
        using KvCache straight = fixture.Model.NewCache(ids.Length), cache = fixture.Model.NewCache(ids.Length);
        fixture.Run(straight, ids.AsSpan(0, half), 0);
        float[] expected = fixture.Run(straight, ids.AsSpan(half), ids.Length - half);

        fixture.Run(cache, ids.AsSpan(0, half), 0);
        fixture.Run(cache, ids.AsSpan(0, ids.Length - half), 1);
        Assert.True(cache.CanRewind(half));
        cache.Rewind(half);
        Assert.Equal(expected, fixture.Run(cache, ids.AsSpan(half), ids.Length - half));
    }

    [Fact]
    public void Rewind_BeyondWhatTheRingsHold_IsRefusedBeforeItHappens()
    {
        using TextFixture fixture = new("tiny-a");
        int[] ids = TextFixture.Ids("tiny-a", "text-long");
        using KvCache cache = fixture.Model.NewCache(8);
        for (int at = 0; at + 8 <= ids.Length; at += 8)
        {
            fixture.Run(cache, ids.AsSpan(at, 8), 0);
        }

        int length = cache.Length;
        Assert.True(cache.CanRewind(length - 8));
        Assert.False(cache.CanRewind(length - 9));
        Assert.True(cache.CanRewind(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => cache.Rewind(length - 9));
        Assert.Equal(length, cache.Length);
    }

    [Fact]
    public void Forward_BadStep_IsRefusedBeforeTheCachesChange()
    {
        using TextFixture fixture = new("tiny-a");
        using KvCache cache = fixture.Model.NewCache(8);
        var step = new TextStep();
        Assert.Throws<ArgumentException>(() => fixture.Model.Forward(step, fixture.Pass));
        Assert.Throws<ArgumentException>(() => step.Add(cache, [], 0));
        Assert.Throws<ArgumentException>(() => step.Add(cache, new int[9], 0));
        Assert.Throws<ArgumentException>(() => step.Add(cache, [1], 2));
        step.Add(cache, [1, fixture.Model.Config.VocabSize], 1);
        Assert.Throws<ArgumentException>(() => step.Add(cache, [1], 1));
        Assert.Throws<ArgumentException>(() => fixture.Model.Forward(step, fixture.Pass));
        step.Clear();
        step.Add(cache, [1, 2], 1, [new EmbeddingRows(1, new float[2 * fixture.Model.Config.HiddenSize])]);
        Assert.Throws<ArgumentException>(() => fixture.Model.Forward(step, fixture.Pass));
        Assert.Equal(0, cache.Length);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_GreedyWithCache_ChoosesTheReferencesTokens(string name, string golden)
    {
        using TextFixture fixture = new(name);
        int[] ids = TextFixture.Ids(name, golden), greedy = TextFixture.Greedy(name, golden);
        int vocabulary = fixture.Model.Config.VocabSize;
        using KvCache cache = fixture.Model.NewCache(ids.Length);
        float[] logits = fixture.Run(cache, ids, 1);
        float[] all = new float[greedy.Length * vocabulary];
        int compared = 0;
        while (compared < greedy.Length)
        {
            int i = compared++;
            logits.CopyTo(all, i * vocabulary);

            // Where a token belongs to a multimodal vocabulary its embedding is not the text table's, so what follows is tested with the whole model.
            if (greedy[i] >= fixture.Model.Config.VocabSizePerLayerInput)
            {
                break;
            }

            int chosen = Argmax(logits);
            Assert.True(chosen == greedy[i] || logits[chosen] - logits[greedy[i]] < LogitTolerance, $"token {i} is {chosen}, not {greedy[i]}");
            logits = fixture.Run(cache, [greedy[i]], 1);
        }

        double difference = Golden.Load($"{name}/goldens/{golden}.safetensors").CompareBeginning("generated_logits", all.AsSpan(0, compared * vocabulary));
        Assert.InRange(difference, 0, Tolerance(name, golden));
    }

    static int Argmax(float[] logits)
    {
        // The reference suppresses the end-of-sequence tokens.
        logits[1] = logits[6] = float.NegativeInfinity;
        return Array.IndexOf(logits, logits.Max());
    }
}
