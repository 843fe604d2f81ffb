using GemmaSharp.Prompting.Sound;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace GemmaSharp.Cli.Plots;

/// <summary>A clip as the model hears it: the waveform, the mel spectrogram below it, and the soft tokens that these become.</summary>
static class SoundView
{
    const int Width = 1200, WaveHeight = 190, MelHeight = 430;

    static readonly PixelPadding s_edges = new(72, 20, 44, 8);

    /// <summary>Draws it.</summary>
    /// <param name="name">What the file is called.</param>
    /// <param name="part">Which clip of how many.</param>
    /// <param name="start">Where in the sound the clip begins, in seconds.</param>
    /// <param name="clip">The clip as it was read.</param>
    /// <param name="mel">What the tower gets.</param>
    /// <param name="hop">Seconds from a frame to the next.</param>
    /// <param name="framesPerToken">Frames that become a token.</param>
    /// <param name="softTokens">Tokens of a clip of full length.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Draw(
        string name, (int Index, int Count) part, double start, AudioClip clip, MelFeatures mel, double hop, int framesPerToken, int softTokens)
    {
        PlotFont.Install();
        double end = Math.Max(clip.Duration.TotalSeconds, mel.Frames * hop);
        int heard = Math.Min(softTokens, (mel.Frames + framesPerToken - 1) / framesPerToken);
        using var sheet = new Sheet(
            Width, Sheet.Top + WaveHeight + MelHeight + (Sheet.Margin / 2),
            part.Count == 1 ? name : FormattableString.Invariant($"{name}, clip {part.Index + 1} of {part.Count}"),
            FormattableString.Invariant($"{clip.Duration.TotalSeconds:0.00} s at {clip.SampleRate} Hz, heard as {mel.Frames} frames of {mel.Bands} mel bands; ")
                + FormattableString.Invariant($"{softTokens} soft tokens of {framesPerToken * hop * 1000:0} ms, ")
                + FormattableString.Invariant($"{heard} with sound and {softTokens - heard} of padding"));
        sheet.Png(Wave(clip, start, end), 0, Sheet.Top);
        sheet.Png(Mel(mel, start, hop, framesPerToken, softTokens, end), 0, Sheet.Top + WaveHeight);
        return sheet.ToPng();
    }

    static byte[] Wave(AudioClip clip, double start, double end)
    {
        using var plot = new Plot();
        float largest = 1e-3f;
        foreach (float sample in clip.Samples)
        {
            largest = Math.Max(largest, Math.Abs(sample));
        }

        ScottPlot.Plottables.Signal signal = plot.Add.Signal(clip.Samples, 1.0 / clip.SampleRate, Color.FromHex("#2B5CC4"));
        signal.Data.XOffset = start;
        plot.Axes.SetLimits(start, start + end, -1.05 * largest, 1.05 * largest);
        plot.YLabel("amplitude");
        plot.Layout.Fixed(s_edges with { Bottom = 22 });
        return plot.GetImageBytes(Width, WaveHeight, ImageFormat.Png);
    }

    static byte[] Mel(MelFeatures mel, double start, double hop, int framesPerToken, int softTokens, double end)
    {
        using var plot = new Plot();
        double[,] values = new double[mel.Bands, mel.Frames];
        for (int frame = 0; frame < mel.Frames; frame++)
        {
            for (int band = 0; band < mel.Bands; band++)
            {
                values[mel.Bands - 1 - band, frame] = mel.Values[(frame * mel.Bands) + band];
            }
        }

        ScottPlot.Plottables.Heatmap map = plot.Add.Heatmap(values);
        map.Position = new CoordinateRect(start, start + (mel.Frames * hop), 0, mel.Bands);
        map.Colormap = new ScottPlot.Colormaps.Inferno();

        // Tokens as fields in two grays below the bands, with as many of their numbers as there is room for.
        double field = mel.Bands / 16.0, seconds = framesPerToken * hop;
        int step = (end / seconds) switch { < 40 => 1, < 100 => 5, _ => 10 };
        for (int token = 0; token < softTokens && token * seconds < end; token++)
        {
            ScottPlot.Plottables.Rectangle cell = plot.Add.Rectangle(
                start + (token * seconds), start + ((token + 1) * seconds), -field, 0);
            cell.FillColor = Color.FromHex(token % 2 == 0 ? "#C9CDD3" : "#E4E7EB");
            cell.LineWidth = 0;
            if (token % step == 0)
            {
                ScottPlot.Plottables.Text number = plot.Add.Text(
                    FormattableString.Invariant($"{token}"), start + ((token + 0.5) * seconds), -field / 2);
                number.LabelFontSize = 11;
                number.LabelAlignment = Alignment.MiddleCenter;
            }
        }

        plot.Axes.SetLimits(start, start + end, -field, mel.Bands);
        plot.Axes.Left.TickGenerator = new NumericManual(
            [-field / 2, .. Enumerable.Range(0, 5).Select(i => (double)(i * mel.Bands / 4))],
            ["token", .. Enumerable.Range(0, 5).Select(i => FormattableString.Invariant($"{i * mel.Bands / 4}"))]);
        plot.YLabel("mel band");
        plot.XLabel("seconds");
        plot.HideGrid();
        plot.Layout.Fixed(s_edges);
        return plot.GetImageBytes(Width, MelHeight, ImageFormat.Png);
    }
}
