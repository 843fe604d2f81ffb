using System.Buffers.Binary;
using System.Globalization;

namespace GemmaSharp.Media.Tests;

/// <summary>Animated GIF, WebP and PNG: one frame as a picture, with a word about the others; all of them as a video. ffmpeg is the judge where it is installed.</summary>
public sealed class AnimationTests : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("gemma-animation-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("gif", 1)]
    [InlineData("gif", 2.5)]
    [InlineData("gif", 7)]
    [InlineData("apng", 1)]
    [InlineData("apng", 2.5)]
    [InlineData("apng", 7)]
    public void Read_MovingPicture_GivesTheFramesThatFfmpegGives(string format, double rate)
    {
        InstalledFfmpeg.OrSkip();
        string path = Path.Combine(_folder, "moving." + format);
        string palette = format == "gif" ? ",split[a][b];[a]palettegen=max_colors=64[p];[b][p]paletteuse" : ",format=rgb24";
        InstalledFfmpeg.Run("-f", "lavfi", "-i", "testsrc=size=48x36:rate=6:duration=3", "-filter_complex", "[0:v]null" + palette, "-plays", "0", "-f", format, path);

        VideoContent video = VideoReader.Read(path, new VideoOptions { FramesPerSecond = rate, MaxFrames = 100 }, new MediaOptions { FfmpegPath = "" });
        byte[] expected = InstalledFfmpeg.Output(
            "-i", path, "-vf", string.Create(CultureInfo.InvariantCulture, $"fps={rate},format=rgb24"), "-f", "rawvideo", "pipe:1");
        Assert.Equal(3, video.Duration!.Value.TotalSeconds, 0.2);
        Assert.Equal(expected.Length / (3 * 48 * 36), video.Frames.Count);
        Assert.Equal(expected, video.Frames.SelectMany(frame => frame.Pixels).ToArray());

        var notices = new List<string>();
        byte[] first = ImageReader.Read(path, null, notices.Add).Pixels;
        Assert.Equal(InstalledFfmpeg.Output("-i", path, "-frames:v", "1", "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1"), first);
        Assert.Contains("1 of 18 frames", Assert.Single(notices), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AnimatedWebP_GivesItsFramesAndCountsThem()
    {
        var notices = new List<string>();
        ImageReader.Read(TestFiles.Fixture("animated.webp"), null, notices.Add);
        Assert.Contains("1 of 2 frames", Assert.Single(notices), StringComparison.Ordinal);
        VideoContent video = VideoReader.Read(TestFiles.Fixture("animated.webp"), new VideoOptions { FramesPerSecond = 50 }, new MediaOptions { FfmpegPath = "" });
        Assert.True(video.Frames.Count >= 2);
        Assert.NotEqual(video.Frames[0].Pixels, video.Frames[^1].Pixels);
    }

    /// <summary>Every way of leaving and laying a frame, against the canvas that the specification describes.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    public void Read_AnimatedPng_FollowsDisposeAndBlend(byte dispose, byte blend)
    {
        // Red everywhere; then a half transparent blue square, left as told; then a green pixel.
        byte[] png = Apng(4, 4, [
            (0, 0, 4, 4, 0, 0, [255, 0, 0, 255]),
            (1, 1, 2, 2, dispose, blend, [0, 0, 255, 128]),
            (3, 3, 1, 1, 0, 0, [0, 255, 0, 255]),
        ]);
        VideoContent video = VideoReader.Read(png, "a.png", new VideoOptions { FramesPerSecond = 1 });
        Assert.Equal(3, video.Frames.Count);
        Assert.All(Enumerable.Range(0, 16), i => Assert.Equal((255, 0, 0), video.Frames[0][i % 4, i / 4]));
        Assert.Equal(blend == 1 ? ((byte)127, (byte)0, (byte)128) : ((byte)127, (byte)127, (byte)255), video.Frames[1][1, 1]);
        Assert.Equal((255, 0, 0), video.Frames[1][0, 0]);
        (byte, byte, byte) left = dispose switch { 1 => (255, 255, 255), 2 => (255, 0, 0), _ => video.Frames[1][2, 2] };
        Assert.Equal(left, video.Frames[2][2, 2]);
        Assert.Equal((0, 255, 0), video.Frames[2][3, 3]);
    }

    [Fact]
    public void Read_AnimationCutOff_IsUsedAsFarAsItGoesWithANotice()
    {
        byte[] png = Apng(4, 4, [(0, 0, 4, 4, 0, 0, [255, 0, 0, 255]), (0, 0, 4, 4, 0, 0, [0, 255, 0, 255]), (0, 0, 4, 4, 0, 0, [0, 0, 255, 255])]);
        int last = png.AsSpan().LastIndexOf("fcTL"u8) - 4;
        VideoContent video = VideoReader.Read(png.AsMemory(0, last), "cut.png");
        Assert.Equal(2, video.Frames.Count);
        Assert.Contains("2 of 3 frames are there", Assert.Single(video.Notices), StringComparison.Ordinal);
        byte[] webp = File.ReadAllBytes(TestFiles.Fixture("animated.webp"));
        Assert.Contains("cut off", Assert.Single(VideoReader.Read(webp.AsMemory(0, webp.Length - 10), "cut.webp").Notices), StringComparison.Ordinal);
        Assert.Empty(VideoReader.Read(webp, "whole.webp").Notices);
    }

    [Fact]
    public void Read_AnimatedPngHurt_IsReadOrRefused()
    {
        byte[] png = Apng(4, 4, [(0, 0, 4, 4, 0, 0, [255, 0, 0, 255]), (1, 1, 2, 2, 1, 1, [0, 0, 255, 128])]);
        Damage.Check(png, 300, bytes => VideoReader.Read(bytes, "hurt.png", null, new MediaOptions { MaxPixels = 1 << 16, FfmpegPath = "" }));
        byte[] gif = File.ReadAllBytes(TestFiles.Fixture("animated.gif"));
        Damage.Check(gif, 300, bytes => VideoReader.Read(bytes, "hurt.gif", null, new MediaOptions { MaxPixels = 1 << 16, FfmpegPath = "" }));
        byte[] webp = File.ReadAllBytes(TestFiles.Fixture("animated.webp"));
        Damage.Check(webp, 300, bytes => VideoReader.Read(bytes, "hurt.webp", null, new MediaOptions { MaxPixels = 1 << 16, FfmpegPath = "" }));
    }

    [Fact]
    public void Read_StillPictureAsVideo_IsRefusedAndNamesTheWay()
    {
        byte[] png = File.ReadAllBytes(TestFiles.Golden("images", "rgb.png"));
        Assert.Contains("--image", Assert.Throws<MediaException>(() => VideoReader.Read(png, "still.png")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Indices_SlowFrames_AreTakenAgain()
    {
        FrameSampling sampling = FrameSampling.Of(3, VideoOptions.Default, "x");
        Assert.Equal<int[]>([0, 0, 1], sampling.Indices([2, 1]));
    }

    /// <summary>Frames of one colour each, one second long, as an animated PNG.</summary>
    static byte[] Apng(int width, int height, (int X, int Y, int Width, int Height, byte Dispose, byte Blend, byte[] Colour)[] frames)
    {
        using MemoryStream png = new();
        png.Write([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]);
        PngChunks.Write(png, "IHDR"u8, [.. Number(width), .. Number(height), 8, 6, 0, 0, 0]);
        PngChunks.Write(png, "acTL"u8, [.. Number(frames.Length), .. Number(0)]);
        int sequence = 0;
        for (int i = 0; i < frames.Length; i++)
        {
            (int x, int y, int w, int h, byte dispose, byte blend, byte[] colour) = frames[i];
            PngChunks.Write(png, "fcTL"u8, [.. Number(sequence++), .. Number(w), .. Number(h), .. Number(x), .. Number(y), 0, 1, 0, 1, dispose, blend]);
            using MemoryStream data = new();
            using (System.IO.Compression.ZLibStream zip = new(data, System.IO.Compression.CompressionMode.Compress, leaveOpen: true))
            {
                for (int row = 0; row < h; row++)
                {
                    zip.WriteByte(0);
                    for (int column = 0; column < w; column++)
                    {
                        zip.Write(colour);
                    }
                }
            }

            PngChunks.Write(png, i == 0 ? "IDAT"u8 : "fdAT"u8, i == 0 ? data.ToArray() : [.. Number(sequence++), .. data.ToArray()]);
        }

        PngChunks.Write(png, "IEND"u8, []);
        return png.ToArray();
    }

    static byte[] Number(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }
}
