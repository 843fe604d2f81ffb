using System.CommandLine;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Files;

namespace GemmaSharp.Cli.Plots;

/// <summary>The option by which commands draw what they tell.</summary>
static class PlotOption
{
    /// <summary>Makes one.</summary>
    /// <param name="what">What is drawn.</param>
    public static Option<string?> Create(string what) => new("--plot") { HelpName = "FILE", Description = $"Draw {what} as a PNG file." };

    /// <summary>Draws, if that is wanted.</summary>
    /// <param name="path">Where to; null for nowhere.</param>
    /// <param name="draw">Draws a PNG file.</param>
    public static void Write(string? path, Func<byte[]> draw)
    {
        if (path is not null)
        {
            OutputFiles.RequireWritable(path);
            AtomicFile.Write(path, draw());
        }
    }
}
