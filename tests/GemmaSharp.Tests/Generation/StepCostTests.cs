using GemmaSharp.Generation;

namespace GemmaSharp.Tests.Generation;

/// <summary>What rows cost, on machines made up of a time for each number of rows.</summary>
public sealed class StepCostTests
{
    public static TheoryData<string> Machines => ["each row alike", "rows by fours", "rows for nothing", "dear rows"];

    [Theory]
    [MemberData(nameof(Machines))]
    public void OfGuesses_AfterSteps_IsTheMachines(string machine)
    {
        var cost = new StepCost();
        var random = new Random(1);
        for (int i = 0; i < 900; i++)
        {
            // Contexts grow, so that steps become slower, and every now and then one is slow for another reason.
            int rows = i % 10 == 0 ? 1 : 2 + random.Next(14);
            double noise = 1 + (0.04 * (random.NextDouble() - 0.5));
            cost.Ran(1, rows, TimeSpan.FromMilliseconds(50 * Shape(machine, rows) * (1 + (i / 300.0)) * noise * (i % 67 == 0 ? 8 : 1)));
        }

        for (int guesses = 1; guesses <= 14; guesses++)
        {
            double real = Shape(machine, 1 + guesses) - 1;
            Assert.InRange(cost.OfGuesses(1, guesses), real - 0.25 - (0.2 * real), real + 0.25 + (0.2 * real));
        }
    }

    [Fact]
    public void OfGuesses_BesideOthers_CountsForAllOfThem()
    {
        var cost = new StepCost();
        foreach (int answers in (int[])[1, 5, 32])
        {
            Assert.Equal(double.PositiveInfinity, cost.OfGuesses(answers, 1));
            cost.Ran(answers, answers, TimeSpan.FromMilliseconds(50));
        }

        // At a tenth for each row: a step of five takes 1.4, and a sixth adds 0.1 to what five wait for.
        Assert.Equal(5 * 0.1 / 1.4, cost.OfGuesses(5, 1), 6);
        Assert.True(cost.OfGuesses(32, 1) > 0.7);
        Assert.Equal(double.PositiveInfinity, cost.OfGuesses(200, 1));
        Assert.Equal(0, cost.OfGuesses(1, 0));
    }

    [Fact]
    public void Ran_WithGuessesForLong_AsksForAStepWithout()
    {
        var cost = new StepCost();
        cost.Ran(1, 1, TimeSpan.FromMilliseconds(50));
        int steps = 0;
        for (; steps < 1000 && double.IsFinite(cost.OfGuesses(1, 3)); steps++)
        {
            cost.Ran(1, 4, TimeSpan.FromMilliseconds(55));
        }

        Assert.Equal(32, steps);
        cost.Ran(1, 1, TimeSpan.FromMilliseconds(60));
        Assert.InRange(cost.OfGuesses(1, 3), 0, 0.15);
    }

    [Fact]
    public void Ran_AfterDearGuesses_IsTriedAgainNowAndThen()
    {
        // The first steps with guesses are slow for reasons of their own, such as the compiler's.
        var cost = new StepCost();
        cost.Ran(1, 1, TimeSpan.FromMilliseconds(1));
        for (int i = 0; i < 6; i++)
        {
            cost.Ran(1, 2 + (i % 3), TimeSpan.FromMilliseconds(60));
        }

        Assert.True(cost.OfGuesses(1, 1) > 1);
        int plain = 0;
        for (; plain < 500 && cost.OfGuesses(1, 1) > 0.9; plain++)
        {
            cost.Ran(1, 1, TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(plain, 20, 200);
        cost.Ran(1, 2, TimeSpan.FromMilliseconds(1.1));
        cost.Ran(1, 2, TimeSpan.FromMilliseconds(1.1));
        Assert.InRange(cost.OfGuesses(1, 1), 0, 0.5);
    }

    [Fact]
    public void Ran_WithoutGuesses_LearnsNoShape()
    {
        var cost = new StepCost();
        for (int i = 0; i < 200; i++)
        {
            cost.Ran(1, 1, TimeSpan.FromMilliseconds(10 + i));
        }

        Assert.Equal(0.3, cost.OfGuesses(1, 3), 6);
        cost.Ran(1, 4, TimeSpan.Zero);
        Assert.True(double.IsFinite(cost.OfGuesses(1, 3)));
        cost.Ran(100, 120, TimeSpan.FromSeconds(1));
        Assert.True(double.IsFinite(cost.OfGuesses(1, 3)));
    }

    static double Shape(string machine, int rows) => machine switch
    {
        "each row alike" => 1 + (0.15 * (rows - 1)),
        "rows by fours" => 1 + (0.4 * ((rows - 1) / 4)),
        "rows for nothing" => 1,
        _ => (2 * rows) - 1,
    };
}
