using System.Diagnostics;

namespace GemmaSharp.Hub.Download;

/// <summary>How fast bytes arrive, over the last ten seconds. Not thread-safe.</summary>
sealed class Speedometer
{
    static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);
    static readonly TimeSpan s_grain = TimeSpan.FromMilliseconds(200);

    readonly Queue<(long Time, long Bytes)> _marks = new([(Stopwatch.GetTimestamp(), 0)]);
    long _last = Stopwatch.GetTimestamp();
    long _bytes;

    /// <summary>Bytes have arrived.</summary>
    public void Add(long bytes)
    {
        _bytes += bytes;
        if (Stopwatch.GetElapsedTime(_last) >= s_grain)
        {
            _last = Stopwatch.GetTimestamp();
            _marks.Enqueue((_last, _bytes));
            while (_marks.Count > 2 && Stopwatch.GetElapsedTime(_marks.Peek().Time, _last) > s_window)
            {
                _marks.Dequeue();
            }
        }
    }

    /// <summary>Bytes per second; 0 before there is anything to tell from.</summary>
    public double BytesPerSecond
    {
        get
        {
            (long time, long bytes) = _marks.Peek();
            double seconds = Stopwatch.GetElapsedTime(time).TotalSeconds;
            return seconds < 0.5 ? 0 : (_bytes - bytes) / seconds;
        }
    }
}
