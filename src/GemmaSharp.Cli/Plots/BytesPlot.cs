using GemmaSharp.Checkpoints;
using GemmaSharp.Cli.Output;
using SkiaSharp;

namespace GemmaSharp.Cli.Plots;

/// <summary>Where a checkpoint's bytes are: modules as rectangles within rectangles, each as large as its bytes.</summary>
static class BytesPlot
{
    const int Width = 1400, Height = 900;

    /// <summary>Levels of modules within modules.</summary>
    const int Depth = 6;

    const float Heading = 20, Border = 2;

    static readonly SKColor[] s_colors =
    [
        new(0x3B, 0x6F, 0xD4), new(0xD9, 0x7B, 0x3D), new(0x3F, 0xA3, 0x6F), new(0x93, 0x5F, 0xC6), new(0xC4, 0x4F, 0x6E), new(0x6D, 0x78, 0x85),
    ];

    /// <summary>Draws them.</summary>
    /// <param name="name">What the checkpoint is called.</param>
    /// <param name="root">Its modules.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Draw(string name, ModuleNode root)
    {
        using var sheet = new Sheet(
            Width, Height, name,
            FormattableString.Invariant($"{Show.Bytes(root.Bytes)}, {Show.Count(root.ParameterCount)} parameters; areas are bytes in the files"));
        var place = new SKRect(Sheet.Margin, Sheet.Top, Width - Sheet.Margin, Height - Sheet.Margin);
        foreach ((int i, (SKRect at, ModuleNode module)) in Places(Top(root), place).Index())
        {
            Draw(sheet, module, at, s_colors[i % s_colors.Length], 1);
        }

        return sheet.ToPng();
    }

    /// <summary>The modules that are told apart by colours; one that has all bytes in it is no help.</summary>
    static ModuleNode Top(ModuleNode module) => module.Children.FirstOrDefault(child => child.Bytes == module.Bytes) is ModuleNode only ? Top(only) : module;

    static void Draw(Sheet sheet, ModuleNode module, SKRect place, SKColor color, int level)
    {
        sheet.Fill(place, color);
        sheet.Outline(place, SKColors.White, level == 1 ? 3 : 1);
        bool hasHeading = place.Height > Heading + 6 && place.Width > 40;
        if (hasHeading)
        {
            string text = module.Name.Length > 0 && module.Name.All(char.IsAsciiDigit) ? Parent(module) + "." + module.Name : module.Name;
            float size = level == 1 ? 14 : 12, room = place.Width - 10;
            string bytes = Show.Bytes(module.Bytes);
            bool hasRoom = Sheet.WidthOf($"{text}  {bytes}", size) <= room;
            sheet.Text(hasRoom ? $"{text}  {bytes}" : text, place.Left + 5, place.Top + 15, size, SKColors.White, room);
        }

        if (level < Depth && module.Children.Count > 0 && hasHeading)
        {
            var inside = new SKRect(place.Left + Border, place.Top + Heading, place.Right - Border, place.Bottom - Border);
            foreach ((SKRect at, ModuleNode child) in Places(module, inside))
            {
                Draw(sheet, child, at, Deeper(color), level + 1);
            }
        }
    }

    static IEnumerable<(SKRect Place, ModuleNode Module)> Places(ModuleNode module, SKRect place)
    {
        ModuleNode[] children = [.. module.Children.Where(child => child.Bytes > 0).OrderByDescending(child => child.Bytes)];
        return Treemap.Divide([.. children.Select(child => (double)child.Bytes)], place).Zip(children);
    }

    static string Parent(ModuleNode module)
    {
        string[] parts = module.Path.Split('.');
        return parts.Length > 1 ? parts[^2] : "";
    }

    static SKColor Deeper(SKColor color)
    {
        return new SKColor(Mixed(color.Red), Mixed(color.Green), Mixed(color.Blue));

        static byte Mixed(byte level) => (byte)(level + ((60 - level) * 0.18));
    }
}
