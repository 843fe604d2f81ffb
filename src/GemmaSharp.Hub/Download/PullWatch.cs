using System.Diagnostics;

namespace GemmaSharp.Hub.Download;

/// <summary>Gathers how the files of a pull go, and passes it on a few times a second. Thread-safe.</summary>
sealed class PullWatch(PullPlan plan, IProgress<PullProgress>? progress) : IDownloadWatch
{
    static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(100);

    readonly Lock _lock = new();
    readonly Dictionary<string, (HubFile File, long Done, bool Checking)> _files = new(StringComparer.Ordinal);
    readonly Speedometer _speed = new();
    long _done = plan.Files.Where(file => file.IsPresent).Sum(file => file.File.Size);
    long _reported;

    /// <summary>Bytes that came over the network.</summary>
    public long Received { get; private set; }

    /// <inheritdoc/>
    void IDownloadWatch.Begin(HubFile file, long done) => Change(file, (done, false), done, tell: true);

    /// <inheritdoc/>
    void IDownloadWatch.Received(HubFile file, long bytes)
    {
        lock (_lock)
        {
            (_, long done, _) = _files[file.ETag];
            _files[file.ETag] = (file, done + bytes, false);
            _done += bytes;
            if (bytes > 0)
            {
                Received += bytes;
                _speed.Add(bytes);
            }

            if (Stopwatch.GetElapsedTime(_reported) >= s_interval)
            {
                Report(PullPhase.Downloading, null);
            }
        }
    }

    /// <inheritdoc/>
    void IDownloadWatch.Checking(HubFile file) => Change(file, (file.Size, true), 0, tell: true);

    /// <inheritdoc/>
    void IDownloadWatch.Completed(HubFile file)
    {
        lock (_lock)
        {
            _files.Remove(file.ETag);
            Report(PullPhase.Downloading, null);
        }
    }

    /// <inheritdoc/>
    public void Waiting(string reason, TimeSpan time)
    {
        lock (_lock)
        {
            Report(PullPhase.Waiting, reason, time > TimeSpan.Zero ? time : null);
        }
    }

    /// <summary>All is there.</summary>
    public void Finish()
    {
        lock (_lock)
        {
            _done = plan.TotalBytes;
            Report(PullPhase.Done, null);
        }
    }

    void Change(HubFile file, (long Done, bool Checking) state, long more, bool tell)
    {
        lock (_lock)
        {
            _files[file.ETag] = (file, state.Done, state.Checking);
            _done += more;
            if (tell)
            {
                Report(state.Checking ? PullPhase.Checking : PullPhase.Downloading, null);
            }
        }
    }

    void Report(PullPhase phase, string? notice, TimeSpan? retryIn = null)
    {
        if (progress is null)
        {
            return;
        }

        _reported = Stopwatch.GetTimestamp();
        double speed = _speed.BytesPerSecond;
        long left = plan.TotalBytes - _done;
        TimeSpan? remaining = speed > 1 && left >= 0 ? TimeSpan.FromSeconds(Math.Min(left / speed, TimeSpan.MaxValue.TotalSeconds / 2)) : null;
        progress.Report(new PullProgress(phase, plan.TotalBytes, Math.Clamp(_done, 0, plan.TotalBytes), speed, remaining,
            [.. _files.Values.OrderBy(file => file.File.Path, StringComparer.Ordinal).Select(file => new FileProgress(file.File, file.Done, file.Checking))],
                notice, retryIn));
    }
}
