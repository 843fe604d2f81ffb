namespace GemmaSharp.Hub.Tests;

/// <summary>What a download has said, in order.</summary>
sealed class Notices : IProgress<PullProgress>
{
    readonly List<PullProgress> _reports = [];

    public IReadOnlyList<PullProgress> Reports
    {
        get
        {
            lock (_reports)
            {
                return [.. _reports];
            }
        }
    }

    public IEnumerable<string> All => Reports.Select(report => report.Notice).OfType<string>();

    public void Report(PullProgress value)
    {
        lock (_reports)
        {
            _reports.Add(value);
        }
    }
}
