using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>A pass of the text model: one <see cref="TextStep"/> on its way, whose rows are tokens of any number of sequences.</summary>
/// <remarks>
/// Knows of every row its token, its sequence and its position there. Used again for the next step, after which scratch memory has the size of the largest
/// step seen; a step that fails leaves it usable. One step at a time; not thread-safe.
/// </remarks>
sealed class TextPass : Pass
{
    readonly TextConfig _config;
    readonly RotaryEmbedding _localRope;
    readonly RotaryEmbedding _globalRope;
    Row[] _rows = [];
    bool[] _wanted = [];
    int _count;
    Rows _localCos, _localSin, _globalCos, _globalSin;
    Rows _perLayerInputs;

    internal TextPass(TextConfig config, RotaryEmbedding localRope, RotaryEmbedding globalRope, WorkerTeam team)
        : base(team)
    {
        _config = config;
        _localRope = localRope;
        _globalRope = globalRope;
    }

    /// <summary>Token ids of all rows, <c>[T]</c>; only until rows are dropped.</summary>
    public ReadOnlySpan<int> Ids => Step is null ? [] : Step.Ids;

    /// <summary>Logits of the rows that were wanted, in order, <c>[n, V]</c>; valid until the next step.</summary>
    public Rows Logits { get; private set; }

    /// <summary>The running step.</summary>
    TextStep? Step { get; set; }

    /// <summary>The sequence of a row.</summary>
    public KvCache CacheOf(int row) => _rows[row].Cache;

    /// <summary>The position of a row in its sequence.</summary>
    public int PositionOf(int row) => _rows[row].Position;

    /// <summary>What layer <paramref name="layer"/> gets to know of a row's token, <c>[P]</c>.</summary>
    public Span<float> PerLayerInput(int row, int layer) =>
        _perLayerInputs[_rows[row].Index].Slice(layer * _config.HiddenSizePerLayerInput, _config.HiddenSizePerLayerInput);

    /// <summary>Whether somebody wants the logits of a row.</summary>
    public bool IsWanted(int row) => _wanted[_rows[row].Index];

    /// <summary>Rotates every head of queries or keys by its row's position.</summary>
    /// <param name="x"><c>[T, heads · D]</c>, changed in place.</param>
    /// <param name="sliding">Whether the layer's window slides, and so which base of angles it has.</param>
    public void Rotate(Rows x, bool sliding)
    {
        using PassProfile.Section _ = Measure(PassPart.Rope);
        this.Map(
            (p: this, x, cos: sliding ? _localCos : _globalCos, sin: sliding ? _localSin : _globalSin),
            static (s, t) =>
            {
                int row = s.p._rows[t].Index, d = s.p._config.HeadDim;
                for (int start = 0; start < s.x.Width; start += d)
                {
                    Rope.Apply(s.x[t].Slice(start, d), s.cos[row], s.sin[row]);
                }
            },
            x.Count);
    }

    /// <summary>Writes keys and values of all rows to the caches of their sequences.</summary>
    /// <param name="layer">The layer that owns them.</param>
    /// <param name="k"><c>[T, G · D]</c></param>
    /// <param name="v"><c>[T, G · D]</c></param>
    public void Write(int layer, Rows k, Rows v)
    {
        using PassProfile.Section _ = Measure(PassPart.Cache);
        this.Map(
            (p: this, layer, k, v),
            static (s, t) =>
            {
                int d = s.p._config.HeadDim;
                for (int head = 0; head < s.k.Width / d; head++)
                {
                    s.p.CacheOf(t).Layer(s.layer).Write(head, s.p.PositionOf(t), s.k[t].Slice(head * d, d), s.v[t].Slice(head * d, d));
                }
            },
            k.Count);
    }

    /// <summary>Takes up a step whose caches have just been extended.</summary>
    internal void Begin(TextStep step, ITrace? trace)
    {
        Reset();
        Logits = default;
        Adapters.Clear();
        if (_rows.Length < step.Rows)
        {
            int capacity = Math.Max(step.Rows, 2 * _rows.Length);
            (_rows, _wanted) = (new Row[capacity], new bool[capacity]);
        }

        Step = step;
        Tracer = trace;
        _count = step.Rows;
        int half = _config.HeadDim / 2;
        (_localCos, _localSin, _globalCos, _globalSin) = (New(_count, half), New(_count, half), New(_count, half), New(_count, half));
        Logits = New(step.LogitsRows, _config.VocabSize);
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            Adapters.Add(chunk.FirstRow, chunk.Rows, chunk.Adapters);
            int start = chunk.Cache.Length - chunk.Rows;
            for (int i = 0; i < chunk.Rows; i++)
            {
                int t = chunk.FirstRow + i;
                _rows[t] = new Row(chunk.Cache, start + i, t);
                _wanted[t] = i >= chunk.Rows - chunk.LogitsRows;
                _localRope.Angles(start + i, _localCos[t], _localSin[t]);
                _globalRope.Angles(start + i, _globalCos[t], _globalSin[t]);
            }
        }
    }

    /// <summary>Sets what <see cref="PerLayerInput"/> reads, <c>[T, L · P]</c>.</summary>
    internal void SetPerLayerInputs(Rows u) => _perLayerInputs = u;

    /// <summary>Goes on with the rows alone whose logits are wanted: from here on no layer writes a cache.</summary>
    /// <returns>Their streams, or <paramref name="h"/> itself where all are wanted.</returns>
    internal Streams KeepWanted(Streams h)
    {
        int wanted = CountWanted();
        if (wanted == _count)
        {
            return h;
        }

        Streams kept = NewStreams(h.Count, wanted, _config.HiddenSize);
        for (int i = 0; i < h.Count; i++)
        {
            CopyWanted(h[i], kept[i]);
        }

        DropOthers();
        return kept;
    }

    /// <summary>The same for a single stream.</summary>
    internal Rows KeepWanted(Rows x)
    {
        int wanted = CountWanted();
        if (wanted == _count)
        {
            return x;
        }

        Rows kept = New(wanted, x.Width);
        CopyWanted(x, kept);
        DropOthers();
        return kept;
    }

    /// <summary>Forgets caches and adapters, so that a finished step keeps none alive.</summary>
    internal void End()
    {
        Array.Clear(_rows);
        Adapters.Clear();
        Step = null;
        Tracer = null;
    }

    int CountWanted()
    {
        int wanted = 0;
        for (int t = 0; t < _count; t++)
        {
            wanted += IsWanted(t) ? 1 : 0;
        }

        return wanted;
    }

    void CopyWanted(Rows x, Rows destination)
    {
        for (int t = 0, to = 0; t < _count; t++)
        {
            if (IsWanted(t))
            {
                x[t].CopyTo(destination[to++]);
            }
        }
    }

    void DropOthers()
    {
        Adapters.Keep(_wanted.AsSpan(0, _count));
        int to = 0;
        for (int t = 0; t < _count; t++)
        {
            if (IsWanted(t))
            {
                _rows[to++] = _rows[t];
            }
        }

        _count = to;
    }

    /// <summary>Where a row comes from.</summary>
    /// <param name="Cache">Its sequence.</param>
    /// <param name="Position">Its position there.</param>
    /// <param name="Index">Its number in the step, before rows were dropped.</param>
    readonly record struct Row(KvCache Cache, int Position, int Index);
}
