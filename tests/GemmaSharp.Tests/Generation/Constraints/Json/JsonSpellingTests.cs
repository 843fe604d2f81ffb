using System.Text;
using System.Text.Json;
using CsCheck;
using GemmaSharp.Generation.Constraints.Json;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

public sealed class JsonSpellingTests
{
    static readonly Gen<string> s_text = Gen.Int[0, 0x10FFFF].Where(Rune.IsValid).Select(value => new Rune(value).ToString()).Array[0, 6].Select(string.Concat);

    [Fact]
    public void Spell_AnyText_IsReadBack() =>
        s_text.Sample(text => JsonSerializer.Deserialize<string>($"\"{JsonSpelling.Spell(text)}\"") == text, iter: 5000);

    [Fact]
    public void Value_OfAnyText_MayBeSpelledInEveryWay() =>
        Gen.Select(s_text, s_text).Sample((text, other) =>
        {
            // A text is told by not being another: every one of its spellings has to know that.
            string schema = $"{{\"type\":\"string\",\"not\":{{\"const\":\"{JsonSpelling.Spell(text)}\"}}}}";
            string escaped = string.Concat(text.Select(c => $"\\u{(int)c:X4}")), lower = string.Concat(text.Select(c => $"\\u{(int)c:x4}"));
            Assert.All((string[])[escaped, lower, JsonSpelling.Spell(text)], way => Assert.False(JsonText.Accepts(schema, $"\"{way}\""), way));
            Assert.Equal(text != other, JsonText.Accepts(schema, JsonSerializer.Serialize(other)));
        }, iter: 150);

    [Theory]
    [InlineData("\"\\ud83d\"")]
    [InlineData("\"\\ude00\"")]
    [InlineData("\"\\ud83dx\"")]
    [InlineData("\"\\x41\"")]
    [InlineData("\"\\u12g4\"")]
    [InlineData("\"\u0001\"")]
    public void Text_ThatIsNoJson_IsNotAccepted(string text) => Assert.False(JsonText.Accepts("""{"type":"string"}""", text));
}
