using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Vision;

/// <summary>Scratch memory and threads of one running pass of the tower.</summary>
/// <remarks>One allocation, cut up by the plan. Not shared between passes.</remarks>
sealed class VisionWorkspace : IDisposable
{
    readonly VisionScratchPlan _plan;
    readonly NativeArray<float> _memory;
    readonly int[] _freeSlots;
    readonly Lock _lock = new();
    int _freeCount;
    readonly List<(int Height, int Width, int Channels)> _features = [];

    public VisionWorkspace(VisionScratchPlan plan, WorkerTeam team)
    {
        _plan = plan;
        Team = team;
        _memory = new NativeArray<float>(plan.Total);
        _freeSlots = [.. Enumerable.Range(0, plan.Threads)];
        _freeCount = plan.Threads;
    }

    /// <summary>The threads of the pass.</summary>
    public WorkerTeam Team { get; }

    /// <summary>Scratch that the running block shares between its threads.</summary>
    public Span<float> Shared(long start, int length) =>
        _memory.Slice(_plan.Maps[0] + _plan.Maps[1] + start, length);

    /// <summary>The output map of block number <paramref name="block"/>; neighbours in the chain do not overlap.</summary>
    public FeatureMap Map(int block, int height, int width, int channels)
    {
        long start = (block & 1) == 0 ? 0 : _plan.Maps[0];
        return new(_memory.Slice(start, height * width * channels), height, width, channels);
    }

    /// <summary>Number of kept maps.</summary>
    public int FeatureCount => _features.Count;

    /// <summary>Keeps a copy of a map for the fusion adapter.</summary>
    public void KeepFeature(FeatureMap x)
    {
        _features.Add((x.Height, x.Width, x.Channels));
        x.Values.CopyTo(Feature(_features.Count - 1).Values);
    }

    /// <summary>A kept map.</summary>
    public FeatureMap Feature(int index)
    {
        long start = _plan.Maps[0] + _plan.Maps[1] + _plan.Shared;
        for (int i = 0; i < index; i++)
        {
            start += _plan.Features[i];
        }
        (int height, int width, int channels) = _features[index];
        return new(_memory.Slice(start, height * width * channels), height, width, channels);
    }

    /// <summary>Runs an operation over all pixels of a range, in bands, on all threads.</summary>
    /// <param name="operation">What to do.</param>
    /// <param name="x">Its input.</param>
    /// <param name="range">Output pixels.</param>
    /// <param name="destination">Output; its rows at hand cover the range.</param>
    public void Run<TOperation>(TOperation operation, FeatureMap x, PixelRange range, FeatureMap destination)
        where TOperation : struct, IBandOperation, allows ref struct
    {
        if (range.Count == 0)
        {
            return;
        }
        int band = VisionScratchPlan.BandPixels(range.Count, Team.Threads);
        var job = new BandJob<TOperation>(operation, x, range, band, this, destination);
        Team.Run(ref job, (range.Count + band - 1) / band);
    }

    public void Dispose() => _memory.Dispose();

    int EnterSlot()
    {
        lock (_lock)
        {
            return _freeSlots[--_freeCount];
        }
    }

    void LeaveSlot(int slot)
    {
        lock (_lock)
        {
            _freeSlots[_freeCount++] = slot;
        }
    }

    readonly ref struct BandJob<TOperation>(
        TOperation operation, FeatureMap x, PixelRange range, int band, VisionWorkspace workspace, FeatureMap destination) : IParallelJob
        where TOperation : struct, IBandOperation, allows ref struct
    {
        readonly TOperation _operation = operation;
        readonly FeatureMap _x = x;
        readonly FeatureMap _destination = destination;

        public void Run(int first, int last)
        {
            int slot = workspace.EnterSlot();
            try
            {
                VisionScratchPlan plan = workspace._plan;
                long start = plan.Total - ((plan.Threads - slot) * plan.PerThread);
                Span<float> scratch = workspace._memory.Slice(start, (int)plan.PerThread);
                for (int i = first; i < last; i++)
                {
                    int pixel = i * band;
                    PixelRange part = new(range.First + pixel, Math.Min(band, range.Count - pixel));
                    _operation.Forward(_x, part, scratch, workspace, _destination[part]);
                }
            }
            finally
            {
                workspace.LeaveSlot(slot);
            }
        }
    }
}
