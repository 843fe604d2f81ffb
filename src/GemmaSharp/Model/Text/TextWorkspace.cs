using GemmaSharp.Configuration;
using GemmaSharp.Layers;
using GemmaSharp.Numerics.Memory;
using GemmaSharp.Numerics.Threading;

namespace GemmaSharp.Model.Text;

/// <summary>Scratch of one running step: every buffer of the text model with its shape, and the rows it is working on.</summary>
/// <remarks>
/// Letters: <c>T</c> rows of the step, <c>C</c> hidden size, <c>A</c> AltUp streams, <c>L</c> layers, <c>P</c> per-layer input size, <c>H</c> query heads,
/// <c>G</c> key-value heads, <c>d</c> head size, <c>I</c> feed-forward size, <c>R</c> LAuReL rank, <c>V</c> vocabulary.
/// Buffers grow to the largest step seen and are then reused. One step at a time; not thread-safe.
/// </remarks>
sealed class TextWorkspace : IDisposable
{
    /// <summary>Rows that one thread takes at a time in elementwise work.</summary>
    internal const int RowGrain = 8;

    [ThreadStatic]
    static float[]? s_scores;

    readonly TextConfig _config;
    readonly RotaryEmbedding _localRope;
    readonly RotaryEmbedding _globalRope;
    readonly List<NativeArray<float>> _buffers = [];
    readonly int _maxIntermediate;
    int _capacity;
    int _logitsCapacity;
    KvCache[] _rowCache = [];
    int[] _rowPosition = [];
    bool[] _rowWanted = [];
    NativeArray<float>? _streams, _predictions, _normed, _laurel, _x, _y, _z, _modalities, _laurelLow, _queries, _attended, _keys, _values, _gate, _up, _perLayerInputs, _perLayerTable, _perLayerGate, _localCos, _localSin, _globalCos, _globalSin, _logits;

    internal TextWorkspace(TextConfig config, RotaryEmbedding localRope, RotaryEmbedding globalRope, WorkerTeam team)
    {
        _config = config;
        _localRope = localRope;
        _globalRope = globalRope;
        _maxIntermediate = config.IntermediateSize.Max();
        Team = team;
    }

    /// <summary>The threads that share the work.</summary>
    public WorkerTeam Team { get; }

    /// <summary>Rows being worked on, <c>T</c>; after the last layer that owns a cache only those whose logits are wanted.</summary>
    public int Rows { get; private set; }

    /// <summary>Logits of the rows that were wanted, in order, <c>[n, V]</c>; valid until the next step.</summary>
    public ReadOnlySpan<float> Logits => LogitsBuffer;

    /// <summary>Bytes of native memory held.</summary>
    public long Bytes => _buffers.Sum(buffer => buffer.Length * sizeof(float)) + Adapters.Bytes;

    /// <summary>Which rows carry which adapters.</summary>
    internal AdapterRows Adapters { get; } = new();

    /// <summary>Residual streams, <c>[A, T, C]</c>.</summary>
    internal Span<float> Streams => Of(_streams, _config.AltupNumInputs * _config.HiddenSize);

    /// <summary>AltUp's predictions, <c>[A, T, C]</c>.</summary>
    internal Span<float> Predictions => Of(_predictions, _config.AltupNumInputs * _config.HiddenSize);

    /// <summary>A block's normed input, <c>[T, C]</c>.</summary>
    internal Span<float> Normed => Of(_normed, _config.HiddenSize);

    /// <summary>LAuReL's output, <c>[T, C]</c>.</summary>
    internal Span<float> LaurelOut => Of(_laurel, _config.HiddenSize);

    /// <summary>Free, <c>[T, C]</c>.</summary>
    internal Span<float> X => Of(_x, _config.HiddenSize);

    /// <summary>Free, <c>[T, C]</c>.</summary>
    internal Span<float> Y => Of(_y, _config.HiddenSize);

    /// <summary>Free, <c>[T, C]</c>.</summary>
    internal Span<float> Z => Of(_z, _config.HiddenSize);

    /// <summary>Router output, <c>[T, A]</c>.</summary>
    internal Span<float> Modalities => Of(_modalities, _config.AltupNumInputs);

    /// <summary>LAuReL's low-rank state, <c>[T, R]</c>.</summary>
    internal Span<float> LaurelLow => Of(_laurelLow, _config.LaurelRank);

    /// <summary><c>[T, H, d]</c></summary>
    internal Span<float> Queries => Of(_queries, _config.NumAttentionHeads * _config.HeadDim);

    /// <summary>Heads after attention, before <c>o_proj</c>, <c>[T, H, d]</c>.</summary>
    internal Span<float> Attended => Of(_attended, _config.NumAttentionHeads * _config.HeadDim);

    /// <summary><c>[T, G, d]</c></summary>
    internal Span<float> Keys => Of(_keys, _config.NumKeyValueHeads * _config.HeadDim);

    /// <summary><c>[T, G, d]</c></summary>
    internal Span<float> Values => Of(_values, _config.NumKeyValueHeads * _config.HeadDim);

    /// <summary>Per-layer inputs, <c>[T, L, P]</c>.</summary>
    internal Span<float> PerLayerInputs => Of(_perLayerInputs, _config.NumHiddenLayers * _config.HiddenSizePerLayerInput);

    /// <summary>Rows of the per-layer embedding table, <c>[T, L, P]</c>.</summary>
    internal Span<float> PerLayerTable => Of(_perLayerTable, _config.NumHiddenLayers * _config.HiddenSizePerLayerInput);

    /// <summary>Gate of the per-layer input, <c>[T, P]</c>.</summary>
    internal Span<float> PerLayerGate => Of(_perLayerGate, _config.HiddenSizePerLayerInput);

    internal Span<float> LogitsBuffer => _logits is null ? [] : _logits.Slice(0, checked(LogitsRows * _config.VocabSize));

    internal int LogitsRows { get; private set; }

    /// <summary>Gate half of the feed-forward state, <c>[T, I]</c>.</summary>
    internal Span<float> Gate(int width) => Of(_gate, width);

    /// <summary>Up half of the feed-forward state, <c>[T, I]</c>.</summary>
    internal Span<float> Up(int width) => Of(_up, width);

    internal KvCache CacheOf(int row) => _rowCache[row];

    internal int PositionOf(int row) => _rowPosition[row];

    internal ReadOnlySpan<float> Cos(int row, bool sliding) => (sliding ? _localCos : _globalCos)!.Slice((long)row * (_config.HeadDim / 2), _config.HeadDim / 2);

    internal ReadOnlySpan<float> Sin(int row, bool sliding) => (sliding ? _localSin : _globalSin)!.Slice((long)row * (_config.HeadDim / 2), _config.HeadDim / 2);

    /// <summary>Attention scores of the calling thread.</summary>
    internal static Span<float> Scores(int count)
    {
        if (s_scores is null || s_scores.Length < count)
        {
            s_scores = GC.AllocateUninitializedArray<float>(Math.Max(count, 4096) * 3 / 2);
        }

        return s_scores.AsSpan(0, count);
    }

    /// <summary>Sets the rows, their positions and RoPE angles from a step whose caches have just been extended.</summary>
    internal void Begin(TextStep step)
    {
        Reserve(step.Rows, step.LogitsRows);
        Rows = step.Rows;
        LogitsRows = 0;
        Adapters.Clear();
        int half = _config.HeadDim / 2;
        foreach (TextStep.Chunk chunk in step.Chunks)
        {
            Adapters.Add(chunk.FirstRow, chunk.Rows, chunk.Adapters);
            int start = chunk.Cache.Length - chunk.Rows;
            for (int i = 0; i < chunk.Rows; i++)
            {
                int t = chunk.FirstRow + i;
                _rowCache[t] = chunk.Cache;
                _rowPosition[t] = start + i;
                _rowWanted[t] = i >= chunk.Rows - chunk.LogitsRows;
                _localRope.Angles(start + i, _localCos!.Slice((long)t * half, half), _localSin!.Slice((long)t * half, half));
                _globalRope.Angles(start + i, _globalCos!.Slice((long)t * half, half), _globalSin!.Slice((long)t * half, half));
            }
        }
    }

    /// <summary>Drops the rows whose logits nobody wants: from here on no layer writes a cache.</summary>
    internal void KeepWanted()
    {
        int wanted = 0, hidden = _config.HiddenSize, half = _config.HeadDim / 2, perLayer = _config.NumHiddenLayers * _config.HiddenSizePerLayerInput, all = Rows;
        for (int t = 0; t < all; t++)
        {
            wanted += _rowWanted[t] ? 1 : 0;
        }

        LogitsRows = wanted;
        if (wanted == all)
        {
            return;
        }

        // Streams are [A, T, C] with T changing, so plane by plane; targets never lie behind their sources.
        for (int a = 0; a < _config.AltupNumInputs; a++)
        {
            for (int t = 0, to = 0; t < all; t++)
            {
                if (_rowWanted[t])
                {
                    _streams!.Slice((((long)a * all) + t) * hidden, hidden).CopyTo(_streams!.Slice((((long)a * wanted) + to++) * hidden, hidden));
                }
            }
        }

        for (int t = 0, to = 0; t < all; t++)
        {
            if (!_rowWanted[t])
            {
                continue;
            }

            Move(_perLayerInputs!, t, to, perLayer);
            Move(_localCos!, t, to, half);
            Move(_localSin!, t, to, half);
            Move(_globalCos!, t, to, half);
            Move(_globalSin!, t, to, half);
            _rowCache[to] = _rowCache[t];
            _rowPosition[to++] = _rowPosition[t];
        }

        Adapters.Keep(_rowWanted.AsSpan(0, all));
        Rows = wanted;
    }

    /// <summary>Forgets caches and adapters, so that a finished step keeps none alive.</summary>
    internal void End()
    {
        Array.Clear(_rowCache);
        Adapters.Clear();
    }

    /// <summary>Frees the native memory.</summary>
    public void Dispose()
    {
        foreach (NativeArray<float> buffer in _buffers)
        {
            buffer.Dispose();
        }

        _buffers.Clear();
        Adapters.Dispose();
        _capacity = 0;
        _logitsCapacity = 0;
        Rows = 0;
        LogitsRows = 0;
    }

    static void Move(NativeArray<float> buffer, int from, int to, int width) => buffer.Slice((long)from * width, width).CopyTo(buffer.Slice((long)to * width, width));

    Span<float> Of(NativeArray<float>? buffer, int width) => buffer!.Slice(0, checked(Rows * width));

    void Reserve(int rows, int logitsRows)
    {
        if (rows > _capacity)
        {
            _capacity = Math.Max(rows, Math.Min(2 * _capacity, 64));
            int c = _config.HiddenSize, p = _config.HiddenSizePerLayerInput, d = _config.HeadDim;
            Allocate(ref _streams, _config.AltupNumInputs * c);
            Allocate(ref _predictions, _config.AltupNumInputs * c);
            Allocate(ref _normed, c);
            Allocate(ref _laurel, c);
            Allocate(ref _x, c);
            Allocate(ref _y, c);
            Allocate(ref _z, c);
            Allocate(ref _modalities, _config.AltupNumInputs);
            Allocate(ref _laurelLow, _config.LaurelRank);
            Allocate(ref _queries, _config.NumAttentionHeads * d);
            Allocate(ref _attended, _config.NumAttentionHeads * d);
            Allocate(ref _keys, _config.NumKeyValueHeads * d);
            Allocate(ref _values, _config.NumKeyValueHeads * d);
            Allocate(ref _gate, _maxIntermediate);
            Allocate(ref _up, _maxIntermediate);
            Allocate(ref _perLayerInputs, _config.NumHiddenLayers * p);
            Allocate(ref _perLayerTable, _config.NumHiddenLayers * p);
            Allocate(ref _perLayerGate, p);
            Allocate(ref _localCos, d / 2);
            Allocate(ref _localSin, d / 2);
            Allocate(ref _globalCos, d / 2);
            Allocate(ref _globalSin, d / 2);
            Array.Resize(ref _rowCache, _capacity);
            Array.Resize(ref _rowPosition, _capacity);
            Array.Resize(ref _rowWanted, _capacity);
        }

        if (logitsRows > _logitsCapacity)
        {
            _logitsCapacity = logitsRows;
            Release(ref _logits);
            _logits = new NativeArray<float>((long)logitsRows * _config.VocabSize);
            _buffers.Add(_logits);
        }
    }

    void Allocate(ref NativeArray<float>? buffer, int width)
    {
        Release(ref buffer);
        buffer = new NativeArray<float>((long)_capacity * width);
        _buffers.Add(buffer);
    }

    void Release(ref NativeArray<float>? buffer)
    {
        if (buffer is not null)
        {
            _buffers.Remove(buffer);
            buffer.Dispose();
            buffer = null;
        }
    }
}
