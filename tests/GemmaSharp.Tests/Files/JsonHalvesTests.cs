using System.Text;
using GemmaSharp.Configuration;
using GemmaSharp.Files;

namespace GemmaSharp.Tests.Files;

/// <summary>Texts in JSON that are no characters.</summary>
public class JsonHalvesTests
{
    [Theory]
    [InlineData("""{"a":"\ud83d\ude00"}""", null)]
    [InlineData("""{"a":"\\ud800"}""", null)]
    [InlineData("""{"a":1}""", null)]
    [InlineData("""{"a":"\ud800"}""", 5L)]
    [InlineData("""{"a":["x","\uDC00x"]}""", 10L)]
    [InlineData("""{"\ud800":1}""", 1L)]
    public void Find_Text_GivesItsPlace(string json, long? expected) => Assert.Equal(expected, JsonHalves.Find(Encoding.UTF8.GetBytes(json), default));

    [Theory]
    [InlineData("""{"model_type":"\ud800"}""", "half of a surrogate pair")]
    [InlineData("""{"\udc00":1}""", "half of a surrogate pair")]
    public void Parse_HalfACharacter_IsRefusedWithItsFile(string json, string expected)
    {
        ConfigurationException error = Assert.Throws<ConfigurationException>(() => ConfigFile.Parse(Encoding.UTF8.GetBytes(json), "config.json"));
        Assert.Equal("config.json", error.File);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_BytesThatAreNoUtf8_AreRefusedWithTheirFile() =>
        Assert.Contains("no UTF-8", Assert.Throws<ConfigurationException>(() => ConfigFile.Parse((byte[])[.. "{\"a\":\""u8, 0xFF, .. "\"}"u8], "config.json")).Message, StringComparison.Ordinal);
}
