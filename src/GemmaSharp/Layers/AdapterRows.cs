using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Layers;

/// <summary>Which rows of a running step carry which adapters, and the scratch for what those add.</summary>
/// <remarks>
/// Part of a workspace: one step at a time. Where no row carries an adapter it costs a comparison. Scratch grows to the largest step seen and is
/// then reused. Not thread-safe.
/// </remarks>
sealed class AdapterRows : IDisposable
{
    readonly List<Segment> _segments = [];
    NativeArray<float>? _low;
    NativeArray<float>? _deltas;

    /// <summary>Bytes of scratch held.</summary>
    public long Bytes => sizeof(float) * ((_low?.Length ?? 0) + (_deltas?.Length ?? 0));

    /// <summary>Forgets all rows.</summary>
    public void Clear() => _segments.Clear();

    /// <summary>Adds consecutive rows, behind those added before.</summary>
    /// <param name="first">The first.</param>
    /// <param name="count">How many.</param>
    /// <param name="adapters">What they carry; null for nothing.</param>
    public void Add(int first, int count, AdapterSet? adapters)
    {
        if (adapters is { IsEmpty: false })
        {
            _segments.Add(new Segment(first, first + count, adapters));
        }
    }

    /// <summary>Refuses adapters that were loaded for another model.</summary>
    /// <param name="linears">The linear layers of the model that is to be computed.</param>
    /// <exception cref="ArgumentException">They were.</exception>
    public void RequireBase(LinearModules linears)
    {
        foreach (Segment segment in _segments)
        {
            segment.Adapters.RequireBase(linears);
        }
    }

    /// <summary>Follows the step when it goes on with some of its rows, side by side.</summary>
    /// <param name="kept">Which rows stay.</param>
    public void Keep(ReadOnlySpan<bool> kept)
    {
        int row = 0, target = 0;
        for (int i = 0; i < _segments.Count; i++)
        {
            Segment segment = _segments[i];
            Advance(segment.First, kept);
            int first = target;
            Advance(segment.End, kept);
            _segments[i] = segment with { First = first, End = target };
        }

        void Advance(int end, ReadOnlySpan<bool> kept)
        {
            for (; row < end; row++)
            {
                target += kept[row] ? 1 : 0;
            }
        }
    }

    /// <summary><c>y += weight · s · (x · Aᵀ) · Bᵀ</c> for the rows whose adapters change the layer.</summary>
    /// <param name="module">The layer.</param>
    /// <param name="firstRow">Which row of the pass is the first of <paramref name="x"/>.</param>
    /// <param name="x">The layer's input, <c>[rows, in]</c>.</param>
    /// <param name="rows">Rows of <paramref name="x"/>.</param>
    /// <param name="y">The layer's output, <c>[rows, out]</c>.</param>
    /// <param name="team">The threads that share the work.</param>
    public void AddTo(LinearModule module, int firstRow, ReadOnlySpan<float> x, int rows, Span<float> y, WorkerTeam team)
    {
        for (int i = 0; i < _segments.Count; i++)
        {
            Segment segment = _segments[i];
            int first = Math.Max(segment.First - firstRow, 0), count = Math.Min(segment.End - firstRow, rows) - first;
            if (count <= 0)
            {
                continue;
            }

            IReadOnlyList<WeightedAdapter> adapters = segment.Adapters.Adapters;
            for (int a = 0; a < adapters.Count; a++)
            {
                if (adapters[a].Adapter.Find(module.Index) is LoraPair pair)
                {
                    LoraProduct.Add(
                        pair, adapters[a].Weight, x.Slice(first * module.InFeatures, count * module.InFeatures), count,
                        Scratch(ref _low, count * pair.Rank), y.Slice(first * module.OutFeatures, count * module.OutFeatures), team);
                }
            }
        }
    }

    /// <summary>What adapters add to the outputs of a layer that is computed in another way, <c>[rows, out]</c>; empty when they add nothing.</summary>
    /// <param name="module">The layer.</param>
    /// <param name="x">The layer's input, <c>[rows, in]</c>: all rows of the pass.</param>
    /// <param name="rows">Rows of the pass.</param>
    /// <param name="team">The threads that share the work.</param>
    public ReadOnlySpan<float> Deltas(LinearModule module, ReadOnlySpan<float> x, int rows, WorkerTeam team)
    {
        if (!Changes(module))
        {
            return [];
        }

        Span<float> deltas = Scratch(ref _deltas, rows * module.OutFeatures);
        deltas.Clear();
        AddTo(module, 0, x, rows, deltas, team);
        return deltas;
    }

    /// <summary>Whether any row's adapters change the layer.</summary>
    public bool Changes(LinearModule module)
    {
        for (int i = 0; i < _segments.Count; i++)
        {
            if (_segments[i].Adapters.Changes(module))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Frees the scratch.</summary>
    public void Dispose()
    {
        _low?.Dispose();
        _deltas?.Dispose();
        (_low, _deltas) = (null, null);
        _segments.Clear();
    }

    static Span<float> Scratch(ref NativeArray<float>? buffer, int length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            buffer = new NativeArray<float>(Math.Max(length, 1024));
        }

        return buffer.Slice(0, length);
    }

    /// <summary>Rows <c>First … End − 1</c> and what they carry.</summary>
    readonly record struct Segment(int First, int End, AdapterSet Adapters);
}
