using System.Text;
using GemmaSharp.Files;

namespace GemmaSharp.Tests.Files;

public sealed class EncodedTextTests
{
    const string Text = "naïve café 👋\n";

    public static TheoryData<byte[]> Encoded => new(
        Encoding.UTF8.GetBytes(Text), [.. Encoding.UTF8.GetPreamble(), .. Encoding.UTF8.GetBytes(Text)],
        [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(Text)], [.. Encoding.BigEndianUnicode.GetPreamble(), .. Encoding.BigEndianUnicode.GetBytes(Text)],
        [.. Encoding.UTF32.GetPreamble(), .. Encoding.UTF32.GetBytes(Text)], [0, 0, 0xFE, 0xFF, .. new UTF32Encoding(true, false).GetBytes(Text)]);

    [Theory]
    [MemberData(nameof(Encoded))]
    public void Decode_AnyEncoding_IsTheText(byte[] bytes)
    {
        Assert.Equal(Text, EncodedText.Decode(bytes));
        Assert.Equal(Encoding.UTF8.GetBytes(Text), EncodedText.ToUtf8(bytes).ToArray());
    }

    [Fact]
    public void Decode_Utf16WithoutAMark_IsKnownByItsZeros()
    {
        Assert.Equal("plain text", EncodedText.Decode(Encoding.Unicode.GetBytes("plain text")));
        Assert.Equal("plain text", EncodedText.Decode(Encoding.BigEndianUnicode.GetBytes("plain text")));
    }

    [Theory]
    [InlineData(new byte[] { (byte)'n', (byte)'a', 0xEF, (byte)'v', (byte)'e' })]
    [InlineData(new byte[] { 0x89, (byte)'P', (byte)'N', (byte)'G' })]
    [InlineData(new byte[] { 0xFF, 0xFE, 0x3D, 0xD8 })]
    [InlineData(new byte[] { 0xFF, 0xFE, 0, 0, 0, 0, 0, 0x7F })]
    public void Decode_WhatIsNoText_IsRefused(byte[] bytes) => Assert.Throws<DecoderFallbackException>(() => EncodedText.Decode(bytes));

    [Fact]
    public void Decode_Nothing_IsEmpty() => Assert.Equal("", EncodedText.Decode([]));
}
