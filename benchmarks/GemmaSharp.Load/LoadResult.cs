using System.Collections.Concurrent;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Load;

/// <summary>What came of a run.</summary>
sealed class LoadResult
{
    static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    readonly Lock _lock = new();
    readonly ConcurrentDictionary<string, int> _counts = new();
    readonly List<double> _times = [];
    readonly List<string> _faults = [];
    int _faultCount;

    public double Seconds { get; set; }

    /// <summary>How often each thing happened.</summary>
    public IReadOnlyDictionary<string, int> Counts => new SortedDictionary<string, int>(_counts, StringComparer.Ordinal);

    /// <summary>Answers compared, all of them right unless there are faults.</summary>
    public int Compared => _counts.GetValueOrDefault("answer compared");

    /// <summary>Milliseconds that whole answers took.</summary>
    public IReadOnlyDictionary<string, double> Milliseconds
    {
        get
        {
            lock (_lock)
            {
                double[] times = [.. _times.Order()];
                return times.Length == 0 ? [] : new Dictionary<string, double>
                {
                    ["median"] = times[times.Length / 2],
                    ["p95"] = times[times.Length * 95 / 100],
                    ["p99"] = times[times.Length * 99 / 100],
                    ["max"] = times[^1],
                };
            }
        }
    }

    public ResourceUse? Before { get; set; }

    public ResourceUse? After { get; set; }

    /// <summary>Answers that are still computed or wait when all clients are gone.</summary>
    public int Left { get; set; }

    /// <summary>How many things went wrong.</summary>
    public int FaultCount => _faultCount;

    /// <summary>The first of them.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_lock)
            {
                return [.. _faults];
            }
        }
    }

    public void Count(string what) => _counts.AddOrUpdate(what, 1, (_, count) => count + 1);

    public void Took(TimeSpan time)
    {
        lock (_lock)
        {
            _times.Add(time.TotalMilliseconds);
        }
    }

    /// <summary>Notes what must not be.</summary>
    public void Fault(string what)
    {
        lock (_lock)
        {
            _faultCount++;
            if (_faults.Count < 20)
            {
                _faults.Add(what.Length > 2000 ? what[..2000] + "…" : what);
            }
        }
    }

    /// <summary>Compares what is held at the end with what was held at the start.</summary>
    public void CompareResources(LoadOptions options)
    {
        if (Before is null || After is null)
        {
            return;
        }

        // Of memory, what the model keeps on purpose is counted apart; the rest may be pools that have grown to the load once.
        const long Slack = 48 << 20;
        Check(After.CacheBytes <= options.CacheBytes, $"the cache has {After.CacheBytes} bytes and its budget is {options.CacheBytes}");
        Check(After.ManagedBytes <= Before.ManagedBytes + Slack, $"objects had {Before.ManagedBytes} bytes and have {After.ManagedBytes}");
        Check(After.ScratchBytes <= Before.ScratchBytes + Slack, $"scratch had {Before.ScratchBytes} bytes and has {After.ScratchBytes}");
        Check(After.Handles <= Before.Handles + 16, $"{Before.Handles} handles were open and {After.Handles} are");
        Check(After.Threads <= Before.Threads + 24, $"{Before.Threads} threads ran and {After.Threads} do");

        void Check(bool holds, string sentence)
        {
            if (!holds)
            {
                Fault($"At the end {sentence}.");
            }
        }
    }

    public string ToJson() => JsonSerializer.Serialize(this, s_json);
}
