namespace GemmaSharp.Media.Tests;

/// <summary>Pieces of FLAC recordings: only what is there is heard, and silence stands for nothing that is not.</summary>
public class FlacCutTests
{
    static readonly MediaOptions s_options = new() { FfmpegPath = "" };

    // 4,800 samples at 48 kHz in frames of 576, 1,600 at 16 kHz.
    static readonly byte[] s_file = File.ReadAllBytes(TestFiles.Fixture("stereo-fixed-small-blocks.flac"));
    static readonly FlacStreamInfo s_info = FlacStreamInfo.Read(s_file.AsSpan(8, 34));
    static readonly int[] s_frames = Frames();

    static int[] Frames()
    {
        FlacFrame frame = new(s_info);
        List<int> starts = [];
        int at = FlacFrame.FindSync(s_file, 42);
        while (at >= 0 && frame.Decode(s_file, at, out int end) == FlacFrameResult.Good)
        {
            starts.Add(at);
            at = end < s_file.Length ? end : -1;
        }

        return [.. starts];
    }

    static byte[] Head(bool isTotalKnown)
    {
        byte[] head = s_file[..s_frames[0]];
        if (!isTotalKnown)
        {
            head[21] &= 0xF0;
            head.AsSpan(22, 4).Clear();
        }

        return head;
    }

    static float[] Whole { get; } = AudioReader.Read(s_file, "whole.flac", s_options).Clips[0].Samples;

    static int Samples(int frames) => (int)Math.Round(frames * s_info.MinBlockSize * 16000.0 / s_info.SampleRate);

    static void IsPiece(AudioContent content, int firstFrame)
    {
        // Where the rate is changed the first samples depend on those before.
        float[] samples = content.Clips[0].Samples;
        int shift = Samples(firstFrame);
        Assert.Equal(Whole.Length - shift, samples.Length);
        for (int i = 400; i < samples.Length - 100; i++)
        {
            Assert.Equal(Whole[i + shift], samples[i], 2e-3);
        }
    }

    [Theory]
    [InlineData(6, true, 0)]
    [InlineData(3, true, 0)]
    [InlineData(3, false, 0)]
    [InlineData(3, false, 20)]
    [InlineData(3, true, 20)]
    public void Read_FromAFrameOn_BeginsWithThatFrame(int first, bool isTotalKnown, int scraps)
    {
        byte[] cut = [.. Head(isTotalKnown), .. s_file[(s_frames[first] - scraps)..]];
        AudioContent content = AudioReader.Read(cut, "cut.flac", s_options);
        IsPiece(content, first);
        Assert.NotEmpty(content.Notices);
        Assert.DoesNotContain(content.Notices, notice => notice.Contains("replaced by silence", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_MissingMiddle_IsPutTogether()
    {
        byte[] cut = [.. s_file[..s_frames[2]], .. s_file[s_frames[4]..]];
        AudioContent content = AudioReader.Read(cut, "cut.flac", s_options);
        Assert.Equal(Whole.Length - Samples(2), content.Clips[0].Samples.Length);
        Assert.Contains("says", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Read_DamagedFrame_IsSilence(int frame)
    {
        byte[] hurt = [.. s_file];
        hurt[s_frames[frame] + 40] ^= 0x55;
        AudioContent content = AudioReader.Read(hurt, "hurt.flac", s_options);
        Assert.Equal(Whole.Length, content.Clips[0].Samples.Length);
        Assert.Contains("replaced by silence", Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, "says 4800 samples and holds")]
    [InlineData(false, "ends inside a frame")]
    public void Read_CutInsideTheLastFrame_IsTold(bool isTotalKnown, string expected)
    {
        byte[] cut = [.. Head(isTotalKnown), .. s_file[s_frames[0]..^30]];
        AudioContent content = AudioReader.Read(cut, "cut.flac", s_options);
        Assert.Equal(Samples(s_frames.Length - 1), content.Clips[0].Samples.Length, 1.0);
        Assert.Contains(expected, Assert.Single(content.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DamagedLastFrameOfUnknownTotal_IsTold()
    {
        byte[] hurt = [.. Head(false), .. s_file[s_frames[0]..]];
        hurt[^20] ^= 0x55;
        Assert.Contains("damaged", Assert.Single(AudioReader.Read(hurt, "hurt.flac", s_options).Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FilesOneBehindTheOther_AreAllHeard()
    {
        byte[] mono = File.ReadAllBytes(TestFiles.Fixture("mono.flac"));
        foreach (byte[] between in (byte[][])[[], [1, 2, 3]])
        {
            AudioContent content = AudioReader.Read((byte[])[.. s_file, .. between, .. mono, .. between, .. s_file], "three.flac", s_options);
            Assert.Equal((2 * Whole.Length) + 8000, content.Clips[0].Samples.Length);
            Assert.True(CodecTests.Error(content.Clips[0].Samples[Whole.Length..(Whole.Length + 8000)], false) < 2e-5);
            Assert.Empty(content.Notices);
        }
    }

    [Fact]
    public void Read_UnknownTotal_IsWhole()
    {
        AudioContent content = AudioReader.Read((byte[])[.. Head(false), .. s_file[s_frames[0]..]], "stream.flac", s_options);
        Assert.Equal(Whole, content.Clips[0].Samples);
        Assert.Empty(content.Notices);
    }
}
