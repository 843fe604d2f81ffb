using GemmaSharp.Cli.Chat;

namespace GemmaSharp.Cli.Tests.Chat;

public class ChatLineTests
{
    [Theory]
    [InlineData("hello", null, "hello")]
    [InlineData("  hello  ", null, "hello")]
    [InlineData("/help", "help", "")]
    [InlineData("/IMAGE  cat.jpg ", "image", "cat.jpg")]
    [InlineData("/system\tBe brief.", "system", "Be brief.")]
    [InlineData("//etc/passwd is a file", null, "/etc/passwd is a file")]
    [InlineData("/", "", "")]
    public void Parse_Line_IsAMessageOrACommand(string line, string? command, string text) =>
        Assert.Equal(new ChatLine(command, text), ChatLine.Parse(line));

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("cat.jpg", new[] { "cat.jpg" })]
    [InlineData("cat.jpg dog.jpg", new[] { "cat.jpg", "dog.jpg" })]
    [InlineData("\"my cat.jpg\" 'my dog.jpg'", new[] { "my cat.jpg", "my dog.jpg" })]
    [InlineData(@"my\ cat.jpg", new[] { "my cat.jpg" })]
    [InlineData(@"C:\pictures\cat.jpg", new[] { @"C:\pictures\cat.jpg" })]
    [InlineData("\"it's.jpg\"", new[] { "it's.jpg" })]
    [InlineData("\"never closed.jpg", new[] { "never closed.jpg" })]
    [InlineData("\"\"", new[] { "" })]
    public void Files_Text_IsSplitAsAShellWould(string text, string[] files) =>
        Assert.Equal(files, ChatLine.Files(text, _ => false));

    [Fact]
    public void Files_PathWithSpacesThatExists_NeedsNoQuotes() =>
        Assert.Equal(["my cat.jpg"], ChatLine.Files("my cat.jpg", file => file == "my cat.jpg"));
}
