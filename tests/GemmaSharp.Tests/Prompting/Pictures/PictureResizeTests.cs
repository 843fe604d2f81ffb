using GemmaSharp.Prompting.Pictures;

namespace GemmaSharp.Tests.Prompting.Pictures;

public class PictureResizeTests
{
    /// <summary><c>in(y, x) = (37x + 91y + 13xy) mod 256</c>.</summary>
    static byte[] Pattern(int width, int height)
    {
        byte[] pixels = new byte[width * height];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                pixels[(y * width) + x] = (byte)((37 * x) + (91 * y) + (13 * x * y));
            }
        }

        return pixels;
    }

    [Theory]
    [InlineData(10, 6, 4, 3, nameof(ResizeFilter.Bilinear), new byte[] { 101, 136, 137, 113, 134, 147, 134, 147, 122, 148, 127, 141 })]
    [InlineData(10, 6, 4, 3, nameof(ResizeFilter.Bicubic), new byte[] { 97, 137, 139, 107, 136, 149, 132, 150, 119, 149, 125, 141 })]
    [InlineData(3, 2, 5, 4, nameof(ResizeFilter.Bilinear), new byte[] { 0, 15, 37, 59, 74, 23, 39, 63, 87, 103, 68, 87, 115, 143, 162, 91, 111, 141, 171, 191 })]
    [InlineData(3, 2, 5, 4, nameof(ResizeFilter.Bicubic), new byte[] { 0, 3, 28, 53, 67, 18, 31, 59, 86, 101, 69, 86, 119, 153, 171, 95, 114, 150, 186, 205 })]
    public void Resize_PatternOfOneChannel_GivesPillowsValues(
        int width, int height, int newWidth, int newHeight, string filter, byte[] expected) =>
        Assert.Equal(expected, PictureResize.Resize(Pattern(width, height), width, height, 1, newWidth, newHeight, Enum.Parse<ResizeFilter>(filter)));

    [Fact]
    public void Resize_HeightAlone_GivesPillowsFirstRow()
    {
        byte[] result = PictureResize.Resize(Pattern(10, 6), 10, 6, 1, 10, 3, ResizeFilter.Bilinear);
        Assert.Equal<byte[]>([65, 111, 121, 167, 104, 150, 160, 96, 143, 79], result[..10]);
    }

    [Fact]
    public void Coefficients_TenToFour_AreThoseOfPillow()
    {
        ResizeCoefficients coefficients = new(10, 4, ResizeFilter.Bilinear, ResizeArithmetic.Pillow);
        Assert.Equal(0, coefficients.First(0));
        Assert.Equal<int[]>([1334551, 1715852, 953251, 190650], coefficients.Weights(0).ToArray());
        Assert.Equal(1, coefficients.First(1));
        Assert.Equal<int[]>([167772, 838861, 1509949, 1174405, 503316], coefficients.Weights(1).ToArray());
    }

    [Fact]
    public void Resize_ThreeChannels_EqualsEachChannelAlone()
    {
        byte[] rgb = new byte[3 * 31 * 17];
        new Random(1).NextBytes(rgb);
        byte[] result = PictureResize.Resize(new RgbImage(31, 17, rgb), 13, 40, ResizeFilter.Bicubic).Pixels;
        for (int channel = 0; channel < 3; channel++)
        {
            byte[] plane = [.. rgb.Where((_, i) => i % 3 == channel)];
            byte[] expected = PictureResize.Resize(plane, 31, 17, 1, 13, 40, ResizeFilter.Bicubic);
            Assert.Equal<byte[]>(expected, [.. result.Where((_, i) => i % 3 == channel)]);
        }
    }

    [Fact]
    public void Resize_SameSize_ReturnsTheSamePicture()
    {
        RgbImage image = new(2, 1, [1, 2, 3, 4, 5, 6]);
        Assert.Same(image, PictureResize.Resize(image, 2, 1));
    }

    [Fact]
    public void Resize_OneColour_KeepsItAtEverySize()
    {
        for (int side = 1; side < 40; side++)
        {
            RgbImage image = new(side, 41 - side, [.. Enumerable.Repeat((byte[])[255, 7, 0], side * (41 - side)).SelectMany(p => p)]);
            RgbImage result = PictureResize.Resize(image, 19, 23, ResizeFilter.Bicubic);
            Assert.All(Enumerable.Range(0, 19 * 23), i => Assert.Equal((255, 7, 0), result[i % 19, i / 19]));
        }
    }

    /// <summary>The cases whose order is known from outputs of version 13.</summary>
    [Theory]
    [InlineData(368, 491, 256, true)]
    [InlineData(368, 491, 64, false)]
    [InlineData(463, 823, 768, true)]
    [InlineData(463, 823, 64, false)]
    [InlineData(226, 290, 256, true)]
    [InlineData(226, 290, 64, false)]
    [InlineData(147, 261, 768, false)]
    [InlineData(147, 261, 64, true)]
    [InlineData(290, 282, 256, false)]
    public void IsVerticalFirst_RecordedCases_AsRecorded(int width, int height, int side, bool expected) =>
        Assert.Equal(expected, PictureResize.IsVerticalFirst(width, height, side, side));

    [Fact]
    public void Resize_UnknownFilter_NamesTheKnownOnes()
    {
        ArgumentException error = Assert.ThrowsAny<ArgumentException>(() => PictureResize.Resize(new RgbImage(1, 1, new byte[3]), 2, 2, (ResizeFilter)1));
        Assert.Contains("2 (bilinear) or 3 (bicubic)", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RgbImage_PixelsOfTheWrongLength_GivesBothNumbers()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new RgbImage(2, 2, new byte[11]));
        Assert.Contains("11 bytes", error.Message, StringComparison.Ordinal);
        Assert.Contains("12", error.Message, StringComparison.Ordinal);
    }
}
