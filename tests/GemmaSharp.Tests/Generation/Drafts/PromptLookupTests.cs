using GemmaSharp.Generation.Drafts;

namespace GemmaSharp.Tests.Generation.Drafts;

/// <summary>What follows the longest run of last tokens that was there before.</summary>
public sealed class PromptLookupTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(40)]
    [InlineData(2000)]
    public void Guess_OfRandomTokens_IsWhatFollowedALongestRun(int vocabulary)
    {
        var random = new Random(vocabulary);
        var tokens = new List<int>(Enumerable.Range(0, 100).Select(_ => random.Next(vocabulary)));
        var lookup = new PromptLookup([.. tokens]);
        int known = 0, found = 0;
        for (int i = 0; i < 3000; i++)
        {
            (int longest, HashSet<int>[] next) = Brute(tokens);
            if (lookup.Guess >= 0)
            {
                // At least as many tokens agree as it says, before a place that goes on like the guess.
                Assert.InRange(lookup.Matched, 1, PromptLookup.MostMatched);
                Assert.Contains(lookup.Guess, next[Math.Min(lookup.Matched, 4)]);
            }
            else
            {
                Assert.Equal(0, lookup.Matched);
            }

            known += longest > 0 ? 1 : 0;
            found += longest > 0 && lookup.Matched >= Math.Min(longest, 3) ? 1 : 0;

            // Now and then a piece from before comes again.
            int id = i % 50 < 25 ? tokens[Math.Max(0, tokens.Count - 60)] : random.Next(vocabulary);
            tokens.Add(id);
            lookup.Add(id);
        }

        // Runs that share a slot forget each other; there are few.
        Assert.True(found > 0.8 * known && known > 1000, $"{found} of {known}");
    }

    [Fact]
    public void Draft_OfACopy_GoesOnAsItWentOn()
    {
        int[] text = [.. Enumerable.Range(100, 40)];
        var lookup = new PromptLookup([.. text, 1, 2]);
        int[] draft = new int[8];
        Assert.Equal(0, lookup.Draft(draft));
        lookup.Add(110);
        Assert.Equal((111, 1), (lookup.Guess, lookup.Matched));
        lookup.Add(111);
        lookup.Add(112);
        Assert.Equal((113, 3), (lookup.Guess, lookup.Matched));
        Assert.Equal(8, lookup.Draft(draft));
        Assert.Equal(Enumerable.Range(113, 8), draft);
        Assert.Equal(0, lookup.Draft([]));
    }

    [Fact]
    public void Draft_OfALoop_GoesRound()
    {
        var lookup = new PromptLookup([7, 8, 9, 7, 8]);
        int[] draft = new int[7];
        Assert.Equal(7, lookup.Draft(draft));
        Assert.Equal([9, 7, 8, 9, 7, 8, 9], draft);
    }

    [Fact]
    public void Guess_OfALongerRun_ReplacesTheLatestOfAShorterOne()
    {
        // "1 2 3 → 4" was there, and "3 → 9" later.
        var lookup = new PromptLookup([1, 2, 3, 4, 5, 3, 9, 1, 2]);
        Assert.Equal(3, lookup.Guess);
        lookup.Add(3);
        Assert.Equal((4, 3), (lookup.Guess, lookup.Matched));
    }

    [Fact]
    public void Add_BeyondItsCapacity_ForgetsNothing()
    {
        var lookup = new PromptLookup([]);
        for (int i = 0; i < 5000; i++)
        {
            lookup.Add(10_000 + i);
            Assert.Equal(-1, lookup.Guess);
        }

        int right = 0;
        for (int i = 0; i < 5000; i++)
        {
            right += lookup.Guess == 10_000 + i ? 1 : 0;
            lookup.Add(10_000 + i);
        }

        Assert.True(right > 4900, $"{right} of 5000");
    }

    /// <summary>The longest run of last tokens, at most four, that was there before, and for each length what followed it.</summary>
    static (int Longest, HashSet<int>[] Next) Brute(List<int> tokens)
    {
        HashSet<int>[] next = [[], [], [], [], []];
        int longest = 0, count = tokens.Count;
        for (int end = 1; end < count; end++)
        {
            for (int run = 1; run <= 4 && run <= end && tokens[end - run] == tokens[count - run]; run++)
            {
                next[run].Add(tokens[end]);
                longest = Math.Max(longest, run);
            }
        }

        return (longest, next);
    }
}
