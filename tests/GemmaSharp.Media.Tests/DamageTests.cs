
namespace GemmaSharp.Media.Tests;

public class DamageTests
{
    static readonly MediaOptions s_options = new() { MaxPixels = 4 << 20, MaxAudio = TimeSpan.FromMinutes(2), FfmpegPath = "" };

    [Theory]
    [InlineData("interlaced-odd.png")]
    [InlineData("palette.png")]
    [InlineData("exif-6.jpg")]
    [InlineData("first-frame.gif")]
    [InlineData("flat.bmp")]
    [InlineData("lossy.webp")]
    public void ReadImage_RecordedFileDamaged_IsReadOrRefused(string name) =>
        Damage.Check(File.ReadAllBytes(TestFiles.Golden("images", name)), 300, bytes => ImageReader.Read(bytes, name, s_options));

    [Theory]
    [InlineData("exif-6.png")]
    [InlineData("alpha-zero.webp")]
    [InlineData("animated.webp")]
    [InlineData("transparent.gif")]
    [InlineData("partial-transparent.gif")]
    [InlineData("one-bit.bmp")]
    public void ReadImage_FixtureDamaged_IsReadOrRefused(string name) =>
        Damage.Check(File.ReadAllBytes(TestFiles.Fixture(name)), 300, bytes => ImageReader.Read(bytes, name, s_options));

    [Theory]
    [InlineData("a-law.wav")]
    [InlineData("adpcm.wav")]
    [InlineData("rf64.wav")]
    [InlineData("piped.wav")]
    [InlineData("float.aiff")]
    [InlineData("mu-law.aifc")]
    [InlineData("mono.flac")]
    [InlineData("mono-24bit.flac")]
    [InlineData("stereo-fixed-small-blocks.flac")]
    [InlineData("mono.mp3")]
    [InlineData("stereo.mp3")]
    [InlineData("vbr-id3.mp3")]
    [InlineData("mono.opus")]
    [InlineData("stereo.opus")]
    [InlineData("mono.ogg")]
    [InlineData("stereo.ogg")]
    public void ReadAudio_FixtureDamaged_IsReadOrRefused(string name) =>
        Damage.Check(File.ReadAllBytes(TestFiles.Fixture(name)), 200, bytes =>
        {
            AudioContent content = AudioReader.Read(bytes, name, s_options);
            Assert.All(content.Clips[0].Samples, sample => Assert.True(float.IsFinite(sample)));
        });

    [Fact]
    public void ReadAudio_WavDamaged_IsReadOrRefused() =>
        Damage.Check(WavFile.Write(1, 16, 2, 44_100, new byte[4000]), 600, bytes => AudioReader.Read(bytes, "damaged.wav", s_options));

    [Fact]
    public void Read_RandomBytesBehindEverySignature_AreRefusedOrRead()
    {
        byte[][] signatures =
        [
            [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A], [0xFF, 0xD8, 0xFF], [.. "GIF89a"u8], [.. "fLaC"u8], [.. "ID3\u0004\0\0"u8], [0xFF, 0xFB, 0x90, 0x44],
            [.. "RIFF\u0010\0\0\0WEBPVP8 "u8], [.. "RIFF\u0010\0\0\0WAVEfmt "u8], [.. "OggS\0\u0002"u8], [.. "FORM\0\0\0\u0040AIFFCOMM"u8], [.. "BM"u8],
            [.. "caff\0\u0001\0\0desc\0\0\0\0\0\0\0\u0020\u0040\u00CF"u8], [.. ".snd\0\0\0\u0018"u8], [.. "riff"u8, .. new byte[36], .. "fmt "u8],
        ];
        Random random = new(5);
        foreach (byte[] signature in signatures)
        {
            for (int i = 0; i < 40; i++)
            {
                byte[] rest = new byte[random.Next(0, 3000)];
                random.NextBytes(rest);
                byte[] bytes = [.. signature, .. rest];
                Damage.Check(bytes, 1, damaged => ImageReader.Read(damaged, "random", s_options));
                Damage.Check(bytes, 1, damaged => AudioReader.Read(damaged, "random", s_options));
            }
        }
    }
}
