using GemmaSharp.Cli.Plots;
using GemmaSharp.Prompting.Sound;
using SkiaSharp;

namespace GemmaSharp.Cli.Tests.Plots;

/// <summary>Drawings by their pixels: what must be where, in its colour, with letters that are letters.</summary>
public sealed class ViewTests
{
    const int Left = Sheet.Margin + 28, Top = Sheet.Top + 28;

    [Fact]
    public void Picture_IsEnlargedInSquares_UnderItsCells()
    {
        // A pixel for each cell, of a colour of its own.
        byte[] pixels = new byte[16 * 16 * 3];
        for (int i = 0; i < 256; i++)
        {
            (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2]) = ((byte)(i % 16 * 16), (byte)(i / 16 * 16), 128);
        }

        var seen = new RgbImage(16, 16, pixels);
        using SKBitmap view = Decoded(PictureView.Draw("chart.png", new RgbImage(16, 16, pixels), seen, 256));
        Assert.Equal((768 + (2 * Sheet.Margin) + 28, 768 + Sheet.Top + 28 + Sheet.Margin), (view.Width, view.Height));
        for (int cell = 0; cell < 256; cell++)
        {
            int x = Left + (cell % 16 * 48) + 24, y = Top + (cell / 16 * 48) + 24;
            foreach ((int dx, int dy) in ((int, int)[])[(0, 0), (-20, -20), (20, 20)])
            {
                Assert.Equal(new SKColor(pixels[3 * cell], pixels[(3 * cell) + 1], 128), view.GetPixel(x + dx, y + dy));
            }

            // The edge of a cell is lighter or darker than what is on both sides of it.
            Assert.NotEqual(view.GetPixel(x, y), view.GetPixel(x - 24, y));
        }

        Assert.True(Inked(view, new SKRectI(Sheet.Margin, 10, 200, 40)) > 50, "The heading is not written.");
        Assert.True(Inked(view, new SKRectI(Left, Top - 20, Left + 768, Top - 6)) > 50, "The columns have no numbers.");
    }

    [Fact]
    public void Picture_LargerThanTheLeastSide_IsNotMadeSmaller()
    {
        var seen = new RgbImage(800, 800, new byte[800 * 800 * 3]);
        using SKBitmap view = Decoded(PictureView.Draw("a", seen, seen, 256));
        Assert.Equal(800 + (2 * Sheet.Margin) + 28, view.Width);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(40)]
    public void Frames_StandInTheirOrder_WithTheirTimes(int count)
    {
        (double, RgbImage)[] frames = [.. Enumerable.Range(0, count).Select(i => (i / 2.0, new RgbImage(2, 2, [.. Enumerable.Repeat((byte)(i * 6), 12)])))];
        using SKBitmap view = Decoded(ContactSheet.Draw("film.mp4", frames, (1920, 1080), 256));
        int columns = (view.Width - (2 * Sheet.Margin) + 12) / 252;
        for (int i = 0; i < count; i++)
        {
            int x = Sheet.Margin + (i % columns * 252), y = Sheet.Top + (i / columns * 274);
            byte level = (byte)(i * 6);
            Assert.Equal(new SKColor(level, level, level), view.GetPixel(x + 120, y + 120));
            Assert.True(Inked(view, new SKRectI(x, y + 243, x + 240, y + 262)) > 20, $"Frame {i} has no time.");
        }
    }

    [Fact]
    public void Sound_IsLoudWhereItIs_AndBrightAtItsBand()
    {
        // Two seconds, the second of which sounds, in band 96 of 128 alone.
        float[] samples = [.. Enumerable.Range(0, 32_000).Select(i => i < 16_000 ? 0 : 0.5f * MathF.Sin(i * 1.5f))];
        float[] values = new float[200 * 128];
        Array.Fill(values, -10);
        for (int frame = 100; frame < 200; frame++)
        {
            values[(frame * 128) + 96] = 5;
        }

        using SKBitmap view = Decoded(SoundView.Draw(
            "tone.wav", (0, 1), 0, new AudioClip(samples, 16_000), new MelFeatures(values, 200, 128, [200]), 0.01, 16, 188));
        const int Begin = 72, End = 1180, WaveTop = Sheet.Top + 8, WaveBottom = Sheet.Top + 190 - 22, MelTop = Sheet.Top + 190 + 8, MelBottom = Sheet.Top + 620 - 44;
        int middle = (Begin + End) / 2, quarter = (middle + WaveTop) / 4;
        Assert.True(Blue(view, new SKRectI(middle + 20, WaveTop + 30, End - 20, WaveBottom - 30)) > 20 * Blue(
            view, new SKRectI(Begin + 20, WaveTop + 30, middle - 20, WaveBottom - 30)), "The wave is not where the sound is.");

        // The lowest sixteenth above the bands' own height is the tokens'.
        int At(double band) => (int)(MelBottom - ((band + 8) / 136 * (MelBottom - MelTop)));
        Assert.True(Brightness(view.GetPixel(middle + quarter, At(96.5))) > 600, "The band is dark.");
        Assert.True(Brightness(view.GetPixel(middle - quarter, At(96.5))) < 60, "Silence is bright.");
        Assert.True(Brightness(view.GetPixel(middle + quarter, At(60))) < 60, "Another band is bright.");
        Assert.NotEqual(view.GetPixel(Begin + 10, At(-1)), view.GetPixel(Begin + 10 + (int)(0.16 / 2 * (End - Begin)), At(-1)));
        Assert.True(Inked(view, new SKRectI(middle - 60, MelBottom + 20, middle + 60, MelBottom + 42)) > 50, "The axis has no name.");
    }

    static SKBitmap Decoded(byte[] png) => SKBitmap.Decode(png);

    static int Inked(SKBitmap bitmap, SKRectI place) => Count(bitmap, place, pixel => Brightness(pixel) < 500);

    static int Blue(SKBitmap bitmap, SKRectI place) => 1 + Count(bitmap, place, pixel => pixel.Blue > pixel.Red + 60);

    static int Brightness(SKColor color) => color.Red + color.Green + color.Blue;

    static int Count(SKBitmap bitmap, SKRectI place, Func<SKColor, bool> isOne)
    {
        int count = 0;
        for (int y = place.Top; y < place.Bottom; y++)
        {
            for (int x = place.Left; x < place.Right; x++)
            {
                count += isOne(bitmap.GetPixel(x, y)) ? 1 : 0;
            }
        }

        return count;
    }
}
