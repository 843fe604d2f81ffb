using System.Globalization;

namespace GemmaSharp.Cli.Output;

/// <summary>Numbers as a person reads them.</summary>
static class Show
{
    /// <summary><c>1.5 GiB</c></summary>
    public static string Bytes(long bytes) => bytes switch
    {
        >= 1L << 30 => Text($"{bytes / (double)(1L << 30):0.00} GiB"),
        >= 1L << 20 => Text($"{bytes / (double)(1L << 20):0.0} MiB"),
        >= 1L << 10 => Text($"{bytes / (double)(1L << 10):0.0} KiB"),
        _ => Text($"{bytes} B"),
    };

    /// <summary><c>1.91 G</c>, <c>14.3 M</c></summary>
    public static string Count(long count) => count switch
    {
        >= 1_000_000_000 => Text($"{count / 1e9:0.00} G"),
        >= 1_000_000 => Text($"{count / 1e6:0.0} M"),
        >= 10_000 => Text($"{count / 1e3:0.0} k"),
        _ => Text($"{count}"),
    };

    /// <summary><c>350 ms</c>, <c>2.41 s</c></summary>
    public static string Time(TimeSpan time) => time.TotalSeconds < 1 ? Text($"{time.TotalMilliseconds:0} ms") : Text($"{time.TotalSeconds:0.00} s");

    /// <summary><c>[2048, 1024]</c></summary>
    public static string Shape(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";

    /// <summary>In every culture the same.</summary>
    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
