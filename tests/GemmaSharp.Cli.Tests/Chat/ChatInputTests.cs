using GemmaSharp.Cli.Chat;

namespace GemmaSharp.Cli.Tests.Chat;

public sealed class ChatInputTests
{
    const string Begin = "\u001b[200~", End = "\u001b[201~";

    [Theory]
    [InlineData("What is\n8 + 9?\n", "What is", "8 + 9?")]
    [InlineData("What is \\\n8 + 9?\nnext\n", "What is \n8 + 9?", "next")]
    [InlineData("C:\\\\\nnext\n", "C:\\", "next")]
    [InlineData("\"\"\"\nWhat is\n\n8 + 9?\n\"\"\"\nnext\n", "What is\n\n8 + 9?", "next")]
    [InlineData("\"\"\"one line\"\"\"\nnext\n", "one line", "next")]
    [InlineData("  \"\"\"a\nb\"\"\"  \nnext\n", "a\nb", "next")]
    [InlineData("\"\"\"\n/etc is a folder\\\n\"\"\"\n", "/etc is a folder\\")]
    [InlineData("\"\"\"\nno end", "no end")]
    [InlineData("no end\\", "no end")]
    [InlineData("\"\"\"\"\"\"\nnext\n", "", "next")]
    [InlineData($"{Begin}one\ntwo\n\nthree{End} more\nnext\n", "one\ntwo\n\nthree more", "next")]
    [InlineData($"see {Begin}one line{End}\nnext\n", "see one line", "next")]
    [InlineData($"{Begin}/usr\n/bin{End}\n", "/usr\n/bin")]
    [InlineData($"{Begin}a\nb{End}{Begin}c\nd{End}\n", "a\nbc\nd")]
    [InlineData($"\"\"\"\n{Begin}x = \"\"\"\ny\n{End}\n\"\"\"\nnext\n", "x = \"\"\"\ny", "next")]
    public async Task Lines_BecomeMessages(string input, params string[] messages)
    {
        var read = new ChatInput(new StringReader(input), () => { });
        var found = new List<ChatLine>();
        while (await read.ReadAsync() is ChatLine line)
        {
            found.Add(line);
        }

        Assert.All(found, line => Assert.Null(line.Command));
        Assert.Equal(messages, found.Select(line => line.Text));
    }

    [Fact]
    public async Task Commands_StayCommands_AlsoOverTwoLines()
    {
        int continued = 0;
        var read = new ChatInput(new StringReader("/system Be brief \\\nand kind.\n/help\n"), () => continued++);
        Assert.Equal(new ChatLine("system", "Be brief \nand kind."), await read.ReadAsync());
        Assert.Equal(new ChatLine("help", ""), await read.ReadAsync());
        Assert.Null(await read.ReadAsync());
        Assert.Equal(1, continued);
    }
}
