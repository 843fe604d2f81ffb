namespace GemmaSharp.Tests;

/// <summary>Requests that hold one question in the place of a list of messages, and what other programs keep beside the content.</summary>
public sealed class ConversationQuestionTests
{
    [Theory]
    [InlineData("""{"model":"x","input":"What is 8 + 9?","instructions":"Be brief."}""", "system,user")]
    [InlineData("""{"contents":{"parts":[{"text":"What is 8 + 9?"}]}}""", "user")]
    [InlineData("""{"contents":{"role":"user","parts":[{"text":"What is 8 + 9?"}]}}""", "user")]
    public void Parse_OneQuestion_IsAMessage(string json, string roles)
    {
        IReadOnlyList<ChatMessage> messages = ConversationFile.Parse(System.Text.Encoding.UTF8.GetBytes(json), "a.json", ".");
        Assert.Equal(roles, string.Join(',', messages.Select(message => message.Role)));
        Assert.Equal("What is 8 + 9?", string.Concat(messages[^1].Parts.OfType<TextPart>().Select(part => part.Text)));
    }

    [Fact]
    public void Parse_Refusal_IsWhatWasSaid()
    {
        IReadOnlyList<ChatMessage> messages = ConversationFile.Parse(
            """[{"role":"user","content":"a"},{"role":"assistant","content":null,"refusal":"I cannot."}]"""u8.ToArray(), "a.json", ".");
        Assert.Equal("I cannot.", Assert.IsType<TextPart>(Assert.Single(messages[1].Parts)).Text);
    }

    [Fact]
    public void Parse_FilesBesideTheContent_AreRefusedByName()
    {
        var error = Assert.Throws<ChatMessageException>(() => ConversationFile.Parse(
            """[{"role":"user","content":"a","extra":[{"type":"textFile","content":"secret"}]}]"""u8.ToArray(), "a.json", "."));
        Assert.Contains("$[0].extra is not read here", error.Message, StringComparison.Ordinal);
    }
}
