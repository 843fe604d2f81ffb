namespace GemmaSharp.Cli.Tests.CommandLine;

public class InterruptsTests
{
    [Fact]
    public void Raise_NothingRunning_EndsTheProgram() => Assert.False(new Interrupts().Raise());

    [Fact]
    public void Raise_First_StopsTheWorkAndSecond_EndsTheProgram()
    {
        var interrupts = new Interrupts();
        using Interrupts.Scope scope = interrupts.Begin();
        Assert.True(interrupts.Raise());
        Assert.True(scope.Token.IsCancellationRequested);
        Assert.False(interrupts.Raise());
    }

    [Fact]
    public void Raise_AfterTheWork_EndsTheProgram()
    {
        var interrupts = new Interrupts();
        interrupts.Begin().Dispose();
        Assert.False(interrupts.Raise());
        using Interrupts.Scope next = interrupts.Begin();
        Assert.True(interrupts.Raise());
    }
}
