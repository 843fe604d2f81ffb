using System.Diagnostics;

namespace GemmaSharp.Media.Tests;

/// <summary>Files that ffmpeg decodes and that begin or end where they should not. Skipped where there is no ffmpeg.</summary>
public sealed class CutFileTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("gemma-cut-tests").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Three seconds of a tone in a format.</summary>
    byte[] Tone(string file, params string[] arguments)
    {
        string path = Path.Combine(_folder, file);
        ProcessStartInfo start = new("ffmpeg", ["-loglevel", "error", "-f", "lavfi", "-i", "sine=400:d=3", "-ac", "1", "-ar", "16000", .. arguments, path]);
        using Process process = Process.Start(start)!;
        process.WaitForExit();
        Assert.SkipUnless(process.ExitCode == 0, "This ffmpeg does not write " + file + ".");
        return File.ReadAllBytes(path);
    }

    static double Seconds(AudioContent content) => content.Clips.Sum(clip => clip.Duration.TotalSeconds);

    [Theory]
    [InlineData("a.m4a", "-b:a", "24k", "-movflags", "+faststart")]
    [InlineData("a.webm", "-c:a", "libopus")]
    [InlineData("a.mka", "-c:a", "aac")]
    [InlineData("a.oga", "-c:a", "flac")]
    [InlineData("a.spx", "-c:a", "libspeex")]
    [InlineData("adpcm.wav", "-c:a", "adpcm_ms")]
    [InlineData("a.aac", "-c:a", "aac")]
    public void Read_CutOff_GivesTheBeginningWithANotice(string file, params string[] arguments)
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = Tone(file, arguments);
        AudioContent whole = AudioReader.Read(bytes, file);
        Assert.Empty(whole.Notices);
        Assert.Equal(3, Seconds(whole), 0.2);

        AudioContent cut = AudioReader.Read(bytes.AsMemory(0, (bytes.Length * 7 / 10) - 3), file);
        Assert.InRange(Seconds(cut), 0.9, 2.4);
        string notice = Assert.Single(cut.Notices);
        Assert.StartsWith(file, notice, StringComparison.Ordinal);
        Assert.True(notice.Contains("is cut off", StringComparison.Ordinal) || notice.Contains("ends inside a frame", StringComparison.Ordinal), notice);
    }

    [Fact]
    public void Read_M4aWithoutItsTable_SaysThatItIsMissing()
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = Tone("a.m4a", "-c:a", "aac");
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(bytes.AsMemory(0, bytes.Length / 2), "a.m4a"));
        Assert.Contains("not copied whole", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(1)]
    [InlineData(1003)]
    public void Read_AacFromTheMiddleOfAFrame_BeginsWithTheNext(int from)
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = Tone("a.aac", "-c:a", "aac");
        Assert.Equal("AAC", MediaFormat.Detect(bytes.AsSpan(from)).Name);
        AudioContent content = AudioReader.Read(bytes.AsMemory(from), "a.aac");
        Assert.InRange(Seconds(content), 2.5, 3.1);
        Assert.Contains("before its first whole AAC frame", Assert.Single(content.Notices), StringComparison.Ordinal);

        string path = Path.Combine(_folder, "middle.aac");
        File.WriteAllBytes(path, bytes[from..]);
        Assert.Equal(content.Clips[0].Samples, AudioReader.Read(path).Clips[0].Samples);
    }

    [Fact]
    public void Read_AacBehindScraps_IsFound()
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = Tone("a.aac", "-c:a", "aac");
        foreach (byte[] scraps in (byte[][])[[13, 10], [0xFF, 0xFF, 0xFF], [.. "HTTP/1.0 200 OK\r\nicy-name: radio\r\n\r\n"u8]])
        {
            Assert.Equal(3, Seconds(AudioReader.Read((byte[])[.. scraps, .. bytes], "a.aac")), 0.2);
        }
    }

    [Fact]
    public void Detect_WhatIsNoAac_IsNotTakenForIt()
    {
        Random random = new(5);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = new byte[4096];
            random.NextBytes(bytes);
            bytes[0] = 1;
            Assert.NotEqual("AAC", MediaFormat.Detect(bytes).Name);
        }

        byte[] picture = File.ReadAllBytes(TestFiles.Golden("images", "rgb.png"));
        Assert.Equal("unknown", MediaFormat.Detect(picture.AsSpan(picture.Length / 3)).Name);
    }

    /// <summary>Cut anywhere in front and at the end, FLAC is as long as ffmpeg finds it, up to a frame that only one of the two takes for whole.</summary>
    [Fact]
    public void Read_FlacCutAnywhere_IsAsLongAsFfmpegFinds()
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = Tone("a.flac", "-c:a", "flac", "-frame_size", "1024", "-af", "volume=0.5,vibrato=f=4");
        Ffmpeg ffmpeg = Ffmpeg.Find(MediaOptions.Default, "a.flac", MediaFormat.Flac);
        int head = FlacFrame.FindSync(bytes, 42);
        Random random = new(11);
        for (int i = 0; i < 12; i++)
        {
            int from = random.Next(head, bytes.Length / 2), to = random.Next((bytes.Length / 2) + 4000, bytes.Length);
            byte[] cut = [.. bytes[..head], .. bytes[from..to]];
            int expected = Ffmpeg.WithFile(cut, path => AudioReader.WithFfmpeg(ffmpeg, path, "a.flac", MediaOptions.Default)).Clips[0].Samples.Length;
            AudioContent content = AudioReader.Read(cut, "a.flac", new MediaOptions { FfmpegPath = "" });
            Assert.InRange(content.Clips[0].Samples.Length, expected - 1024, expected + 1024);
            Assert.NotEmpty(content.Notices);
        }
    }

    /// <summary>Files of other programs, read here without ffmpeg.</summary>
    [Theory]
    [InlineData("a.caf", "pcm_s16le")]
    [InlineData("a.caf", "pcm_s24be")]
    [InlineData("a.caf", "pcm_f32be")]
    [InlineData("a.caf", "pcm_mulaw")]
    [InlineData("a.w64", "pcm_s16le")]
    [InlineData("a.w64", "pcm_f32le")]
    [InlineData("a.au", "pcm_s16be")]
    [InlineData("a.au", "pcm_alaw")]
    public void Read_UncompressedKin_IsWhatFfmpegMakesOfIt(string file, string codec)
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = Tone(file, "-c:a", codec);
        AudioContent own = AudioReader.Read(bytes, file, new MediaOptions { FfmpegPath = "" });
        Assert.Empty(own.Notices);
        Ffmpeg ffmpeg = Ffmpeg.Find(MediaOptions.Default, file, MediaFormat.Caf);
        Assert.Equal(Ffmpeg.WithFile(bytes, path => AudioReader.WithFfmpeg(ffmpeg, path, file, MediaOptions.Default)).Clips[0].Samples, own.Clips[0].Samples);
    }

    [Fact]
    public void Read_PieceOfM4a_IsThatOfTheWhole()
    {
        InstalledFfmpeg.OrSkip();
        using MediaLoader loader = new();
        byte[] bytes = Tone("a.m4a", "-c:a", "aac");
        AudioContent piece = loader.LoadAudio(bytes, "a.m4a", new AudioWindow(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(0.5)));
        Assert.Equal(loader.LoadAudio(bytes, "a.m4a").Clips[0].Samples[16_000..24_000], piece.Clips[0].Samples);
        Assert.Empty(piece.Notices);
    }
}
