using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>
/// What rounding the towers' activations to bfloat16 costs the demo checkpoint, whose small towers do so only when asked. docs/quantisation.md has the
/// figures; the bound here is five times what was measured for it.
/// </summary>
public sealed class ReducedTowerTests
{
    [Fact]
    public async Task Measure_PicturesAndSounds_LoseNoMoreThanMeasured()
    {
        Assert.SkipUnless(ReducedMatrix.IsSupported, "This machine has no products of bfloat16 numbers.");
        DemoItem[] items = [.. DemoItem.ReadAll(Demo.Items)];
        using GemmaModel exact = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { Exact = true });
        using GemmaModel reduced = GemmaModel.Load(Demo.Folder, new GemmaModelOptions { LeastReducedWeights = 0 });
        using GemmaModel small = GemmaModel.Load(Demo.Folder);
        ModelAccuracy whole = await MeasureAsync(exact), rounded = await MeasureAsync(reduced), unasked = await MeasureAsync(small);
        (double mean, double largest, double top) = whole.Compare(rounded);
        TestContext.Current.SendDiagnosticMessage($"mean {mean:E2} nats, largest {largest:E2}, top 1 {top:P2}; {whole.Total} and {rounded.Total}");

        // Rounded activations must show, or nothing was rounded.
        Assert.InRange(mean, 1e-13, 1.2e-5);
        Assert.True(top >= 0.995, $"top 1: {top:P2}");
        Assert.True(rounded.Total.Right >= whole.Total.Right - 1, $"right: {whole.Total} and {rounded.Total}");

        // A small tower is exact unless it is told otherwise.
        Assert.Equal((0, 0, 1), whole.Compare(unasked));

        Task<ModelAccuracy> MeasureAsync(GemmaModel model) => ModelAccuracy.MeasureAsync(model, items, TestContext.Current.CancellationToken);
    }
}
