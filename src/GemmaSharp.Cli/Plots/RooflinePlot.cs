using GemmaSharp.Cli.Bench;
using GemmaSharp.Cli.Output;
using ScottPlot;
using ScottPlot.Plottables;
using ScottPlot.TickGenerators;

namespace GemmaSharp.Cli.Plots;

/// <summary>Measured speeds under the roof that the machine's memory and arithmetic set: operations per second over operations for each byte of
/// weights.</summary>
static class RooflinePlot
{
    /// <summary>Pixels of the picture.</summary>
    public const int Width = 1280, Height = 720;

    /// <summary>Colours of the points, in their order.</summary>
    public static readonly IReadOnlyList<string> Colors = ["#2B5CC4", "#D1662B", "#2F9E62", "#8A4FBF", "#B03A5B", "#00838F", "#8D6E00", "#5C6570"];

    /// <summary>Something that was measured.</summary>
    /// <param name="Name">What.</param>
    /// <param name="Intensity">Operations for each byte of weights that is read.</param>
    /// <param name="Rate">Operations per second.</param>
    /// <param name="Share">Of the roof above it.</param>
    internal readonly record struct Point(string Name, double Intensity, double Rate, double Share);

    /// <summary>What a result has to show: prompt, answer and answers at once.</summary>
    internal static IReadOnlyList<Point> PointsOf(BenchResult result)
    {
        var points = new List<Point>();
        if (result.Prefill is PrefillResult prefill)
        {
            Add(Show.Text($"prompt of {prefill.Tokens}, {prefill.Tokens / prefill.Time.Median:0.0} tokens/s"), prefill.Operations, prefill.Bytes, prefill.Time);
        }

        if (result.Decode is DecodeResult decode)
        {
            Add(Show.Text($"{decode.Name}, {decode.Tokens / decode.Time.Median:0.00} tokens/s"),
                decode.Tokens * decode.OperationsPerToken, decode.Tokens * (double)decode.BytesPerToken, decode.Time);
        }

        foreach (ConversationsResult talk in result.Conversations)
        {
            Add(Show.Text($"{talk.Count} at once, {talk.Count * talk.Tokens / talk.Time.Median:0.00} tokens/s"), talk.Operations, talk.Bytes, talk.Time);
        }

        return points;

        void Add(string name, double operations, double bytes, Measurement time)
        {
            if (operations > 0 && bytes > 0)
            {
                (double share, _) = ProfileReport.Roof(time.Median, bytes, operations, result);
                points.Add(new Point(name, operations / bytes, operations / time.Median, share));
            }
        }
    }

    /// <summary>Draws it.</summary>
    /// <param name="result">A result with at least one point.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Draw(BenchResult result)
    {
        PlotFont.Install();
        using var plot = new Plot();
        IReadOnlyList<Point> points = PointsOf(result);
        Machine machine = result.Machine;
        (string Name, double Rate)[] ceilings =
        [
            (Show.Text($"{machine.FloatPeak / 1e9:0} Gop/s in float32"), machine.FloatPeak),
            .. machine.IntegerPeak > 0
                ? [(Show.Text($"{machine.IntegerPeak / 1e9:0} Gop/s in 8-bit integers"), machine.IntegerPeak)] : Array.Empty<(string, double)>(),
        ];
        double top = ceilings.Max(ceiling => ceiling.Rate), ridge = top / machine.ReadBandwidth;
        double left = Math.Min(0.5, points.Min(point => point.Intensity) / 2), right = Math.Max(4 * ridge, points.Max(point => point.Intensity) * 2);
        double bottom = Math.Min(points.Min(point => point.Rate), machine.ReadBandwidth * left) / 2;

        Line(left, machine.ReadBandwidth * left, ridge, top, "#1F2933", 2, Show.Text($"{machine.ReadBandwidth / 1e9:0.0} GB/s read from memory"));
        foreach ((int i, (string name, double rate)) in ceilings.Index())
        {
            Line(rate / machine.ReadBandwidth, rate, right, rate, i == 0 ? "#1F2933" : "#7B8794", 2, name);
        }

        foreach ((int i, Point point) in points.Index())
        {
            Scatter scatter = plot.Add.Scatter(Math.Log10(point.Intensity), Math.Log10(point.Rate), Color.FromHex(Colors[i % Colors.Count]));
            scatter.MarkerSize = 13;
            scatter.LineWidth = 0;
            scatter.LegendText = Show.Text($"{point.Name}: {point.Share:0 %} of the roof");
        }

        plot.Axes.Bottom.TickGenerator = Ticks(left, right, x => x < 1 ? Show.Text($"{x:0.##}") : Show.Text($"{x:0}"));
        plot.Axes.Left.TickGenerator = Ticks(bottom, 2 * top, x => Show.Text($"{x / 1e9:0.###}"));
        plot.Axes.SetLimits(Math.Log10(left), Math.Log10(right), Math.Log10(bottom), Math.Log10(2 * top));
        plot.XLabel("operations for each byte of weights read");
        plot.YLabel("Gop/s");
        plot.Title($"{result.Model} ({result.Format}); {machine.Processor}, {machine.InstructionSet}, {machine.Threads} threads", 16);
        plot.ShowLegend(Alignment.UpperLeft);
        return plot.GetImageBytes(Width, Height, ImageFormat.Png);

        void Line(double x0, double y0, double x1, double y1, string color, float width, string name)
        {
            Scatter line = plot.Add.Scatter(
                new[] { Math.Log10(x0), Math.Log10(x1) }, new[] { Math.Log10(y0), Math.Log10(y1) }, Color.FromHex(color));
            line.MarkerSize = 0;
            line.LineWidth = width;
            line.LegendText = name;
        }
    }

    static readonly int[] s_steps = [1, 2, 5];

    /// <summary>Powers of ten, and two and five times these.</summary>
    static NumericManual Ticks(double least, double most, Func<double, string> label)
    {
        double[] values =
        [
            .. Enumerable.Range((int)Math.Floor(Math.Log10(least)), (int)Math.Ceiling(Math.Log10(most / least)) + 2)
                .SelectMany(decade => s_steps.Select(step => step * Math.Pow(10, decade))).Where(value => value >= least && value <= most),
        ];
        return new NumericManual([.. values.Select(Math.Log10)], [.. values.Select(label)]);
    }
}
