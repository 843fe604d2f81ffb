using GemmaSharp.Cli.Plots;
using GemmaSharp.Media;

namespace GemmaSharp.Cli.Tests.Bench;

public sealed class RooflineTests : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gemma-test-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void Points_AreShares_OfTheRoofAboveThem()
    {
        IReadOnlyList<RooflinePlot.Point> points = RooflinePlot.PointsOf(Results.Of());

        // A prompt of 50 operations a byte is bound by 200 Gop/s, an answer of 2 by 40 GB/s.
        Assert.Equal((50, 50e9, 0.25), (points[0].Intensity, points[0].Rate, points[0].Share));
        Assert.Equal((2, 64e9, 0.8), (points[1].Intensity, points[1].Rate, Math.Round(points[1].Share, 9)));
        Assert.Equal([4.0, 16.0], points.Skip(2).Select(point => point.Intensity));

        // In integers the same prompt has a higher roof.
        Assert.Equal(0.0625, RooflinePlot.PointsOf(Results.Of(format: "affine4/64, integer products"))[0].Share);
    }

    [Fact]
    public async Task Plot_HasItsSizeAndEveryPoint()
    {
        string file = Path.Combine(_folder.FullName, "result.json"), picture = Path.Combine(_folder.FullName, "roof.png");
        await File.WriteAllTextAsync(file, Results.Json(Results.Of()), TestContext.Current.CancellationToken);
        (int exitCode, _, string error) = await TestConsole.RunAsync("", "bench", "--result", file, "--plot", picture);
        Assert.Equal((ExitCode.Done, ""), (exitCode, error));
        RgbImage image = ImageReader.Read(picture);
        Assert.Equal((RooflinePlot.Width, RooflinePlot.Height), (image.Width, image.Height));

        // A point is a disc of 13 pixels, of which at least a hundred have its very colour; its mark in the legend is smaller.
        IReadOnlyList<(double X, double Y)>[] places = [.. RooflinePlot.Colors.Select(color => Pixels(image, color))];
        Assert.All(places.Take(4), place => Assert.InRange(place.Count, 130, 400));
        Assert.All(places.Skip(4), Assert.Empty);

        // To the right is more for each byte, and above is faster; the legend is left of all of them.
        (double X, double Y)[] points = [.. places.Take(4).Select(place => place.MaxBy(pixel => pixel.X))];
        Assert.True(points[1].X < points[2].X && points[2].X < points[3].X && points[3].X < points[0].X, string.Join(", ", points));
        Assert.True(points[3].Y < points[2].Y && points[2].Y < points[1].Y, string.Join(", ", points));
    }

    [Fact]
    public async Task Plot_ThatCannotBe_IsRefusedBeforeAnythingIsMeasured()
    {
        (int exitCode, string output, string error) = await TestConsole.RunAsync("", "bench", "--plot", Path.Combine(_folder.FullName, "none", "a.png"));
        Assert.Equal((ExitCode.Failed, ""), (exitCode, output));
        Assert.Single(error.TrimEnd('\n').Split('\n'));
        (exitCode, output, error) = await TestConsole.RunAsync("", "bench", "--plot", "");
        Assert.Equal((ExitCode.Usage, ""), (exitCode, output));
        Assert.Contains("the path of a file", error, StringComparison.Ordinal);
        (exitCode, _, error) = await TestConsole.RunAsync(
            "", "bench", "--plot", Path.Combine(_folder.FullName, "a.png"), "--prompt-tokens", "0", "--answer-tokens", "0");
        Assert.Equal(ExitCode.Usage, exitCode);
        Assert.Contains("nothing to draw", error, StringComparison.Ordinal);
    }

    static IReadOnlyList<(double X, double Y)> Pixels(RgbImage image, string color)
    {
        byte[] wanted = Convert.FromHexString(color.AsSpan(1));
        return [.. Enumerable.Range(0, image.Width * image.Height).Where(i => image.Pixels.AsSpan(3 * i, 3).SequenceEqual(wanted))
            .Select(i => ((double)(i % image.Width), (double)(i / image.Width)))];
    }
}
