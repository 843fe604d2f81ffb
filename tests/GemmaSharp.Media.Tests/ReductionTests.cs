using SkiaSharp;

namespace GemmaSharp.Media.Tests;

/// <summary>Pictures of a hundred and more megapixels are made smaller while they are decoded.</summary>
public class ReductionTests
{
    [Theory]
    [InlineData(8192, 8192, 1)]
    [InlineData(12_000, 9000, 5)]
    [InlineData(16_320, 12_240, 7)]
    [InlineData(100_000, 1000, 2)]
    [InlineData(1_000_000, 256, 2)]
    public void Factor_LeavesTwiceWhatTheModelSees(int width, int height, int expected) => Assert.Equal(expected, Reduction.Factor(width, height));

    [Fact]
    public void BoxAverage_AnyOrder_IsTheMeanOfEachBox()
    {
        const int Width = 7, Height = 5, Factor = 3;
        byte[] pixels = new byte[3 * Width * Height];
        new Random(1).NextBytes(pixels);
        BoxAverage rows = new(Width, Height, Factor), single = new(Width, Height, Factor);
        for (int y = Height - 1; y >= 0; y--)
        {
            rows.AddRow(y, pixels.AsSpan(3 * Width * y, 3 * Width));
            for (int x = 0; x < Width; x++)
            {
                int at = 3 * ((y * Width) + x);
                single.Add(x, y, pixels[at], pixels[at + 1], pixels[at + 2]);
            }
        }

        RgbImage image = rows.ToImage();
        Assert.Equal((3, 2), (image.Width, image.Height));
        Assert.Equal(image.Pixels, single.ToImage().Pixels);
        for (int i = 0; i < image.Pixels.Length; i++)
        {
            int channel = i % 3, left = i / 3 % 3 * Factor, top = i / 9 * Factor;
            var box = from y in Enumerable.Range(top, Factor)
                      from x in Enumerable.Range(left, Factor)
                      where x < Width && y < Height
                      select (double)pixels[(3 * ((y * Width) + x)) + channel];
            Assert.Equal(Math.Round(box.Average(), MidpointRounding.AwayFromZero), image.Pixels[i]);
        }
    }

    public static TheoryData<string, AlphaMode> Pngs =>
    [
        .. from path in Directory.EnumerateFiles(TestFiles.Golden("images"), "*.png").Concat(Directory.EnumerateFiles(TestFiles.Fixture(""), "*.png"))
           from mode in Enum.GetValues<AlphaMode>()
           select (Path.GetRelativePath(AppContext.BaseDirectory, path), mode),
    ];

    /// <summary>Without a reduction it must give what the other decoder gives, in every colour type, depth and interlacing.</summary>
    [Theory]
    [MemberData(nameof(Pngs))]
    public void PngReducer_ByOne_EqualsSkia(string path, AlphaMode mode)
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, path));
        RgbImage expected = ImageReader.Read(bytes, path, new MediaOptions { Alpha = mode });
        RgbImage actual = Orientation.Apply(PngReducer.Decode(bytes, 1, path, mode), ExifOrientation.OfPng(bytes));
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.Equal(expected.Pixels, actual.Pixels);

        RgbImage reduced = Orientation.Apply(PngReducer.Decode(bytes, 4, path, mode), ExifOrientation.OfPng(bytes));
        Assert.Equal((Reduction.Side(expected.Width, 4), Reduction.Side(expected.Height, 4)), (reduced.Width, reduced.Height));
    }

    [Fact]
    public void PngReducer_Cut_IsRefused()
    {
        byte[] bytes = File.ReadAllBytes(TestFiles.Golden("images", "rgb.png"));
        for (int length = 60; length < bytes.Length - 40; length += bytes.Length / 50)
        {
            Assert.Throws<MediaException>(() => PngReducer.Decode(bytes.AsMemory(0, length), 4, "cut.png", AlphaMode.White));
        }
    }

    [Theory]
    [InlineData("png")]
    [InlineData("jpeg")]
    [InlineData("bmp")]
    [InlineData("webp")]
    [Trait("Category", "Slow")]
    public void Read_SeventyMegapixels_IsTheSamePictureInLess(string format)
    {
        // Left half blue, right half white with a red stripe at the bottom.
        const int Width = 9000, Height = 7800;
        byte[] bytes = Encoded(format, Width, Height);
        RgbImage image = ImageReader.Read(bytes, "large", new MediaOptions { MaxFileBytes = 1 << 30 });
        Assert.InRange(image.Width, 1500, 3000);
        Assert.Equal((double)Width / Height, (double)image.Width / image.Height, 0.01);
        Close((0, 0, 255), image[image.Width / 4, image.Height / 2]);
        Close((255, 255, 255), image[image.Width * 3 / 4, image.Height / 2]);
        Close((255, 0, 0), image[image.Width * 3 / 4, image.Height - 20]);

        MediaException error = Assert.Throws<MediaException>(
            () => ImageReader.Read(bytes, "large", new MediaOptions { MaxFileBytes = 1 << 30, MaxPixels = 70_000_000 }));
        Assert.Contains("--max-pixels", error.Message, StringComparison.Ordinal);
    }

    static void Close((byte, byte, byte) expected, (byte, byte, byte) actual)
    {
        Assert.InRange(actual.Item1, expected.Item1 - 3, expected.Item1 + 3);
        Assert.InRange(actual.Item2, expected.Item2 - 3, expected.Item2 + 3);
        Assert.InRange(actual.Item3, expected.Item3 - 3, expected.Item3 + 3);
    }

    static byte[] Encoded(string format, int width, int height)
    {
        if (format == "bmp")
        {
            int stride = ((3 * width) + 3) / 4 * 4;
            byte[] bmp = new byte[54 + (stride * height)];
            "BM"u8.CopyTo(bmp);
            (bmp[10], bmp[14], bmp[26], bmp[28]) = (54, 40, 1, 24);
            BitConverter.GetBytes(width).CopyTo(bmp, 18);
            BitConverter.GetBytes(height).CopyTo(bmp, 22);
            for (int row = 0; row < height; row++)
            {
                Span<byte> line = bmp.AsSpan(54 + (row * stride), 3 * width);
                line.Fill(255);
                for (int x = 0; x < width; x++)
                {
                    // The first row of the file is the lowest, and blue comes first.
                    byte other = x < width / 2 ? (byte)0 : row < 400 ? (byte)0 : (byte)255;
                    line[3 * x] = x < width / 2 ? (byte)255 : other;
                    line[(3 * x) + 1] = other;
                    line[(3 * x) + 2] = x < width / 2 ? (byte)0 : (byte)255;
                }
            }

            return bmp;
        }

        using SKBitmap bitmap = new(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using SKCanvas canvas = new(bitmap);
        canvas.Clear(SKColors.White);
        using SKPaint paint = new() { Color = SKColors.Red };
        canvas.DrawRect(new SKRect(0, height - 400, width, height), paint);
        paint.Color = SKColors.Blue;
        canvas.DrawRect(new SKRect(0, 0, width / 2, height), paint);
        canvas.Flush();
        using SKData data = bitmap.Encode(
            format switch { "png" => SKEncodedImageFormat.Png, "jpeg" => SKEncodedImageFormat.Jpeg, _ => SKEncodedImageFormat.Webp }, 90);
        return data.ToArray();
    }
}
