using SkiaSharp;

namespace GemmaSharp.Media.Tests;

/// <summary>Transparent pictures are drawn over white, whatever their format, and as the reference reads them where that is asked for.</summary>
public class TransparencyTests
{
    static readonly MediaOptions s_reference = new() { Alpha = AlphaMode.Reference };

    [Fact]
    public void OverWhite_EveryValueAndAlpha_IsTheRoundedMixture()
    {
        for (int value = 0; value <= 255; value++)
        {
            for (int alpha = 0; alpha <= 255; alpha++)
            {
                double exact = ((value * alpha) + (255.0 * (255 - alpha))) / 255;
                Assert.Equal(Math.Round(exact, MidpointRounding.AwayFromZero), Alpha.OverWhite(value, alpha));
            }
        }
    }

    /// <summary>Each picture of the fixtures with alpha, against the colours that the reference sees and the alpha that Skia sees.</summary>
    [Theory]
    [InlineData("alpha-zero.png")]
    [InlineData("alpha-zero.webp")]
    [InlineData("colour-key.png")]
    [InlineData("palette-transparent.png")]
    [InlineData("rgba-16bit.png")]
    public void Read_Transparent_IsDrawnOverWhite(string name)
    {
        byte[] colours = ImageReader.Read(TestFiles.Fixture(name), s_reference).Pixels;
        byte[] white = ImageReader.Read(TestFiles.Fixture(name)).Pixels;
        using SKBitmap bitmap = SKBitmap.Decode(TestFiles.Fixture(name));
        bool sawAlpha = false;
        for (int i = 0; i < white.Length; i++)
        {
            int alpha = bitmap.GetPixel(i / 3 % bitmap.Width, i / 3 / bitmap.Width).Alpha;
            sawAlpha |= alpha < 255;
            Assert.Equal(Math.Round(((colours[i] * alpha) + (255.0 * (255 - alpha))) / 255), white[i]);
        }

        Assert.True(sawAlpha);
    }

    [Theory]
    [InlineData("transparent.gif")]
    [InlineData("partial-transparent.gif")]
    public void Read_TransparentGif_IsWhiteWhereNothingIsDrawn(string name)
    {
        RgbImage image = ImageReader.Read(TestFiles.Fixture(name)), reference = ImageReader.Read(TestFiles.Fixture(name), s_reference);
        using SKBitmap bitmap = SKBitmap.Decode(TestFiles.Fixture(name));
        int clear = 0;
        for (int y = 0; y < image.Height; y++)
        {
            for (int x = 0; x < image.Width; x++)
            {
                bool isClear = bitmap.GetPixel(x, y).Alpha == 0;
                clear += isClear ? 1 : 0;
                Assert.Equal(isClear ? (255, 255, 255) : reference[x, y], image[x, y]);
            }
        }

        Assert.InRange(clear, 1, (image.Width * image.Height) - 1);
    }

    [Fact]
    public void Read_BmpWhoseAlphaIsNoughtThroughout_IsOpaque()
    {
        // A header of 124 bytes with masks for alpha, as screenshots have it, one pixel of 10, 20, 30 and alpha 0.
        byte[] header = new byte[124];
        BitConverter.GetBytes(124).CopyTo(header, 0);
        BitConverter.GetBytes(1).CopyTo(header, 4);
        BitConverter.GetBytes(1).CopyTo(header, 8);
        (header[12], header[14], header[16], header[20]) = (1, 32, 3, 4);
        BitConverter.GetBytes(0x00FF0000).CopyTo(header, 40);
        BitConverter.GetBytes(0x0000FF00).CopyTo(header, 44);
        BitConverter.GetBytes(0x000000FF).CopyTo(header, 48);
        BitConverter.GetBytes(0xFF000000).CopyTo(header, 52);
        byte[] bmp = [.. "BM"u8, 142, 0, 0, 0, 0, 0, 0, 0, 138, 0, 0, 0, .. header, 30, 20, 10, 0];
        Assert.Equal<byte[]>([10, 20, 30], ImageReader.Read(bmp).Pixels);
        bmp[^1] = 128;
        Assert.Equal<byte[]>([132, 137, 142], ImageReader.Read(bmp).Pixels);
    }
}
