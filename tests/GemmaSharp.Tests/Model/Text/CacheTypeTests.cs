using GemmaSharp.Model.Text;

namespace GemmaSharp.Tests.Model.Text;

/// <summary>Caches of two bytes a number: near float32, half as large, and as deterministic.</summary>
public sealed class CacheTypeTests
{
    static readonly string s_demo = Path.Combine(AppContext.BaseDirectory, "models", "gemma-3n-demo");

    [Theory]
    [InlineData(CacheType.BF16, 5e-2)]
    [InlineData(CacheType.F16, 5e-3)]
    public void Logits_RoundedCache_AreNearThoseOfFloat32(CacheType type, double most)
    {
        using TextFixture exact = new("tiny-a"), rounded = new("tiny-a", cacheType: type);
        int[] ids = [.. Enumerable.Range(0, 150).Select(i => (i * 37 % 1000) + 5)];
        using KvCache whole = exact.Model.NewCache(ids.Length), half = rounded.Model.NewCache(ids.Length);
        float[] expected = exact.Run(whole, ids, 1), logits = rounded.Run(half, ids, 1);
        double error = 0, size = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            error += Math.Pow(logits[i] - expected[i], 2);
            size += Math.Pow(expected[i], 2);
        }

        // Rounding must show, or nothing was rounded.
        Assert.InRange(Math.Sqrt(error / size), 1e-7, most);
        Assert.Equal(whole.Bytes, 2 * half.Bytes);
        Assert.Equal(whole.MostBytes(1000), 2 * half.MostBytes(1000));
        Assert.Equal(whole.Growth(1000), 2 * half.Growth(1000));
    }

    [Theory]
    [InlineData(CacheType.BF16)]
    [InlineData(CacheType.F16)]
    public void Logits_InChunksSharedOrCopied_HaveTheSameBits(CacheType type)
    {
        using TextFixture fixture = new("tiny-a", cacheType: type);
        int[] ids = [.. Enumerable.Range(0, 190).Select(i => (i * 53 % 1000) + 5)];
        using KvCache whole = fixture.Model.NewCache(ids.Length), parts = fixture.Model.NewCache(ids.Length);
        using KvCache shared = fixture.Model.NewCache(ids.Length), copied = fixture.Model.NewCache(ids.Length);
        float[] expected = fixture.Run(whole, ids, 1);
        fixture.Run(parts, ids.AsSpan(0, 77), 0);
        fixture.Run(parts, ids.AsSpan(77, 83), 0);
        shared.TakeOver(parts, 160, share: true);
        copied.TakeOver(parts, 160, share: false);
        foreach (KvCache cache in new[] { parts, shared, copied })
        {
            Assert.Equal(expected.Select(BitConverter.SingleToInt32Bits), fixture.Run(cache, ids.AsSpan(160), 1).Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Fact]
    public async Task Model_WithARoundedCache_AnswersInHalfTheMemory()
    {
        string[] answers = new string[3];
        long[] bytes = new long[3];
        foreach (CacheType type in Enum.GetValues<CacheType>())
        {
            using GemmaModel model = GemmaModel.Load(s_demo, new GemmaModelOptions { CacheType = type, Vision = false, Audio = false });
            using GemmaSession session = model.NewSession();
            await foreach (GeneratedToken token in session.GenerateAsync(
                model.Encode([ChatMessage.User("What is 8 + 9?")]), new GenerationOptions { Temperature = 0 }, TestContext.Current.CancellationToken))
            {
                answers[(int)type] += token.Text;
            }

            bytes[(int)type] = session.CacheBytes;
        }

        Assert.Equal(["8 plus 9 is 17.", "8 plus 9 is 17.", "8 plus 9 is 17."], answers);
        Assert.Equal((bytes[0], bytes[0]), (2 * bytes[1], 2 * bytes[2]));
    }

    [Fact]
    public void Model_UnknownCacheType_IsRefused() =>
        Assert.Throws<ArgumentOutOfRangeException>("type", () => GemmaModel.Load(s_demo, new GemmaModelOptions { CacheType = (CacheType)9 }));
}
