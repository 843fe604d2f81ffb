using GemmaSharp.Numerics.Formats;
using GemmaSharp.Tests.TestCheckpoints;

namespace GemmaSharp.EndToEnd.Tests;

/// <summary>
/// What quantising and integer products cost the demo checkpoint, on every third held-out item. The table in the checkpoint's README has all of them;
/// the bounds here are five times what was measured for it, since machines of other vector widths round otherwise.
/// </summary>
public sealed class QuantizedDemoTests
{
    [Theory]
    [InlineData(8, 1.1e-5, 5e-9)]
    [InlineData(4, 1.3e-3, 1.2e-5)]
    public async Task Measure_QuantisedDemo_LosesNoMoreThanMeasured(int bits, double quantising, double integers)
    {
        using var files = new TempFolder();
        CheckpointConverter.Convert(
            Demo.Folder, files["out"], new ConversionOptions { Quantize = new QuantizationRecipe { Format = QuantizationFormat.Create(QuantizationMode.Affine, bits, 64) } },
            cancellationToken: TestContext.Current.CancellationToken);
        DemoItem[] items = [.. DemoItem.ReadAll(Demo.Items).Where((_, i) => i % 3 == 0)];
        ModelAccuracy whole = await MeasureAsync(Demo.Folder, exact: true, items);
        ModelAccuracy exact = await MeasureAsync(files["out"], exact: true, items), fast = await MeasureAsync(files["out"], exact: false, items);

        Assert.Equal((items.Length, items.Length), (whole.Total.Same, whole.Total.Items));
        (double fromWhole, _, double top) = whole.Compare(exact);
        (double fromExact, _, double topOfExact) = exact.Compare(fast);
        Assert.InRange(fromWhole, 1e-9, quantising);

        // Rounded activations must show, or the products were not made of integers; and they must cost far less than rounded weights.
        Assert.InRange(fromExact, 1e-13, Math.Min(integers, fromWhole / 10));
        Assert.True(top >= 0.99 && topOfExact >= 0.995, $"top 1: {top:P2} and {topOfExact:P2}");
        Assert.True(exact.Total.Right >= whole.Total.Right - 2 && fast.Total.Right >= whole.Total.Right - 2, $"right: {whole.Total.Right}, {exact.Total.Right}, {fast.Total.Right}");
    }

    static async Task<ModelAccuracy> MeasureAsync(string folder, bool exact, IReadOnlyList<DemoItem> items)
    {
        using GemmaModel model = GemmaModel.Load(folder, new GemmaModelOptions { Exact = exact });
        return await ModelAccuracy.MeasureAsync(model, items, TestContext.Current.CancellationToken);
    }
}
