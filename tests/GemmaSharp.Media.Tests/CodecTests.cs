
namespace GemmaSharp.Media.Tests;

/// <summary>Every codec against the formula that the fixtures were made from; see <c>Fixtures/make.sh</c>.</summary>
public class CodecTests
{
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    /// <summary>The channel mean at a time in seconds.</summary>
    internal static double Signal(double t, bool isStereo)
    {
        double left = (0.25 * Math.Sin(2 * Math.PI * 440 * t)) + (0.2 * Math.Sin((2 * Math.PI * 1234.5 * t) + 0.7)) + (0.1 * Math.Sin((2 * Math.PI * 2750 * t) + 1.9));
        double right = (0.2 * Math.Sin((2 * Math.PI * 300 * t) + 0.3)) + (0.25 * Math.Sin((2 * Math.PI * 987.6 * t) + 1.1));
        return isStereo ? (left + right) / 2 : left;
    }

    /// <summary>Root mean square of the difference from the formula, away from the ends.</summary>
    internal static double Error(float[] samples, bool isStereo, int skip = 320)
    {
        double sum = 0;
        for (int i = skip; i < samples.Length - skip; i++)
        {
            sum += Math.Pow(samples[i] - Signal(i / 16000.0, isStereo), 2);
        }

        return Math.Sqrt(sum / (samples.Length - (2 * skip)));
    }

    /// <summary>Lossless formats to the rounding of 16 bits, the others to what their bitrate leaves.</summary>
    [Theory]
    [InlineData("mono.flac", 8000, 2e-5)]
    [InlineData("mono-24bit.flac", 8000, 1e-7)]
    [InlineData("stereo.flac", 1600, 2e-5)]
    [InlineData("stereo-fixed-small-blocks.flac", 1600, 2e-5)]
    [InlineData("stereo.aiff", 1600, 2e-5)]
    [InlineData("float.aiff", 800, 2e-5)]
    [InlineData("rf64.wav", 1600, 2e-5)]
    [InlineData("piped.wav", 1600, 2e-5)]
    [InlineData("a-law.wav", 8000, 5e-3)]
    [InlineData("mu-law.wav", 8000, 5e-3)]
    [InlineData("mu-law.aifc", 8000, 5e-3)]
    [InlineData("stereo.mp3", 8000, 1e-2)]
    [InlineData("vbr-id3.mp3", 8000, 1e-2)]
    [InlineData("mono.mp3", 8000, 2e-2)]
    [InlineData("stereo.opus", 8000, 1e-2)]
    [InlineData("mono.opus", 8000, 1e-2)]
    [InlineData("stereo.ogg", 8000, 1e-2)]
    [InlineData("mono.ogg", 8000, 2e-2)]
    public void Read_Fixture_IsTheSignalInTimeAndLevel(string name, int samples, double allowed)
    {
        AudioContent content = AudioReader.Read(TestFiles.Fixture(name), s_options);
        AudioClip clip = Assert.Single(content.Clips);
        Assert.Empty(content.Notices);
        Assert.Equal(16000, clip.SampleRate);
        Assert.Equal(samples, clip.Samples.Length);
        bool isStereo = !name.StartsWith("mono", StringComparison.Ordinal) && !name.Contains("law", StringComparison.Ordinal);
        double error = Error(clip.Samples, isStereo, Math.Min(320, samples / 5));
        Assert.True(error < allowed, $"{name}: {error}");
    }

    /// <summary>Without the tag nobody knows the lead-in; everything is there, later.</summary>
    [Fact]
    public void Read_Mp3WithoutTag_KeepsEverySample()
    {
        float[] samples = AudioReader.Read(TestFiles.Fixture("mono-no-tag.mp3"), s_options).Clips[0].Samples;
        Assert.InRange(samples.Length, 8000 + 1105, 8000 + 1105 + 1152);
        double[] errors = [.. Enumerable.Range(1000, 300).Select(offset => Error(samples[offset..(offset + 2500)], false))];
        Assert.True(errors.Min() < 2e-2, $"{errors.Min()}");
    }

    [Theory]
    [InlineData("mono.flac")]
    [InlineData("stereo.opus")]
    [InlineData("stereo.mp3")]
    [InlineData("stereo.ogg")]
    [InlineData("rf64.wav")]
    public void Read_PathStreamAndMemory_GiveTheSame(string name)
    {
        string path = TestFiles.Fixture(name);
        byte[] bytes = File.ReadAllBytes(path);
        using MemoryStream stream = new(bytes);
        float[] expected = AudioReader.Read(path, s_options).Clips[0].Samples;
        Assert.Equal(expected, AudioReader.Read(bytes, name, s_options).Clips[0].Samples);
        Assert.Equal(expected, AudioReader.Read(stream, name, s_options).Clips[0].Samples);
        Assert.Equal(expected, AudioReader.ReadDataUrl("data:audio/x;base64," + Convert.ToBase64String(bytes), s_options).Clips[0].Samples);
    }

    [Fact]
    public void Read_Id3BeforeFlac_IsSteppedOver()
    {
        byte[] flac = File.ReadAllBytes(TestFiles.Fixture("mono.flac"));
        byte[] tagged = [.. "ID3\u0004\0\0"u8, 0, 0, 1, 2, .. new byte[130], .. flac];
        Assert.Equal(AudioReader.Read(flac).Clips[0].Samples, AudioReader.Read(tagged).Clips[0].Samples);
    }

    [Fact]
    public void Read_FlacWithADamagedFrame_KeepsTheTimeOfTheRest()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("stereo-fixed-small-blocks.flac"));
        bytes[bytes.Length / 2] ^= 0x10;
        AudioContent content = AudioReader.Read(bytes, "hurt.flac", s_options);
        float[] samples = content.Clips[0].Samples;
        Assert.Equal(1600, samples.Length);
        Assert.Contains("replaced by silence", Assert.Single(content.Notices), StringComparison.Ordinal);
        Assert.True(Error(samples[..600], true, 100) < 2e-5);
        for (int i = 1100; i < 1500; i++)
        {
            Assert.Equal(Signal(i / 16000.0, true), samples[i], 1e-3);
        }
    }

    [Theory]
    [InlineData("mono.flac", 8000)]
    [InlineData("mono.mp3", 8000)]
    [InlineData("long.opus", 64_000)]
    [InlineData("long.ogg", 64_000)]
    public void Read_CutFile_GivesTheBeginning(string name, int samples)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture(name));
        AudioContent whole = AudioReader.Read(bytes, name, s_options);
        AudioContent cut = AudioReader.Read(bytes.AsMemory(0, bytes.Length * 7 / 10), name, s_options);
        Assert.Equal(samples, whole.Clips[0].Samples.Length);
        int count = cut.Clips[0].Samples.Length;
        Assert.InRange(count, samples / 4, samples * 9 / 10);
        Assert.True(Error(cut.Clips[0].Samples, false) < 3e-2, $"{Error(cut.Clips[0].Samples, false)}");

        // The last block of a transform codec lacks the half of the next one that it overlaps with.
        Assert.All(cut.Clips[0].Samples.AsSpan(0, count - 1200).ToArray().Zip(whole.Clips[0].Samples), pair => Assert.Equal(pair.Second, pair.First, 1e-4f));
    }

    [Theory]
    [InlineData("mono.flac")]
    [InlineData("mono.opus")]
    [InlineData("mono.ogg")]
    [InlineData("mono.mp3")]
    public void Read_NothingButTheHead_SaysThatNothingCanBeDecoded(string name)
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture(name));
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(bytes.AsMemory(0, 100), name, s_options));
        Assert.Contains("copy or download the file again", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A decoder of the whole family must not be led by the numbers in a header.</summary>
    [Fact]
    public void Read_FlacWhoseHeaderPromisesDays_IsRefusedAtOnce()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("mono.flac"));
        bytes.AsSpan(8 + 14, 4).Fill(0xFF);
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(bytes, "long.flac", s_options));
        Assert.Contains("are allowed", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rgb.png", "PNG picture")]
    [InlineData("lossy.webp", "WebP picture")]
    public void Read_Picture_SaysThatItIsOne(string name, string expected)
    {
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(TestFiles.Golden("images", name)));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains("WAV, MP3, FLAC, Ogg or AIFF", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingFile_SaysSo() =>
        Assert.Contains("does not exist", Assert.Throws<MediaException>(() => AudioReader.Read("/no/such/sound.wav")).Message, StringComparison.Ordinal);
}
