using ScottPlot;
using ScottPlot.TickGenerators;

namespace GemmaSharp.Cli.Plots;

/// <summary>How far two traces are apart from the first module to the last.</summary>
static class DepthPlot
{
    const int Width = 1280, Height = 560;

    /// <summary>What is equal to the bit stands on this line, since zero has no logarithm.</summary>
    const double Floor = 1e-12;

    /// <summary>From one label to the next, as a part of the axis.</summary>
    const double LeastSpace = 0.02;

    static readonly string[] s_colors = ["#2B5CC4", "#D1662B", "#2F9E62", "#8A4FBF", "#B03A5B", "#5C6570"];

    /// <summary>Draws it.</summary>
    /// <param name="comparison">The traces, with at least one tensor in common.</param>
    /// <param name="names">What they are called.</param>
    /// <param name="tolerance">The largest difference that counts as equal.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Draw(TraceComparison comparison, (string A, string B) names, double tolerance)
    {
        PlotFont.Install();
        using var plot = new Plot();
        double top = comparison.Tensors.Select(tensor => tensor.Relative).Where(double.IsFinite).Append(1).Max();
        string[] groups = [.. comparison.Tensors.Select(tensor => Group(tensor.Name)).Distinct()];
        foreach ((int g, string group) in groups.Index())
        {
            (double X, double Y)[] points = [.. comparison.Tensors.Index().Where(each => Group(each.Item.Name) == group)
                .Select(each => ((double)each.Index, Level(each.Item.Relative, top)))];
            ScottPlot.Plottables.Scatter scatter = plot.Add.Scatter(
                points.Select(point => point.X).ToArray(), points.Select(point => point.Y).ToArray(), Color.FromHex(s_colors[g % s_colors.Length]));
            scatter.LegendText = group;
            scatter.LineWidth = 0;
            scatter.MarkerSize = comparison.Tensors.Count > 600 ? 3 : 5;
        }

        ScottPlot.Plottables.HorizontalLine line = plot.Add.HorizontalLine(
            Math.Log10(Math.Max(tolerance, Floor)), 1.5f, Color.FromHex("#B3261E"), LinePattern.Dashed);
        line.LegendText = FormattableString.Invariant($"tolerance {tolerance:0.0e+0}");
        if (comparison.First is TensorDifference first)
        {
            int at = comparison.Tensors.Index().First(each => each.Item.Name == first.Name).Index;
            ScottPlot.Plottables.VerticalLine mark = plot.Add.VerticalLine(at, 1, Color.FromHex("#B3261E"));
            mark.LegendText = "first difference: " + first.Name;
        }

        (double[] positions, string[] labels) = Depths(comparison);
        plot.Axes.Bottom.TickGenerator = new NumericManual(positions, labels);
        plot.Axes.Bottom.TickLabelStyle.Rotation = 45;
        plot.Axes.Bottom.TickLabelStyle.Alignment = Alignment.UpperLeft;
        plot.Axes.Bottom.MinimumSize = 120;
        plot.Axes.Right.MinimumSize = 40;
        int least = (int)Math.Log10(Floor), most = (int)Math.Ceiling(Math.Log10(top)) + 1;
        double[] decades = [.. Enumerable.Range(least, most - least + 1).Where(i => i % 2 == 0).Select(i => (double)i)];
        plot.Axes.Left.TickGenerator = new NumericManual(
            decades, [.. decades.Select(i => i <= least ? "equal" : FormattableString.Invariant($"1e{i:0}"))]);
        plot.Axes.SetLimits(-0.02 * comparison.Tensors.Count - 0.5, (1.02 * comparison.Tensors.Count) - 0.5, least - 0.5, most + 0.5);
        plot.YLabel("max|a − b| / max|b|");
        plot.XLabel("tensors in the order of computation");
        plot.Title($"{names.A} against {names.B}", 16);
        plot.ShowLegend(Edge.Right);
        return plot.GetImageBytes(Width, Height, ImageFormat.Png);
    }

    static double Level(double relative, double top) =>
        double.IsFinite(relative) ? Math.Log10(Math.Max(relative, Floor)) : Math.Ceiling(Math.Log10(top)) + 1;

    /// <summary>The part of the model that a tensor belongs to: what its name begins with.</summary>
    static string Group(string name)
    {
        string[] parts = name.Split('#')[0].Split('.');
        return parts[0] == "model" && parts.Length > 2 ? parts[1] : parts[0];
    }

    /// <summary>Where each layer begins, and each part that has none.</summary>
    static (double[] Positions, string[] Labels) Depths(TraceComparison comparison)
    {
        var found = new List<(double Position, string Label)>();
        string? last = null;
        foreach ((int index, TensorDifference tensor) in comparison.Tensors.Index())
        {
            string[] parts = tensor.Name.Split('.');
            int number = Array.FindIndex(parts, part => part.Length > 0 && part.All(char.IsAsciiDigit));
            string label = number > 0 ? $"{parts[number - 1]}.{parts[number]}" : Group(tensor.Name);
            if (label != last)
            {
                found.Add((index, label));
                last = label;
            }
        }

        // Only as many as can be read: none nearer to the one before than a line of text is high.
        var shown = new List<(double Position, string Label)>();
        foreach ((double Position, string Label) each in found)
        {
            if (shown.Count == 0 || each.Position - shown[^1].Position >= LeastSpace * comparison.Tensors.Count)
            {
                shown.Add(each);
            }
        }

        return ([.. shown.Select(each => each.Position)], [.. shown.Select(each => each.Label)]);
    }
}
