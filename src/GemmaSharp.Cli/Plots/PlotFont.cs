using ScottPlot;
using SkiaSharp;

namespace GemmaSharp.Cli.Plots;

/// <summary>The one font of all plots, which travels with the program: systems have others, or none. Latin letters, digits, signs.</summary>
sealed class PlotFont : IFontResolver
{
    const string Name = "GemmaSharp";

    static readonly Lazy<SKTypeface> s_face = new(Load);
    static readonly Lock s_lock = new();
    static bool s_isInstalled;

    /// <summary>The font for what is drawn directly.</summary>
    /// <param name="size">Pixels.</param>
    public static SKFont OfSize(float size) => new(s_face.Value, size) { Edging = SKFontEdging.Antialias, Subpixel = true };

    /// <summary>Makes it the font of ScottPlot, in which all plots are drawn that follow.</summary>
    public static void Install()
    {
        lock (s_lock)
        {
            if (!s_isInstalled)
            {
                Fonts.FontResolvers.Insert(0, new PlotFont());
                Fonts.Default = Fonts.Sans = Fonts.Serif = Fonts.Monospace = Name;
                s_isInstalled = true;
            }
        }
    }

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Name ? s_face.Value : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) => fontName == Name ? s_face.Value : null;

    static SKTypeface Load()
    {
        using Stream stream = typeof(PlotFont).Assembly.GetManifestResourceStream("PlotFont")!;
        using var data = SKData.Create(stream);
        return SKTypeface.FromData(data);
    }
}
