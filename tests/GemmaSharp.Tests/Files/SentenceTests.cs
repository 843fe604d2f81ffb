using GemmaSharp.Files;

namespace GemmaSharp.Tests.Files;

/// <summary>What messages quote reaches nobody's terminal as it is.</summary>
public class SentenceTests
{
    [Theory]
    [InlineData("It is fine; go on.", "It is fine; go on.")]
    [InlineData("Grüße 😀 ▁ — „x“", "Grüße 😀 ▁ — „x“")]
    [InlineData("one\r\ntwo\nthree\rfour\u2028five\u0085six", "one two three four five six")]
    [InlineData("\u001b[31mred\u001b]0;title\u0007", "\u241b[31mred\u241b]0;title\u2407")]
    [InlineData("a\0b\tc\u007fd\u009be", "a\u2400b\u2409c\u2421d\uFFFDe")]
    [InlineData("a\u202eb\u2066c\u2069", "a\uFFFDb\uFFFDc\uFFFD")]
    public void Of_Text_IsOneLineOfVisibleCharacters(string text, string expected) => Assert.Equal(expected, Sentence.Of(text));

    [Fact]
    public void Of_TextWithNothingToChange_IsTheSameObject()
    {
        string text = new('a', Sentence.Longest);
        Assert.Same(text, Sentence.Of(text));
    }

    [Fact]
    public void Of_EndlessText_KeepsBeginningAndEnd()
    {
        string shown = Sentence.Of("found " + new string('x', 100_000) + "; the way out.");
        Assert.StartsWith("found xxx", shown, StringComparison.Ordinal);
        Assert.EndsWith("; the way out.", shown, StringComparison.Ordinal);
        Assert.InRange(shown.Length, Sentence.Longest - 10, Sentence.Longest + 10);
    }

    [Fact]
    public void Of_EndlessText_CutsNoCharacterInTwo()
    {
        // Pairs at every place of the two cuts, whichever half these would meet.
        for (int before = 0; before < 2; before++)
        {
            string text = new string('a', before) + string.Concat(Enumerable.Repeat("😀", 5_000));
            string shown = Sentence.Of(text);
            for (int i = 0; i < shown.Length; i++)
            {
                Assert.True(!char.IsHighSurrogate(shown[i]) || (i + 1 < shown.Length && char.IsLowSurrogate(shown[i + 1])));
                Assert.True(!char.IsLowSurrogate(shown[i]) || (i > 0 && char.IsHighSurrogate(shown[i - 1])));
            }
        }
    }

    [Fact]
    public void Exceptions_AndFindings_HaveVisibleText()
    {
        const string Text = "it is \"\u001b[2J\n\"; write it anew.";
        const string Expected = "it is \"\u241b[2J \"; write it anew.";
        Assert.Equal(Expected, new TokenizerException(Text).Message);
        Assert.Equal("config.json: " + Expected, new ConfigurationException("config.json", "$", Text).Message);
        Assert.Equal(Expected, new ConstraintException("No.", new ConstraintProblem("/a", "type", Text)).Problems[0].Message);
        var finding = new Finding
        {
            Kind = FindingKind.WrongSetting,
            Severity = Severity.Error,
            Tensor = "a",
            ModulePath = "a",
            ModuleType = "A",
            Problem = Text,
            Repair = Text,
        };
        Assert.Equal((Expected, Expected), (finding.Problem, finding.Repair));
    }
}
