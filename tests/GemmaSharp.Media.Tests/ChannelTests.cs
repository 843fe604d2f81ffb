namespace GemmaSharp.Media.Tests;

/// <summary>What becomes of several channels.</summary>
public class ChannelTests
{
    const int Rate = 16000;
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    static double Voice(int i) => 0.3 * Math.Sin(i * 0.2) * (1 + Math.Sin(i * 0.001));

    static AudioContent Read(int channels, Func<int, int, double> value, int rate = Rate)
    {
        byte[] data = [.. Enumerable.Range(0, 3 * rate * channels).SelectMany(i => BitConverter.GetBytes((float)value(i / channels, i % channels)))];
        return AudioReader.Read(WavFile.Write(3, 32, channels, rate, data), "two.wav", s_options);
    }

    static void IsVoice(AudioContent content, double factor)
    {
        float[] samples = content.Clips[0].Samples;
        Assert.Equal(3 * Rate, samples.Length);
        for (int i = 0; i < samples.Length; i += 7)
        {
            Assert.Equal(factor * Voice(i), samples[i], 1e-5);
        }
    }

    [Fact]
    public void Read_ChannelsThatCancel_GivesOneOfThemWithANotice()
    {
        AudioContent content = Read(2, (i, channel) => channel == 0 ? Voice(i) : -Voice(i));
        IsVoice(content, 1);
        Assert.Equal("two.wav: its channels cancel each other when they are mixed, so channel 1 alone was used.", Assert.Single(content.Notices));
    }

    [Fact]
    public void Read_ChannelsThatNearlyCancel_GivesTheLouder()
    {
        AudioContent content = Read(2, (i, channel) => channel == 0 ? -0.8 * Voice(i) : Voice(i));
        IsVoice(content, 1);
        Assert.Contains("channel 2 alone", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    /// <summary>A constant and mains hum are in both channels alike and stay in the mean; the voice does not.</summary>
    [Fact]
    public void Read_CommonHum_DoesNotHideThatTheVoiceCancels()
    {
        static double Hum(int i) => 0.1 + (0.2 * Math.Sin(i * 2 * Math.PI * 50 / Rate));
        AudioContent content = Read(2, (i, channel) => Hum(i) + (channel == 0 ? Voice(i) : -Voice(i)));
        Assert.Contains("cancel each other", Assert.Single(content.Notices), StringComparison.Ordinal);
        Assert.Equal(Hum(20_000) + Voice(20_000), content.Clips[0].Samples[20_000], 1e-5);
    }

    [Fact]
    public void Read_ThatCancelsForAWhile_IsNoticed()
    {
        AudioContent content = Read(2, (i, channel) => channel == 0 || i < Rate ? Voice(i) : -Voice(i));
        IsVoice(content, 1);
        Assert.Contains("cancel each other", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_VoiceInOneChannelOrApart_IsTheMean()
    {
        Random random = new(3);
        foreach (int channels in (int[])[2, 6, 8])
        {
            AudioContent one = Read(channels, (i, channel) => channel == channels - 1 ? Voice(i) : 0);
            IsVoice(one, 1.0 / channels);
            Assert.Empty(one.Notices);
            Assert.Empty(Read(channels, (_, _) => random.NextDouble() - 0.5).Notices);
        }

        AudioContent half = Read(2, (i, channel) => channel == 0 ? Voice(i) : -0.4 * Voice(i));
        IsVoice(half, 0.3);
        Assert.Empty(half.Notices);
        Assert.Empty(Read(2, (_, _) => 0).Notices);
    }
}
