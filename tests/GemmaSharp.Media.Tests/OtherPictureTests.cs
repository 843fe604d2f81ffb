namespace GemmaSharp.Media.Tests;

/// <summary>Formats left to ffmpeg, pictures too small to be seen, and videos whose header says too little.</summary>
public sealed class OtherPictureTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("gemma-pictures-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("shapes.tiff", 0)]
    [InlineData("shapes.avif", 40)]
    public void Read_WithFfmpeg_IsTheSamePicture(string name, int most)
    {
        InstalledFfmpeg.OrSkip();
        RgbImage expected = ImageReader.Read(TestFiles.Fixture("shapes.png")), image = ImageReader.Read(TestFiles.Fixture(name));
        Assert.Equal((expected.Width, expected.Height), (image.Width, image.Height));
        int[] differences = [.. expected.Pixels.Zip(image.Pixels, (x, y) => Math.Abs(x - y))];
        Assert.True(differences.Count(difference => difference > most) <= differences.Length / 50, $"{differences.Max()}");
        Assert.True(differences.Average() <= most / 10.0, $"{differences.Average()}");
    }

    [Theory]
    [InlineData("tiff", "rgb24", 0)]
    [InlineData("jp2", "rgb24", 12)]
    [InlineData("qoi", "rgb24", 0)]
    public void Read_WrittenByFfmpeg_IsTheSamePicture(string format, string pixels, int most)
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, "shapes." + format);
        InstalledFfmpeg.Run("-i", TestFiles.Fixture("shapes.png"), "-pix_fmt", pixels, path);
        RgbImage expected = ImageReader.Read(TestFiles.Fixture("shapes.png")), image = ImageReader.Read(path);
        Assert.InRange(expected.Pixels.Zip(image.Pixels, (x, y) => Math.Abs(x - y)).Max(), 0, most);
    }

    [Theory]
    [InlineData("lzw")]
    [InlineData("deflate")]
    [InlineData("packbits")]
    public void Read_TiffWithAHole_IsRefused(string compression)
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, compression + ".tiff");
        InstalledFfmpeg.Run("-f", "lavfi", "-i", "testsrc=size=320x240:d=0.04", "-frames:v", "1", "-pix_fmt", "rgb24", "-compression_algo", compression, path);
        ImageReader.Read(path);
        byte[] bytes = File.ReadAllBytes(path);
        bytes.AsSpan(bytes.Length / 3, bytes.Length / 3).Clear();
        Assert.Contains("damaged or ends early", Assert.Throws<MediaException>(() => ImageReader.Read(bytes, "hole.tiff")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("avi", "mjpeg")]
    [InlineData("mp4", "mpeg4")]
    [InlineData("webm", "libvpx")]
    public void ReadVideo_CutOff_IsUsedWithANotice(string extension, string codec)
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, "whole." + extension);
        InstalledFfmpeg.Run(
            ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:d=6", "-c:v", codec, .. extension == "mp4" ? (string[])["-movflags", "faststart"] : [], path]);
        Assert.Empty(VideoReader.Read(path).Notices);
        byte[] bytes = File.ReadAllBytes(path);
        VideoContent video = VideoReader.Read(bytes.AsMemory(0, bytes.Length * 6 / 10), "cut." + extension);
        Assert.NotEmpty(video.Frames);
        Assert.NotEmpty(video.Notices);
    }

    [Fact]
    public void Read_Heic_IsReadOrRefusedWithTheWayOut()
    {
        InstalledFfmpeg.OrSkip();
        try
        {
            RgbImage expected = ImageReader.Read(TestFiles.Fixture("shapes.png")), image = ImageReader.Read(TestFiles.Fixture("shapes.heic"));
            Assert.Equal((expected.Width, expected.Height), (image.Width, image.Height));
        }
        catch (MediaException error)
        {
            Assert.Contains("version 7 and newer", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Read_TilesOfALargerPicture_AreRefused()
    {
        InstalledFfmpeg.OrSkip();
        byte[] avif = File.ReadAllBytes(TestFiles.Fixture("shapes.avif"));
        int size = avif.AsSpan().IndexOf("ispe"u8) + 8;
        HeifHeader header = HeifHeader.Read(avif);
        Assert.Equal((128, 128, 0, -1, false), (header.Width, header.Height, header.Turns, header.Mirror, header.HasAlpha));
        avif[size + 2] = 2;
        Assert.Contains("640×128 pixels, of which", Assert.Throws<MediaException>(() => ImageReader.Read(avif, "tiles.avif")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, -1, "012345")]
    [InlineData(1, -1, "135024")]
    [InlineData(2, -1, "543210")]
    [InlineData(3, -1, "420531")]
    [InlineData(0, 0, "103254")]
    [InlineData(0, 1, "452301")]
    [InlineData(1, 0, "531420")]
    public void Upright_TurnsAgainstTheClockThenMirrors(int turns, int mirror, string expected)
    {
        // Two columns, three rows, each pixel its own number.
        RgbImage image = new(2, 3, [.. Enumerable.Range(0, 6).SelectMany(i => (byte[])[(byte)i, (byte)i, (byte)i])]);
        RgbImage result = new HeifHeader(2, 3, turns, mirror, false).Upright(image);
        Assert.Equal(expected, string.Concat(result.Pixels.Where((_, i) => i % 3 == 0)));
    }

    [Fact]
    public void HeifHeader_PropertiesOfTheMainPicture_AreFound()
    {
        byte[] ispe = Box("ispe", [0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 32]), thumbnail = Box("ispe", [0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4]);
        byte[] properties = Box("ipco", [.. thumbnail, .. ispe, .. Box("irot", [3]), .. Box("imir", [1]), .. Box("auxC", [0, 0, 0, 0, .. "urn:mpeg:hevc:2015:auxid:1 alpha"u8])]);
        byte[] ipma = Box("ipma", [0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 0x81, 0, 7, 3, 2, 0x83, 0x84]);
        byte[] meta = Box("meta", [0, 0, 0, 0, .. Box("pitm", [0, 0, 0, 0, 0, 7]), .. Box("iprp", [.. properties, .. ipma])]);
        byte[] file = [.. Box("ftyp", "heic"u8.ToArray()), .. meta];
        Assert.Equal(new HeifHeader(64, 32, 3, 1, true), HeifHeader.Read(file));
        for (int length = 0; length < file.Length; length++)
        {
            Assert.InRange(HeifHeader.Read(file.AsSpan(0, length)).Turns, 0, 3);
        }

        static byte[] Box(string type, byte[] content) => [0, 0, (byte)((content.Length + 8) >> 8), (byte)(content.Length + 8), .. type.Select(c => (byte)c), .. content];
    }

    [Theory]
    [InlineData(259, 7, "with JPEG inside")]
    [InlineData(259, 6, "with JPEG inside")]
    [InlineData(322, 16, "in tiles")]
    [InlineData(259, 1, null)]
    public void TiffHeader_WhatFfmpegMisreads_IsNamed(int tag, int value, string? problem)
    {
        byte[] tiff = [.. "II*\0"u8, 8, 0, 0, 0, 1, 0, (byte)tag, (byte)(tag >> 8), 3, 0, 1, 0, 0, 0, (byte)value, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal(problem, TiffHeader.Problem(tiff)?[..problem!.Length]);
        for (int length = 0; length < tiff.Length; length++)
        {
            TiffHeader.Problem(tiff.AsSpan(0, length));
        }
    }

    [Fact]
    public void TiffHeader_StripsBeyondTheEnd_AreMissing()
    {
        byte[] tiff = File.ReadAllBytes(TestFiles.Fixture("shapes.tiff"));
        Assert.Null(TiffHeader.Problem(tiff));
        byte[] outside =
        [
            .. "II*\0"u8, 8, 0, 0, 0, 2, 0, 0x11, 1, 4, 0, 1, 0, 0, 0, 30, 0, 0, 0, 0x17, 1, 4, 0, 1, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0,
        ];
        Assert.Contains("ends in the middle", TiffHeader.Problem(outside), StringComparison.Ordinal);
    }

    [Fact]
    public void CountDirectories_PagesAndCircles_End()
    {
        byte[] two = [.. "II*\0"u8, 8, 0, 0, 0, 0, 0, 14, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        Assert.Equal(2, ExifOrientation.CountDirectories(two));
        two[10] = 8;
        Assert.Equal(1, ExifOrientation.CountDirectories(two));
        Assert.Equal(0, ExifOrientation.CountDirectories("II*"u8));
    }

    [Fact]
    public void Read_TinyOrExtreme_IsReadWithANotice()
    {
        foreach ((string name, int expected) in ((string, int)[])[("pixel.png", 1), ("rgb.png", 0), ("exact-256.png", 0)])
        {
            var notices = new List<string>();
            ImageReader.Read(TestFiles.Golden("images", name), null, notices.Add);
            Assert.Equal(expected, notices.Count);
        }
    }

    [Fact]
    public void ReadVideo_WithoutALength_IsSampledOverItsWhole()
    {
        InstalledFfmpeg.OrSkip();
        VideoContent video = VideoReader.Read(TestFiles.Fixture("no-length.webm"), new VideoOptions { MaxFrames = 4 });
        int[][] expected = [[218, 0, 0], [0, 159, 0], [0, 0, 218], [255, 255, 255]];
        Assert.Equal(4, video.Frames.Count);
        Assert.All(video.Frames.Zip(expected), pair =>
        {
            (byte red, byte green, byte blue) = pair.First[10, 10];
            Assert.All(((byte[])[red, green, blue]).Zip(pair.Second), value => Assert.InRange(value.First, value.Second - 12, value.Second + 12));
        });
        Assert.Contains("one every 15 s", Assert.Single(video.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("webm", "libvpx")]
    [InlineData("mkv", "mpeg4")]
    [InlineData("flv", "flv")]
    [InlineData("ts", "mpeg2video")]
    public void ReadVideo_WrittenToAPipe_IsSampledOverItsWhole(string extension, string codec)
    {
        InstalledFfmpeg.OrSkip();
        byte[] bytes = InstalledFfmpeg.Output(
            "-f", "lavfi", "-i", "color=red:s=64x48:r=10:d=4", "-f", "lavfi", "-i", "color=blue:s=64x48:r=10:d=4", "-filter_complex", "[0:v][1:v]concat=n=2",
            "-c:v", codec, "-f", extension switch { "mkv" => "matroska", "ts" => "mpegts", _ => extension }, "pipe:1");
        VideoContent video = VideoReader.Read(bytes, "piped." + extension, new VideoOptions { MaxFrames = 2 });
        Assert.Equal(2, video.Frames.Count);
        Assert.Equal(8, video.Duration!.Value.TotalSeconds, 0.3);
        Assert.True(video.Frames[0][20, 20].Red > 150 && video.Frames[1][20, 20].Blue > 150);
    }

    [Theory]
    [InlineData("mp4")]
    [InlineData("webm")]
    public void ReadVideo_OfOneFrame_GivesIt(string extension)
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, "short." + extension);
        InstalledFfmpeg.Run("-f", "lavfi", "-i", "color=red:s=64x48:r=25:d=0.04", "-pix_fmt", "yuv420p", path);
        Assert.True(Assert.Single(VideoReader.Read(path).Frames)[20, 20].Red > 200);
        Assert.Single(VideoReader.Read(TestFiles.Fixture("two-frames.mp4")).Frames);
    }

    [Fact]
    public void ReadVideo_Transparent_IsDrawnOverWhite()
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, "clear.mov");
        InstalledFfmpeg.Run("-f", "lavfi", "-i", "color=black@0.0:s=64x48:r=10:d=1,format=rgba", "-c:v", "qtrle", path);
        Assert.Equal((255, 255, 255), VideoReader.Read(path).Frames[0][10, 10]);
        Assert.Equal((0, 0, 0), VideoReader.Read(path, null, new MediaOptions { Alpha = AlphaMode.Reference }).Frames[0][10, 10]);
    }
}
