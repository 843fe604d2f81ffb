using GemmaSharp.Configuration;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.Tests.Configuration;

public sealed class GenerationDefaultsTests : IDisposable
{
    readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EveryKeyThatIsDone_IsTaken_WhereOptionsLeaveItOpen()
    {
        GenerationDefaults defaults = Load("""
            {"do_sample": true, "temperature": 0.5, "top_k": 7, "top_p": 0.5, "min_p": 0.25, "repetition_penalty": 1.5, "max_new_tokens": 9, "min_new_tokens": 3,
             "stop_strings": ["END", "."], "suppress_tokens": [5, 8]}
            """);
        GenerationOptions options = new GenerationOptions { LogitBias = new Dictionary<int, float> { [8] = 1 } }.Resolved(defaults);
        Assert.Equal(
            (9, 0.5f, 7, 0.5f, 0.25f, 1.5f, 3),
            (options.MaxTokens, options.Temperature, options.TopK, options.TopP, options.MinP, options.RepetitionPenalty, options.MinTokens));
        Assert.Equal(["END", "."], options.Stop);
        Assert.Equal([(5, float.NegativeInfinity), (8, 1f)], options.LogitBias!.OrderBy(bias => bias.Key).Select(bias => (bias.Key, bias.Value)));
        Assert.Null(defaults.Warning);

        var own = new GenerationOptions { MinP = 0, RepetitionPenalty = 1, MinTokens = 0, Stop = ["x"] };
        GenerationOptions kept = own.Resolved(defaults);
        Assert.Equal((0f, 1f, 0), (kept.MinP, kept.RepetitionPenalty, kept.MinTokens));
        Assert.Equal(["x"], kept.Stop);
    }

    [Theory]
    [InlineData("""{"num_beams": 4, "no_repeat_ngram_size": 3, "forced_eos_token_id": 1}""", "sets forced_eos_token_id, no_repeat_ngram_size, num_beams, which have")]
    [InlineData("""{"typical_p": 0.9}""", "sets typical_p, which has")]
    [InlineData("""{"bad_words_ids": [[5]]}""", "bad_words_ids")]
    [InlineData("""{"max_length": 8192}""", "max_length")]
    public void KeysThatAreNotDone_AreNamedInOneWarning(string json, string said)
    {
        Assert.Contains(said, Load(json).Warning, StringComparison.Ordinal);
        Assert.Contains("no effect here", Load(json).Warning, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"_from_model_config": true, "bos_token_id": 2, "cache_implementation": "hybrid", "pad_token_id": 0, "transformers_version": "4.53.0"}""")]
    [InlineData("""{"num_beams": 1, "length_penalty": 1.0, "typical_p": 1.0, "no_repeat_ngram_size": 0, "early_stopping": false, "guidance_scale": null, "max_length": 20}""")]
    [InlineData("{}")]
    public void KeysThatChangeNothing_AreNotNamed(string json) => Assert.Null(Load(json).Warning);

    [Fact]
    public void TopPOfNought_LeavesTheLikeliestToken()
    {
        GenerationOptions options = new GenerationOptions { Seed = 1 }.Resolved(Load("""{"top_p": 0, "top_k": 0}"""));
        Assert.InRange(options.TopP!.Value, float.Epsilon, 1e-30f);
    }

    GenerationDefaults Load(string json)
    {
        File.WriteAllText(_folder["generation_config.json"], json);
        return GenerationDefaults.Load(_folder.Path, new Gemma3nConfig());
    }
}
