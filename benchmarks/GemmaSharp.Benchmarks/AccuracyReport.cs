using System.Globalization;
using GemmaSharp.EndToEnd.Tests;
using GemmaSharp.Numerics.Formats;

namespace GemmaSharp.Benchmarks;

/// <summary>What quantising costs the demo checkpoint: its held-out items, and how far the distributions move.</summary>
internal static class AccuracyReport
{
    static readonly string[] s_usual =
    [
        "affine-8-64", "affine-6-64", "affine-5-64", "affine-4-64", "affine-4-32", "affine-3-64", "affine-3-32", "mxfp8", "mxfp4", "nvfp4", "mixed_3_6",
    ];
    static readonly string[] s_kinds = ["text", "image", "audio", "both"];

    /// <summary><c>accuracy [FORMAT…]</c>, in the root of the repository; a format is <c>affine-BITS-GROUP</c>, a mode or a recipe.</summary>
    public static async Task WriteAsync(string[] args)
    {
        const string Demo = "models/gemma-3n-demo";
        IReadOnlyList<DemoItem> items = DemoItem.ReadAll("tests/GemmaSharp.EndToEnd.Tests/Goldens/demo");
        Console.WriteLine(
            "| weights | products | size, MB | text | picture | clip | both | right | reference's tokens "
            + "| KL from bf16, mean | largest | top 1 | KL from exact, mean | largest | top 1 |");
        Console.WriteLine("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        ModelAccuracy whole = await MeasureAsync(Demo, exact: true, items);
        Print("bf16", "exact", Demo, whole, null, null);
        string folder = Directory.CreateTempSubdirectory("gemma-accuracy-").FullName;
        try
        {
            foreach (string format in args.Length > 0 ? args : s_usual)
            {
                string quantised = Path.Combine(folder, format);
                CheckpointConverter.Convert(Demo, quantised, new ConversionOptions { Quantize = Recipe(format) });
                ModelAccuracy exact = await MeasureAsync(quantised, exact: true, items);
                Print(format, "exact", quantised, exact, whole, null);
                Print(format, "fast", quantised, await MeasureAsync(quantised, exact: false, items), whole, exact);
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    static async Task<ModelAccuracy> MeasureAsync(string folder, bool exact, IReadOnlyList<DemoItem> items)
    {
        using GemmaModel model = GemmaModel.Load(folder, new GemmaModelOptions { Exact = exact });
        return await ModelAccuracy.MeasureAsync(model, items);
    }

    static void Print(string weights, string products, string folder, ModelAccuracy model, ModelAccuracy? whole, ModelAccuracy? exact)
    {
        long bytes = Directory.EnumerateFiles(folder, "*.safetensors").Sum(file => new FileInfo(file).Length);
        string kinds = string.Join(" | ", s_kinds.Select(kind => model.Score(kind)).Select(score => $"{score.Right}/{score.Items}"));
        (int right, int same, int count) = model.Total;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {weights} | {products} | {bytes / 1e6:0.0} | {kinds} | {right}/{count} | {same}/{count} "
            + $"| {Divergence(whole, model)} | {Divergence(exact, model)} |"));
    }

    static string Divergence(ModelAccuracy? from, ModelAccuracy model) => from?.Compare(model) is (double mean, double largest, double topOne)
        ? string.Create(CultureInfo.InvariantCulture, $"{mean:0.0e+0} | {largest:0.0e+0} | {topOne:0.00 %}")
        : " | | ";

    static QuantizationRecipe Recipe(string format)
    {
        string[] parts = format.Split('-');
        return QuantizationRecipe.Names.Contains(format) ? QuantizationRecipe.Named(format)
            : QuantizationFormat.TryParseMode(parts[0], out QuantizationMode mode)
                ? new QuantizationRecipe { Format = QuantizationFormat.Create(mode, Number(1), Number(2)) }
                : throw new ArgumentException($"{format} is no format; give affine-4-64, mxfp4 or mixed_3_6, for example.", nameof(format));

        int? Number(int index) => parts.Length > index ? int.Parse(parts[index], CultureInfo.InvariantCulture) : null;
    }
}
