using GemmaSharp.Generation;
using GemmaSharp.Generation.Constraints;

namespace GemmaSharp.Tests.Generation;

public sealed class SamplerTests
{
    const int Draws = 20_000;
    static readonly float[] s_logits = [2f, 1f, 0f, -1f, 2f, float.NegativeInfinity];

    [Fact]
    public void Next_TemperatureZero_TakesTheLowestOfTheBest() => Assert.Equal(0, New(new() { Temperature = 0 }).Next(s_logits));

    [Fact]
    public void Next_IgnoreEos_EndsAreNeverChosen()
    {
        Sampler sampler = New(new() { Temperature = 0, IgnoreEos = true }, ends: [0]);
        Assert.Equal([4, 4, 4], Enumerable.Range(0, 3).Select(_ => sampler.Next(s_logits)));
        Assert.Equal(0, New(new() { Temperature = 0 }, ends: [0]).Next(s_logits));
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(1f)]
    public void Next_MinTokens_EndsAreChosenOnlyAfterThem(float temperature)
    {
        // Token 0 takes all the probability there is as soon as it may.
        float[] logits = [90f, 1f, 0f, -1f];
        Sampler sampler = New(new() { Temperature = temperature, MinTokens = 3 }, ends: [0]);
        int[] drawn = [.. Enumerable.Range(0, 5).Select(_ => sampler.Next(logits))];
        Assert.All(drawn[..3], id => Assert.NotEqual(0, id));
        Assert.Equal([0, 0], drawn[3..]);

        // The penalised scores of the wide path are banned as well.
        sampler = New(new() { Temperature = temperature, MinTokens = 1, RepetitionPenalty = 1e-45f }, prompt: [0, 1], ends: [0]);
        Assert.Equal(1, sampler.Next(logits));
        Assert.Equal(0, sampler.Next(logits));
    }

    [Fact]
    public void Next_LogitBias_IsAddedBeforePenalties()
    {
        AssertFrequencies([0.25, 0.25, 0.5, 0], new()
        {
            Temperature = 1,
            LogitBias = new Dictionary<int, float> { [2] = (float)Math.Log(4), [1] = 1f, [3] = float.NegativeInfinity },
        }, [0f, -1f, -(float)Math.Log(2), 9f]);
        Assert.Equal(2, New(new() { Temperature = 0, LogitBias = new Dictionary<int, float> { [2] = 3f } }).Next(s_logits));

        // 1 + 4 halved is 2.5, more than 2; halved before, it would be 4.5 and more than 3.
        GenerationOptions penalised = new() { Temperature = 0, RepetitionPenalty = 2, LogitBias = new Dictionary<int, float> { [0] = 4f } };
        Assert.Equal(0, New(penalised, prompt: [0]).Next([1f, 2f]));
        Assert.Equal(1, New(penalised, prompt: [0]).Next([1f, 3f]));
    }

    [Fact]
    public void Next_LogitBiasAtTheEdgeOfFloat32_KeepsTheOrderAndBans()
    {
        const float Infinity = float.PositiveInfinity;
        GenerationOptions options = new() { Temperature = 0, LogitBias = new Dictionary<int, float> { [0] = float.MaxValue, [1] = float.MaxValue } };
        Assert.Equal(1, New(options).Next([float.MaxValue / 2, float.MaxValue, float.MaxValue]));
        Assert.Equal(0, New(options with { LogitBias = new Dictionary<int, float> { [1] = -Infinity } }).Next([1f, Infinity]));
        AssertFrequencies([1, 0], new() { Temperature = 1, LogitBias = new Dictionary<int, float> { [1] = -Infinity } }, [1f, Infinity]);
        Assert.Throws<GenerationException>(() => New(new() { LogitBias = new Dictionary<int, float> { [0] = -Infinity } }).Next([1f]));
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(0.5f)]
    [InlineData(3f)]
    public void Next_Temperature_DrawsWithTheSoftmaxesFrequencies(float temperature)
    {
        double[] weights = [.. s_logits.Select(l => Math.Exp(l / temperature))];
        AssertFrequencies([.. weights.Select(w => w / weights.Sum())], new() { Temperature = temperature });
    }

    [Fact]
    public void Next_TopK_KeepsThoseTiedWithTheLast()
    {
        // The two best are tied; k = 1 keeps both, as the reference does.
        AssertFrequencies([0.5, 0, 0, 0, 0.5, 0], new() { Temperature = 1, TopK = 1 });
    }

    [Fact]
    public void Next_TopP_KeepsTokensUntilTheirSumReachesP()
    {
        // Probabilities 0.5, 0.3, 0.15, 0.05: 0.5 is not yet 0.6, 0.8 is.
        float[] logits = [.. ((double[])[0.15, 0.5, 0.05, 0.3]).Select(p => (float)Math.Log(p))];
        AssertFrequencies([0, 0.625, 0, 0.375], new() { Temperature = 1, TopP = 0.6f }, logits);
        AssertFrequencies([0, 1, 0, 0], new() { Temperature = 1, TopP = 0.01f }, logits);
        AssertFrequencies([0.15, 0.5, 0.05, 0.3], new() { Temperature = 1, TopP = 1 }, logits);
    }

    [Fact]
    public void Next_TopPAfterTopK_CountsWhatTopKLeft()
    {
        // Of 0.5, 0.3, 0.15, 0.05 the best two are left and become 0.625 and 0.375: 0.6 is reached by the first alone.
        float[] logits = [.. ((double[])[0.15, 0.5, 0.05, 0.3]).Select(p => (float)Math.Log(p))];
        AssertFrequencies([0, 1, 0, 0], new() { Temperature = 1, TopK = 2, TopP = 0.6f }, logits);
    }

    [Fact]
    public void Next_MinP_KeepsWhatIsLikelyEnoughBesideTheBest()
    {
        float[] logits = [.. ((double[])[0.15, 0.5, 0.05, 0.3]).Select(p => (float)Math.Log(p))];
        AssertFrequencies([0, 0.625, 0, 0.375], new() { Temperature = 1, MinP = 0.5f }, logits);
    }

    [Fact]
    public void Next_RepetitionPenalty_DividesPositiveAndMultipliesNegativeLogits()
    {
        Sampler sampler = New(new() { Temperature = 0, RepetitionPenalty = 2 }, prompt: [0]);
        Assert.Equal(1, sampler.Next([3f, 1.6f, -1f]));
        Assert.Equal(0, sampler.Next([3f, 1.6f, -1f]));
        Assert.Equal(1, New(new() { Temperature = 0, RepetitionPenalty = 2 }, prompt: [0]).Next([-1f, -1.5f]));
    }

    [Fact]
    public void Next_PresenceAndFrequencyPenalty_CountTheAnswerAlone()
    {
        Sampler presence = New(new() { Temperature = 0, PresencePenalty = 0.5f }, prompt: [0, 0, 0]);
        Assert.Equal([0, 1, 0, 0], Enumerable.Range(0, 4).Select(_ => presence.Next([1f, 0.8f])));
        Sampler frequency = New(new() { Temperature = 0, FrequencyPenalty = 0.5f }, prompt: [0, 0, 0]);
        Assert.Equal([0, 1, 0, 1, 0], Enumerable.Range(0, 5).Select(_ => frequency.Next([1f, 0.8f])));
    }

    [Theory]
    [InlineData(0f, 0)]
    [InlineData(1f, 0)]
    [InlineData(1f, 2)]
    public void Next_PenaltiesBeyondFloat32_KeepTheOrder(float temperature, int topK)
    {
        // 30 / 1e-45 and 20 / 1e-45 are both infinite as float32; the first is still the larger by far.
        GenerationOptions repetition = new() { Temperature = temperature, TopK = topK, RepetitionPenalty = 1e-45f };
        Assert.Equal(1, New(repetition, prompt: [0, 1, 3]).Next([20f, 30f, 31f, -1f]));
        GenerationOptions counts = new() { Temperature = temperature, TopK = topK, PresencePenalty = -3.4e38f, FrequencyPenalty = -3.4e38f };
        Sampler sampler = New(counts);
        int first = sampler.Next([1f, 0.5f, 0.25f]);
        Assert.All(Enumerable.Range(0, 5), _ => Assert.Equal(first, sampler.Next([1f, 0.5f, 0.25f])));
        GenerationOptions against = counts with { PresencePenalty = 3.4e38f, FrequencyPenalty = 3.4e38f };
        sampler = New(against);
        int[] drawn = [.. Enumerable.Range(0, 6).Select(_ => sampler.Next([1f, 0.5f, 0.25f]))];
        Assert.Equal([0, 1, 2], drawn[..3].Order());
        Assert.Equal([0, 1, 2], drawn[3..].Order());
    }

    [Fact]
    public void Next_InfiniteLogits_ShareAllProbability()
    {
        const float Infinity = float.PositiveInfinity;
        AssertFrequencies([0, 0.5, 0, 0.5], new() { Temperature = 1 }, [1f, Infinity, float.MaxValue, Infinity]);
        AssertFrequencies([0, 0.5, 0, 0.5], new() { Temperature = 0.1f, TopP = 0.9f, MinP = 0.1f, TopK = 3 }, [1f, Infinity, float.MaxValue, Infinity]);
        AssertFrequencies([0, 0.5, 0, 0.5], new() { Temperature = 1, RepetitionPenalty = 2, PresencePenalty = 1 }, [1f, Infinity, float.MaxValue, Infinity]);
        Assert.Equal(1, New(new() { Temperature = 0 }).Next([1f, Infinity, Infinity]));
        (float chosen, TokenLogprob[] top) = Sampler.Logprobs([1f, Infinity, Infinity], 2, 3);
        Assert.Equal(-Math.Log(2), chosen, 1e-6);
        Assert.Equal([(1, chosen), (2, chosen), (0, float.NegativeInfinity)], top.Select(t => (t.Id, t.Logprob)));
    }

    [Fact]
    public void Next_SameSeed_DrawsTheSameTokens()
    {
        int[] Draw(ulong seed) => [.. Enumerable.Repeat(New(new() { Temperature = 1 }, seed), 50).Select(s => s.Next(s_logits))];
        Assert.Equal(Draw(7), Draw(7));
        Assert.NotEqual(Draw(7), Draw(8));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Next_NothingToChoose_IsAnError(float value) =>
        Assert.Throws<GenerationException>(() => New(new() { Temperature = 1 }).Next([value, value]));

    [Fact]
    public void Next_Allowed_DrawsAmongTheseAlone_WithTheirFrequencies()
    {
        TokenMask allowed = Mask(1, 2, 3, 5);
        double[] weights = [0, Math.Exp(1), 1, Math.Exp(-1), 0, 0];
        double[] expected = [.. weights.Select(w => w / weights.Sum())];
        AssertFrequencies(expected, new() { Temperature = 1 }, allowed: allowed);

        // Cuts are taken among the allowed: the best two of them, and those at least e⁻¹ as likely as their best.
        double two = Math.Exp(1) + 1;
        AssertFrequencies([0, Math.Exp(1) / two, 1 / two, 0, 0, 0], new() { Temperature = 1, TopK = 2 }, allowed: allowed);
        AssertFrequencies([0, Math.Exp(1) / two, 1 / two, 0, 0, 0], new() { Temperature = 1, MinP = 0.36f }, allowed: allowed);
        AssertFrequencies([0, 1, 0, 0, 0, 0], new() { Temperature = 1, TopP = 0.5f }, allowed: allowed);
        AssertFrequencies([0, 1, 0, 0, 0, 0], new() { Temperature = 0 }, allowed: allowed);
    }

    [Fact]
    public void Next_AllowedFewerThanK_KeepsThemAll() =>
        AssertFrequencies([0.5, 0, 0, 0, 0.5, 0], new() { Temperature = 1, TopK = 3 }, allowed: Mask(0, 4));

    [Fact]
    public void Choose_UnmaskedFirst_AsLikelyAsMasked()
    {
        // A token drawn among all is kept where it is allowed, and else drawn anew: what is left has the frequencies of the allowed ones.
        TokenMask allowed = Mask(0, 2, 3);
        var sampler = New(new() { Temperature = 1 }, seed: 42);
        Assert.True(sampler.KeepsAll);
        double sum = Math.Exp(2) + 1 + Math.Exp(-1);
        AssertCounts([Math.Exp(2) / sum, 0, 1 / sum, Math.Exp(-1) / sum, 0, 0], () => sampler.Choose(s_logits) is int id && allowed[id] ? id
            : sampler.Choose(s_logits, allowed));
    }

    [Theory]
    [InlineData(1f, 0, 1f, 0f, true)]
    [InlineData(0f, 5, 0.5f, 0.5f, true)]
    [InlineData(1f, 5, 1f, 0f, false)]
    [InlineData(1f, 0, 0.9f, 0f, false)]
    [InlineData(1f, 0, 1f, 0.1f, false)]
    public void KeepsAll_IsFalse_WhereSomethingCuts(float temperature, int topK, float topP, float minP, bool keepsAll) =>
        Assert.Equal(keepsAll, New(new() { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP }).KeepsAll);

    [Fact]
    public void Next_NothingAllowed_IsAnError()
    {
        Assert.Throws<GenerationException>(() => New(new() { Temperature = 1 }).Next(s_logits, Mask()));
        Assert.Throws<GenerationException>(() => New(new() { Temperature = 0 }).Next(s_logits, Mask(5)));
    }

    [Fact]
    public void Logprobs_AreThoseOfTheSoftmax_BestFirst()
    {
        double norm = Math.Log(s_logits.Sum(l => Math.Exp(l)));
        (float chosen, TokenLogprob[] top) = Sampler.Logprobs(s_logits, 3, 3);
        Assert.Equal(-1 - norm, chosen, 1e-6);
        Assert.Equal([0, 4, 1], top.Select(t => t.Id));
        Assert.All(top, t => Assert.Equal(s_logits[t.Id] - norm, t.Logprob, 1e-6));
        Assert.Empty(Sampler.Logprobs(s_logits, 3, 0).Top);
    }

    [Fact]
    public void Validate_EveryValueOutOfRange_IsNamed()
    {
        (string Name, GenerationOptions Options)[] bad =
        [
            ("MaxTokens", new() { MaxTokens = 0 }), ("Temperature", new() { Temperature = -1 }), ("Temperature", new() { Temperature = float.NaN }),
            ("TopK", new() { TopK = -1 }), ("TopP", new() { TopP = 0 }), ("TopP", new() { TopP = 1.1f }), ("MinP", new() { MinP = 2 }),
            ("RepetitionPenalty", new() { RepetitionPenalty = 0 }), ("PresencePenalty", new() { PresencePenalty = float.NaN }),
            ("FrequencyPenalty", new() { FrequencyPenalty = float.PositiveInfinity }), ("Logprobs", new() { Logprobs = 101 }), ("Stop", new() { Stop = [""] }),
            ("Stop", new() { Stop = null! }), ("Stop", new() { Stop = [null!] }), ("MinTokens", new() { MinTokens = -1 }),
            ("LogitBias", new() { LogitBias = new Dictionary<int, float> { [7] = float.NaN } }),
            ("LogitBias", new() { LogitBias = new Dictionary<int, float> { [7] = float.PositiveInfinity } }),
        ];
        foreach ((string name, GenerationOptions options) in bad)
        {
            Assert.StartsWith(name, Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
        }

        new GenerationOptions().Validate();
        new GenerationOptions { LogitBias = new Dictionary<int, float> { [7] = float.NegativeInfinity, [8] = -100f } }.Validate();
    }

    static Sampler New(GenerationOptions options, ulong seed = 1, int[]? prompt = null, int[]? ends = null) => new(options, seed, prompt ?? [], ends ?? []);

    static TokenMask Mask(params int[] ids)
    {
        var mask = new TokenMask(s_logits.Length);
        foreach (int id in ids)
        {
            mask.Add(id);
        }

        return mask;
    }

    static void AssertFrequencies(double[] expected, GenerationOptions options, float[]? logits = null, TokenMask? allowed = null)
    {
        Sampler sampler = New(options, seed: 42);
        AssertCounts(expected, () => sampler.Next(logits ?? s_logits, allowed));
    }

    static void AssertCounts(double[] expected, Func<int> draw)
    {
        int[] counts = new int[expected.Length];
        for (int i = 0; i < Draws; i++)
        {
            counts[draw()]++;
        }

        for (int i = 0; i < expected.Length; i++)
        {
            // Five standard deviations of a binomial count; the seed is fixed, so this does not flicker.
            double deviation = 5 * Math.Sqrt(Draws * expected[i] * (1 - expected[i]));
            Assert.InRange(counts[i], (expected[i] * Draws) - deviation, (expected[i] * Draws) + deviation);
        }
    }
}
