using System.Diagnostics;

namespace GemmaSharp.Media.Tests;

/// <summary>What is left to ffmpeg. Tests with the real one are skipped where it is missing; a shell script stands in for the others.</summary>
public sealed class FfmpegTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("gemma media $(touch x) 'tests'").FullName;

    MediaOptions Script(string body)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The stand-in for ffmpeg is a shell script.");
        string path = Path.Combine(_folder, Path.GetRandomFileName());
        File.WriteAllText(path, "#!/bin/sh\n" + body + "\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return new MediaOptions { FfmpegPath = path, FfmpegTimeout = TimeSpan.FromSeconds(20) };
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("stereo.m4a", "M4A sound")]
    [InlineData("colours.mp4", "MP4 video")]
    [InlineData("adpcm.wav", "WAV sound")]
    public void Read_WithoutFfmpeg_SaysWhatNeedsIt(string name, string expected)
    {
        foreach (string program in (string[])["", "/no/such/ffmpeg"])
        {
            MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(TestFiles.Fixture(name), new MediaOptions { FfmpegPath = program }));
            Assert.Contains(expected, error.Message, StringComparison.Ordinal);
            Assert.Contains(program.Length > 0 ? "install ffmpeg" : "that is not used here", error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("stereo.m4a", true)]
    [InlineData("adpcm.wav", false)]
    [InlineData("colours.mp4", true)]
    public void Read_WithFfmpeg_IsTheSignal(string name, bool isStereo)
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture(name));
        float[] samples = AudioReader.Read(TestFiles.Fixture(name)).Clips[0].Samples;
        Assert.Equal(samples, AudioReader.Read(bytes, name).Clips[0].Samples);
        Assert.InRange(samples.Length, 8000, 8600);
        Assert.True(CodecTests.Error(samples[..8000], isStereo, 800) < 3e-2, $"{CodecTests.Error(samples[..8000], isStereo, 800)}");
    }

    [Fact]
    public void Read_VideoWithoutSound_SaysSo()
    {
        InstalledFfmpeg.OrSkip();
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(TestFiles.Fixture("silent.mp4")));
        Assert.Contains("no sound track", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Damaged_IsReadOrRefused()
    {
        InstalledFfmpeg.OrSkip();
        foreach (string name in (string[])["stereo.m4a", "colours.mp4"])
        {
            Damage.Check(File.ReadAllBytes(TestFiles.Fixture(name)), 8, bytes => AudioReader.Read(bytes, name));
        }
    }

    /// <summary>A playlist could make ffmpeg open any file or address; its demuxers are not on the list, whatever reads the file.</summary>
    [Fact]
    public void WithFfmpeg_Playlist_OpensNothing()
    {
        InstalledFfmpeg.OrSkip();
        string sound = TestFiles.Golden("audio", "speech.wav");
        string hls = Path.Combine(_folder, "list.m3u8"), concat = Path.Combine(_folder, "list.txt");
        File.WriteAllText(hls, $"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{sound}\n#EXT-X-ENDLIST\n");
        File.WriteAllText(concat, $"ffconcat version 1.0\nfile '{sound}'\n");
        foreach (string list in (string[])[hls, concat])
        {
            Assert.Throws<MediaException>(() => AudioReader.Read(list));
            Ffmpeg ffmpeg = Ffmpeg.Find(MediaOptions.Default, "list", new MediaFormat("list", MediaKind.Audio));
            MediaException error = Assert.Throws<MediaException>(() => AudioReader.WithFfmpeg(ffmpeg, list, "list", MediaOptions.Default));
            Assert.Contains("gives no sound", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Run_StrangePath_ArrivesAsOneArgument()
    {
        string log = Path.Combine(_folder, "log"), input = Path.Combine(_folder, "-i a; $(touch y) \"b\".m4a");
        MediaOptions options = Script($"for a in \"$@\"; do printf '%s\\n' \"$a\" >> \"{log.Replace("$", "\\$", StringComparison.Ordinal)}\"; done; echo broken >&2; exit 1");
        File.Copy(TestFiles.Fixture("stereo.m4a"), input);
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(input, options));
        Assert.Contains("(broken)", error.Message, StringComparison.Ordinal);
        string[] arguments = File.ReadAllLines(log);
        Assert.Equal("file:" + input, arguments[Array.IndexOf(arguments, "-i") + 1]);
        Assert.Equal("file", arguments[Array.IndexOf(arguments, "-protocol_whitelist") + 1]);
    }

    [Fact]
    public void Run_ProgramThatHangs_IsStoppedByTheClock()
    {
        MediaOptions options = Script("sleep 300") with { FfmpegTimeout = TimeSpan.FromSeconds(0.5) };
        long start = Stopwatch.GetTimestamp();
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(TestFiles.Fixture("stereo.m4a"), options));
        Assert.Contains("took more than 0.5 seconds", error.Message, StringComparison.Ordinal);
        Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void Run_EndlessOutput_IsBounded()
    {
        // 16 kHz, mono, 16 bits, and silence without end.
        MediaOptions options = Script(
            "printf 'RIFF\\377\\377\\377\\377WAVEfmt \\020\\000\\000\\000\\001\\000\\001\\000\\200\\076\\000\\000\\000\\175\\000\\000\\002\\000\\020\\000data\\377\\377\\377\\377'; cat /dev/zero")
            with
        { MaxAudio = TimeSpan.FromMinutes(1) };
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(TestFiles.Fixture("stereo.m4a"), options));
        Assert.Contains("60 s are allowed", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_EndlessComplaints_AreBounded()
    {
        MediaOptions options = Script("head -c 20000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo the end >&2; exit 1");
        MediaException error = Assert.Throws<MediaException>(() => AudioReader.Read(TestFiles.Fixture("stereo.m4a"), options));
        Assert.Contains("(the end)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FileThatIsNoProgram_SaysSo()
    {
        MediaException error = Assert.Throws<MediaException>(
            () => AudioReader.Read(TestFiles.Fixture("stereo.m4a"), new MediaOptions { FfmpegPath = TestFiles.Fixture("README.md") }));
        Assert.Contains("does not start", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WithFile_AfterUse_IsGone()
    {
        string path = Ffmpeg.WithFile(new byte[] { 1, 2, 3 }, file =>
        {
            Assert.Equal<byte[]>([1, 2, 3], File.ReadAllBytes(file));
            return file;
        });
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void ReadVideo_OneColourPerSecond_GivesThemInOrder()
    {
        InstalledFfmpeg.OrSkip();
        VideoContent video = VideoReader.Read(TestFiles.Fixture("colours.mp4"));
        Assert.Equal(4, video.Frames.Count);
        Assert.Equal(4, video.Duration!.Value.TotalSeconds, 0.05);
        Assert.Empty(video.Notices);
        int[][] expected = [[255, 0, 0], [0, 128, 0], [0, 0, 255], [255, 255, 255]];
        for (int i = 0; i < expected.Length; i++)
        {
            (byte red, byte green, byte blue) = video.Frames[i][30, 20];
            Assert.Equal((64, 48), (video.Frames[i].Width, video.Frames[i].Height));
            Assert.All(((byte[])[red, green, blue]).Zip(expected[i]), pair => Assert.InRange(pair.First, pair.Second - 8, pair.Second + 8));
        }

        Assert.InRange(Assert.Single(video.Audio!.Clips).Samples.Length, 8000, 8600);
    }

    [Fact]
    public void ReadVideo_FewerFramesThanSeconds_SpreadsThemAndSaysSo()
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = File.ReadAllBytes(TestFiles.Fixture("silent.mp4"));
        VideoContent video = VideoReader.Read(bytes, "film.mp4", new VideoOptions { MaxFrames = 2, FramesPerSecond = 5, MaxFrameSide = 32 });
        Assert.Equal(2, video.Frames.Count);
        Assert.Equal(0.5, video.FramesPerSecond, 0.02);
        Assert.Equal((32, 24), (video.Frames[0].Width, video.Frames[0].Height));
        Assert.True(video.Frames[0][10, 10].Red > 200 && video.Frames[1][10, 10].Blue > 200);
        Assert.Null(video.Audio);
        Assert.Contains("one every 2 s", Assert.Single(video.Notices), StringComparison.Ordinal);
    }

    [Fact]
    public void ReadVideo_SoundOrPicture_SaysWhatItIs()
    {
        Assert.Contains("WAV file and a video is needed", Assert.Throws<MediaException>(() => VideoReader.Read(TestFiles.Fixture("piped.wav"))).Message, StringComparison.Ordinal);
        Assert.Contains("PNG file and a video is needed", Assert.Throws<MediaException>(() => VideoReader.Read(TestFiles.Fixture("exif-6.png"))).Message, StringComparison.Ordinal);
        Assert.Contains("needs the program ffmpeg", Assert.Throws<MediaException>(() => VideoReader.Read(TestFiles.Fixture("colours.mp4"), null, new MediaOptions { FfmpegPath = "" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ReadVideo_Damaged_IsReadOrRefused()
    {
        InstalledFfmpeg.OrSkip();
        Damage.Check(File.ReadAllBytes(TestFiles.Fixture("colours.mp4")), 8, bytes => VideoReader.Read(bytes, "hurt.mp4"));
    }
}
