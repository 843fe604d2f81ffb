using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Tests.Output;

public class AnswerWriterTests
{
    [Theory]
    [InlineData("plain\n\ttext 👋", "plain\n\ttext 👋")]
    [InlineData("\u001B]0;title\u0007", "␛]0;title␇")]
    [InlineData("a\u009Bb\u007F", "a\uFFFDb\uFFFD")]
    public void Visible_ControlCharacters_AreShownAndNotObeyed(string text, string shown) => Assert.Equal(shown, AnswerWriter.Visible(text));

    [Fact]
    public void Write_ThroughAPipe_ChangesNothing()
    {
        using var console = new TestConsole();
        var writer = new AnswerWriter(console.Console);
        writer.Write("a\u001B");
        writer.End();
        Assert.Equal("a\u001B\n", console.Output);
    }

    [Fact]
    public void End_AnswerThatEndsWithALineBreak_AddsNone()
    {
        using var console = new TestConsole(terminal: true);
        var writer = new AnswerWriter(console.Console);
        writer.Write("a\n");
        writer.End();
        Assert.Equal("a\n", console.Output);
    }
}
