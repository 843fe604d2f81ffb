using GemmaSharp.Generation;

namespace GemmaSharp.Tests.Generation;

/// <summary>How many rows of prompts a step takes, on machines made up of a time per step and a time per row.</summary>
public sealed class StepBudgetTests
{
    [Theory]
    [InlineData(0.160, 0.015)]
    [InlineData(0.060, 0.002)]
    [InlineData(0.002, 0.0001)]
    [InlineData(0.240, 0.5)]
    public void PromptRows_BesideAnswers_SettleAtTheSlice(double step, double row)
    {
        var budget = new StepBudget();
        const int Tokens = 4;
        int first = budget.PromptRows(0);
        Assert.Equal(StepBudget.MaxRows, first);
        budget.Ran(first, Time(first));
        int rows = 0;
        for (int i = 0; i < 30; i++)
        {
            rows = budget.PromptRows(Tokens);
            Assert.InRange(rows, StepBudget.LeastPromptRows, StepBudget.MaxRows - Tokens);
            Assert.True(rows == StepBudget.LeastPromptRows || Time(rows + Tokens) <= StepBudget.Slice + TimeSpan.FromSeconds(step), $"step {i} of {rows} rows");
            budget.Ran(rows + Tokens, Time(rows + Tokens));
        }

        // As long as the slice, unless the least or the most rows are reached before.
        double settled = Time(rows + Tokens) / StepBudget.Slice;
        bool bounded = rows is StepBudget.LeastPromptRows or StepBudget.MaxRows - Tokens;
        Assert.True(bounded || settled is > 0.85 and < 1.15, $"{rows} rows take {settled:P0} of the slice");
        Assert.Equal(StepBudget.MaxRows, budget.PromptRows(0));

        TimeSpan Time(int n) => TimeSpan.FromSeconds(step + (n * row));
    }

    [Fact]
    public void PromptRows_AfterASlowStep_RecoverAtOnce()
    {
        var budget = new StepBudget();
        budget.Ran(64, TimeSpan.FromMilliseconds(128));
        Assert.InRange(budget.PromptRows(4), 120, 121);

        // A hundred times as slow, once: the compiler, or another program.
        budget.Ran(125, TimeSpan.FromSeconds(25));
        Assert.Equal(58, budget.PromptRows(4));
        budget.Ran(62, TimeSpan.FromMilliseconds(124));
        Assert.InRange(budget.PromptRows(4), 120, 121);
    }

    [Fact]
    public void PromptRows_BeforeAnythingIsKnownOrWithAFullStep_AreFew()
    {
        var budget = new StepBudget();
        Assert.Equal(StepBudget.LeastPromptRows, budget.PromptRows(1));
        Assert.Equal(3, budget.PromptRows(StepBudget.MaxRows - 3));
        Assert.Equal(0, budget.PromptRows(StepBudget.MaxRows));
        Assert.Equal(0, budget.PromptRows(StepBudget.MaxRows + 1));
        budget.Ran(1, TimeSpan.Zero);
        Assert.Equal(StepBudget.MaxRows - 1, budget.PromptRows(1));
    }
}
