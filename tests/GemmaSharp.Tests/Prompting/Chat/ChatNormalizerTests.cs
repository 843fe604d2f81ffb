using CsCheck;
using GemmaSharp.Prompting.Chat;

namespace GemmaSharp.Tests.Prompting.Chat;

public sealed class ChatNormalizerTests
{
    static readonly Gen<ChatMessage> s_messages = Gen.Select(
        Any("user", "assistant", "system", "developer", "tool", "model", "function"),
        Any("", "hello", " hi ", "two words"),
        Gen.Bool,
        (role, text, plain) => plain ? new ChatMessage(role, text) : new ChatMessage(role, [new TextPart(text), new ImagePart(null, "p.png"), new TextPart("and")]));

    [Fact]
    public void Conversation_OfAnyRoles_AlternatesAfterwards() => s_messages.List[1, 12].Sample(messages =>
    {
        IReadOnlyList<ChatMessage> result = GemmaModel.Normalize(messages);
        ChatMessage[] turns = [.. result.SkipWhile(message => message.Role == ChatMessage.SystemRole)];
        Assert.InRange(result.Count - turns.Length, 0, 1);
        Assert.All(turns, (message, i) => Assert.Equal(i % 2 == 0 ? "user" : "assistant", message.Role));

        // Nothing is lost: every picture is there, and every text in its order.
        Assert.Equal(messages.Sum(Pictures), result.Sum(Pictures));
        Assert.All(messages.SelectMany(message => message.Parts.OfType<TextPart>()), part => Assert.Contains(part.Text.Trim(), All(result), StringComparison.Ordinal));
        Assert.NotEmpty(ChatTemplate.RenderText(result, addGenerationPrompt: true));
    });

    [Fact]
    public void Normalizing_Twice_ChangesNothing() => s_messages.List[1, 12].Sample(messages =>
    {
        IReadOnlyList<ChatMessage> once = GemmaModel.Normalize(messages), twice = GemmaModel.Normalize(once);
        Assert.Equal(once.Count, twice.Count);
        Assert.All(once.Zip(twice), pair => Assert.Same(pair.First, pair.Second));
    });

    [Fact]
    public void Conversation_InForm_StaysTheSameObjects()
    {
        ChatMessage[] messages = [ChatMessage.System("Be brief."), ChatMessage.User("Hi"), ChatMessage.Assistant("Hello"), ChatMessage.User(new TextPart("And?"))];
        Assert.All(messages.Zip(GemmaModel.Normalize(messages)), pair => Assert.Same(pair.First, pair.Second));
    }

    [Fact]
    public void SystemTexts_AreJoinedInFront_AndLaterOnesStayInPlace()
    {
        IReadOnlyList<ChatMessage> result = GemmaModel.Normalize(
        [
            ChatMessage.System("One."), new ChatMessage("developer", [new TextPart("Two."), new TextPart("Three.")]), ChatMessage.User("Hi"), ChatMessage.System("Now French."),
        ]);
        Assert.Equal(["One.\n\nTwo.\n\nThree.", "Hi\n\nNow French."], result.Select(message => message.Text));
        Assert.Equal(["system", "user"], result.Select(message => message.Role));
    }

    [Fact]
    public void SystemAlone_GetsAnEmptyQuestion()
    {
        IReadOnlyList<ChatMessage> result = GemmaModel.Normalize([ChatMessage.System("Greet.")]);
        Assert.Equal([("system", "Greet."), ("user", "")], result.Select(message => (message.Role, message.Text)));
        Assert.Contains("Greet.", ChatTemplate.RenderText(result), StringComparison.Ordinal);
    }

    [Fact]
    public void AnswerFirst_GetsAnEmptyQuestion() =>
        Assert.Equal([("user", ""), ("assistant", "Hi!"), ("user", "Hello")],
            GemmaModel.Normalize([ChatMessage.Assistant("Hi!"), ChatMessage.User("Hello")]).Select(message => (message.Role, message.Text)));

    [Fact]
    public void Neighbours_AreJoined_PicturesInTheirPlaces()
    {
        IReadOnlyList<ChatMessage> result = GemmaModel.Normalize(
            [ChatMessage.User("a"), ChatMessage.User(new ImagePart(null, "x.png"), new TextPart("b")), ChatMessage.User(""), ChatMessage.User("c")]);
        ChatMessage only = Assert.Single(result);
        Assert.Equal([typeof(TextPart), typeof(ImagePart), typeof(TextPart)], only.Parts.Select(part => part.GetType()));
        Assert.Equal("b\n\nc", ((TextPart)only.Parts[2]).Text);
    }

    [Fact]
    public void CallsAndResults_BecomeTurns_InTheOrderOfTheCalls()
    {
        ToolCall first = new("c1", "weather", """{"city":"Lima"}"""), second = new("c2", "now", "{}");
        IReadOnlyList<ChatMessage> result = GemmaModel.Normalize(
        [
            ChatMessage.User("Well?"),
            new ChatMessage("assistant", [new ToolCallPart(first), new ToolCallPart(second)]),
            new ChatMessage("tool", [new ToolResultPart("c2", null, "12:00"), new ToolResultPart("c1", null, """{"rain":true}""")]),
            ChatMessage.User("Thanks."),
        ]);
        Assert.Equal(["user", "assistant", "user"], result.Select(message => message.Role));
        Assert.Equal("""[{"name":"weather","parameters":{"city":"Lima"}},{"name":"now","parameters":{}}]""", result[1].Text);
        Assert.Equal("""
            <tool_response>
            {"name":"weather","result":{"rain":true}}
            </tool_response>
            <tool_response>
            {"name":"now","result":"12:00"}
            </tool_response>

            Thanks.
            """, result[2].Text);
    }

    [Fact]
    public void Result_OfAnUnknownCall_IsRefused() => Assert.Contains("c9", Assert.Throws<ChatMessageException>(() => GemmaModel.Normalize(
        [ChatMessage.User("?"), new ChatMessage("tool", [new ToolResultPart("c9", null, "x")])])).Message, StringComparison.Ordinal);

    [Fact]
    public void Role_Unknown_IsRefused() =>
        Assert.Contains("narrator", Assert.Throws<ChatMessageException>(() => GemmaModel.Normalize([new ChatMessage("narrator", "x")])).Message, StringComparison.Ordinal);

    static int Pictures(ChatMessage message) => message.Parts.OfType<ImagePart>().Count();

    static string All(IReadOnlyList<ChatMessage> messages) => string.Concat(messages.Select(message => message.Text));

    static Gen<string> Any(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
