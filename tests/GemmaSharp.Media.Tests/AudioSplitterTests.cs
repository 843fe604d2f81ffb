using System.Globalization;
using CsCheck;

namespace GemmaSharp.Media.Tests;

public class AudioSplitterTests
{
    const int Rate = 16000;

    /// <summary>Noise with silences of 0.4 s around the given seconds.</summary>
    static AudioClip Speech(double seconds, params double[] silences)
    {
        Random random = new(1);
        float[] samples = new float[(int)(seconds * Rate)];
        for (int i = 0; i < samples.Length; i++)
        {
            bool isSilent = silences.Any(silence => Math.Abs((i / (double)Rate) - silence) < 0.2);
            samples[i] = isSilent ? 0 : (random.NextSingle() - 0.5f);
        }

        return new AudioClip(samples, Rate);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(480_000)]
    public void Split_UpToThirtySeconds_IsLeftAlone(int samples)
    {
        AudioClip clip = new(new float[samples], Rate);
        AudioContent content = AudioSplitter.Split(new AudioContent([clip], []));
        Assert.Same(clip, Assert.Single(content.Clips));
        Assert.Empty(content.Notices);
    }

    [Fact]
    public void Split_Pauses_AreWhereItCuts()
    {
        AudioContent content = AudioSplitter.Split(new AudioContent([Speech(75, 12, 26, 29.9, 50, 65)], ["before"]), "talk.wav");
        double[] ends = [.. content.Clips.Select(clip => clip.Duration.TotalSeconds)];
        Assert.Equal(3, ends.Length);
        Assert.Equal(29.9, ends[0], 0.2);
        Assert.Equal(50, ends[0] + ends[1], 0.2);
        Assert.Equal("before", content.Notices[0]);
        string cuts = string.Create(CultureInfo.InvariantCulture, $"{ends[0]:0.00} s, {ends[0] + ends[1]:0.00} s");
        Assert.Equal($"talk.wav is 75 s long and a clip holds 30 s, so it was cut at quiet places into 3 clips: at {cuts}.", content.Notices[1]);
    }

    [Fact]
    public void Split_AnySound_KeepsEverySampleInClipsThatFit() =>
        Gen.Int[480_001, 2_400_000].Sample(
            length =>
            {
                AudioClip clip = new(new float[length], Rate);
                clip.Samples[length / 2] = 1;
                IReadOnlyList<AudioClip> parts = AudioSplitter.Split(clip);
                return parts.Sum(part => part.Samples.Length) == length
                    && parts.All(part => part.Samples.Length is >= Rate and <= 480_000)
                    && parts.SelectMany(part => part.Samples).ElementAt(length / 2) == 1;
            },
            iter: 12);

    [Fact]
    public void Split_JustOverThirtySeconds_LeavesNoSplinter()
    {
        IReadOnlyList<AudioClip> parts = AudioSplitter.Split(new AudioClip(new float[480_001], Rate));
        Assert.Equal(2, parts.Count);
        Assert.All(parts, part => Assert.True(part.Samples.Length >= Rate));
    }

    [Fact]
    public void Window_InsideTheSound_IsThatPiece()
    {
        AudioClip clip = new([.. Enumerable.Range(0, 32_000).Select(i => (float)i)], Rate);
        AudioClip piece = AudioSplitter.Window(clip, new AudioWindow(TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1)));
        Assert.Equal(clip.Samples[8000..24_000], piece.Samples);
        Assert.Equal(8000, AudioSplitter.Window(clip, new AudioWindow(TimeSpan.FromSeconds(1.5), TimeSpan.FromHours(1))).Samples.Length);
    }

    [Theory]
    [InlineData(2.0, 1.0)]
    [InlineData(-0.1, 1.0)]
    [InlineData(0.0, 0.0)]
    [InlineData(0.0, -1.0)]
    [InlineData(1e9, 1e9)]
    public void Window_OutsideTheSound_GivesBothNumbers(double start, double length)
    {
        AudioClip clip = new(new float[32_000], Rate);
        MediaException error = Assert.Throws<MediaException>(
            () => AudioSplitter.Window(clip, new AudioWindow(TimeSpan.FromSeconds(start), TimeSpan.FromSeconds(length)), "a.wav"));
        Assert.Contains("a.wav, which is 2 s long", error.Message, StringComparison.Ordinal);
    }
}
