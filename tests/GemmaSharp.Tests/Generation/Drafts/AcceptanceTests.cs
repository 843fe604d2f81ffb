using GemmaSharp.Generation.Drafts;

namespace GemmaSharp.Tests.Generation.Drafts;

/// <summary>How many guesses pay.</summary>
public sealed class AcceptanceTests
{
    [Fact]
    public void BestLength_WhereGuessesAreWrong_IsNone()
    {
        Acceptance acceptance = Learnt(matched => false);
        for (int matched = 1; matched <= PromptLookup.MostMatched; matched++)
        {
            Assert.Equal(0, acceptance.BestLength(matched, n => 0.05 * n, 15));
        }
    }

    [Fact]
    public void BestLength_WhereGuessesAreRight_IsAllThatFitAndNoneWhereRowsAreDear()
    {
        Acceptance acceptance = Learnt(matched => true);
        Assert.Equal(15, acceptance.BestLength(3, n => 0.1 * n, 15));
        Assert.Equal(4, acceptance.BestLength(3, n => 0.1 * n, 4));
        Assert.Equal(0, acceptance.BestLength(3, n => 0.1 * n, 0));
        Assert.Equal(0, acceptance.BestLength(3, n => 1.0 * n, 15));

        // Three rows for nothing, and then dear ones: a machine that takes rows by fours.
        Assert.Equal(3, acceptance.BestLength(3, n => n <= 3 ? 0 : 2.0 * n, 15));
    }

    [Fact]
    public void BestLength_WhereLongRunsAloneAreRight_AsksForALongRun()
    {
        Acceptance acceptance = Learnt(matched => matched >= 3);
        Assert.Equal(0, acceptance.BestLength(1, n => 0.1 * n, 15));
        Assert.True(acceptance.BestLength(3, n => 0.1 * n, 15) > 5);
        Assert.True(acceptance.Share(3) > 0.95 && acceptance.Share(1) < 0.05);
    }

    [Fact]
    public void Share_WhenTheTextChanges_Follows()
    {
        Acceptance acceptance = Learnt(matched => true);
        for (int i = 0; i < 60; i++)
        {
            acceptance.Add(3, right: false);
        }

        Assert.InRange(acceptance.Share(3), 0, 0.2);
        Assert.True(acceptance.Share(8) > 0.9);
    }

    static Acceptance Learnt(Func<int, bool> isRight)
    {
        var acceptance = new Acceptance();
        for (int i = 0; i < 100; i++)
        {
            for (int matched = 1; matched <= PromptLookup.MostMatched; matched++)
            {
                acceptance.Add(matched, isRight(matched));
            }
        }

        return acceptance;
    }
}
