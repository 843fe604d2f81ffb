using GemmaSharp.Cli.Plots;
using SkiaSharp;

namespace GemmaSharp.Cli.Tests.Plots;

public sealed class TreemapTests
{
    [Theory]
    [InlineData(600, 400, new double[] { 6, 6, 4, 3, 2, 2, 1 })]
    [InlineData(400, 600, new double[] { 1000, 1, 1, 1 })]
    [InlineData(300, 10, new double[] { 5 })]
    [InlineData(1, 1000, new double[] { 3, 3, 3, 3, 3 })]
    public void Areas_AreTheNumbers_AndFillThePlace(int width, int height, double[] numbers)
    {
        var place = new SKRect(10, 20, 10 + width, 20 + height);
        IReadOnlyList<SKRect> parts = Treemap.Divide(numbers, place);
        Assert.Equal(numbers.Length, parts.Count);
        double unit = width * (double)height / numbers.Sum();
        for (int i = 0; i < parts.Count; i++)
        {
            Assert.Equal(1, parts[i].Width * (double)parts[i].Height / (numbers[i] * unit), 1e-3);
            Assert.True(parts[i].Left >= place.Left - 0.01f && parts[i].Top >= place.Top - 0.01f
                && parts[i].Right <= place.Right + 0.01f && parts[i].Bottom <= place.Bottom + 0.01f, $"{parts[i]} is not inside {place}.");
            for (int other = 0; other < i; other++)
            {
                SKRect common = SKRect.Intersect(parts[i], parts[other]);
                Assert.True(common.Width * common.Height < 0.01 * unit, $"{parts[i]} and {parts[other]} overlap.");
            }
        }
    }

    [Fact]
    public void Parts_AreNearSquares() =>
        Assert.All(
            Treemap.Divide([6, 6, 4, 3, 2, 2, 1], new SKRect(0, 0, 600, 400)),
            part => Assert.InRange(Math.Max(part.Width, part.Height) / Math.Min(part.Width, part.Height), 1, 3));
}
