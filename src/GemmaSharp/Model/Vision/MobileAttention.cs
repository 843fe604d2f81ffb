using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Model.Vision;

/// <summary>
/// Attention over pixels, with one key head and one value head that all query heads share:
/// <c>output · softmax(Q Kᵀ / √d) V ⊙ gamma [+ x]</c>, where Q, K and V come from <c>n = norm(x)</c>.
/// </summary>
/// <remarks>
/// A pixel's query heads lie side by side, so pixels × heads are simply the rows of two matrix products. Scores exist for a
/// few rows at a time. Source: <c>MobileAttention</c>, <c>MultiQueryAttention2d</c> of timm. Immutable, thread-safe.
/// </remarks>
sealed class MobileAttention : IVisionBlock
{
    /// <summary>Query rows whose scores exist at once, per thread: some 110 KB where there are 576 keys.</summary>
    const int ScoreRows = 48;

    readonly int _channels;
    readonly int _heads;
    readonly int _keyDim;
    readonly int _valueDim;
    readonly bool _skip;
    readonly float _scale;
    readonly RmsNorm2d _norm;
    readonly WeightMatrix _queryProj;
    readonly KeyValueProjection _key;
    readonly KeyValueProjection _value;
    readonly WeightMatrix _outputProj;
    readonly float[] _gamma;

    public MobileAttention(ParameterScope scope, VisionBlockShape shape)
    {
        (_channels, OutChannels, _skip) = (shape.InChannels, shape.OutChannels, shape.Skip);
        (_heads, _keyDim, _valueDim) = (shape.Args.NumHeads, shape.Args.KeyDim, shape.Args.ValueDim);
        _scale = (float)(1 / Math.Sqrt(_keyDim));
        _norm = new RmsNorm2d(scope, "norm", _channels);
        ParameterScope attn = scope["attn"];
        _queryProj = attn["query"].Convolution("proj", _heads * _keyDim, _channels, 1, 1);
        _key = new KeyValueProjection(attn["key"], shape, _keyDim);
        _value = new KeyValueProjection(attn["value"], shape, _valueDim);
        _outputProj = attn["output"].Convolution("proj", OutChannels, _heads * _valueDim, 1, 1);
        _gamma = shape.LayerScale ? scope.Vector("layer_scale.gamma", OutChannels) : [];
    }

    public int OutChannels { get; }

    public int Stride => 1;

    public void Plan(int height, int width, VisionScratchPlan plan)
    {
        Layout layout = new(this, height, width);
        plan.AddShared(layout.Length);
        plan.AddBands(height * width, new Norm(this));
        plan.AddBands(layout.Keys, new KeyValueProjection.Project(_key));
        plan.AddBands(layout.Keys, new KeyValueProjection.Project(_value));
        plan.AddBands(height * width, new Attend(this, layout));
    }

    public void Forward(FeatureMap x, VisionWorkspace workspace, FeatureMap destination)
    {
        Layout layout = new(this, x.Height, x.Width);
        FeatureMap n = new(workspace.Shared(0, x.Values.Length), x.Height, x.Width, _channels);
        workspace.Run(new Norm(this), x, new PixelRange(0, x.Pixels), n);

        FeatureMap key = layout.Map(workspace, layout.Key, _keyDim);
        FeatureMap value = layout.Map(workspace, layout.Value, _valueDim);
        workspace.Run(new KeyValueProjection.Project(_key), n, new PixelRange(0, layout.Keys), key);
        workspace.Run(new KeyValueProjection.Project(_value), n, new PixelRange(0, layout.Keys), value);
        ColumnProduct.PackTransposed(key.Values, _keyDim, layout.Keys, layout.PackedKey(workspace));
        ColumnProduct.Pack(value.Values, layout.Keys, _valueDim, layout.PackedValue(workspace));

        workspace.Run(new Attend(this, layout), x, new PixelRange(0, x.Pixels), destination);
    }

    /// <summary>What a block shares between its threads: n, K, V, and K and V packed for the products.</summary>
    readonly struct Layout
    {
        readonly int _height;
        readonly int _width;
        readonly long _packedKey;
        readonly long _packedValue;
        readonly int _packedKeyLength;
        readonly int _packedValueLength;

        public Layout(MobileAttention block, int height, int width)
        {
            (_height, _width) = block._key.OutputSize(height, width);
            Keys = _height * _width;
            _packedKeyLength = ColumnProduct.PackedLength(block._keyDim, Keys);
            _packedValueLength = ColumnProduct.PackedLength(Keys, block._valueDim);
            Key = VisionScratchPlan.Align((long)height * width * block._channels);
            Value = Key + VisionScratchPlan.Align((long)Keys * block._keyDim);
            _packedKey = Value + VisionScratchPlan.Align((long)Keys * block._valueDim);
            _packedValue = _packedKey + VisionScratchPlan.Align(_packedKeyLength);
            Length = _packedValue + VisionScratchPlan.Align(_packedValueLength);
        }

        public int Keys { get; }

        public long Key { get; }

        public long Value { get; }

        public long Length { get; }

        public FeatureMap Map(VisionWorkspace workspace, long start, int channels) =>
            new(workspace.Shared(start, Keys * channels), _height, _width, channels);

        public Span<float> PackedKey(VisionWorkspace workspace) => workspace.Shared(_packedKey, _packedKeyLength);

        public Span<float> PackedValue(VisionWorkspace workspace) => workspace.Shared(_packedValue, _packedValueLength);
    }

    readonly struct Norm(MobileAttention block) : IBandOperation
    {
        public long Scratch(int pixels) => 0;

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination) =>
            block._norm.Apply(x[range], destination);
    }

    /// <summary>Queries, attention, output projection, layer scale and residual.</summary>
    readonly struct Attend(MobileAttention block, Layout layout) : IBandOperation
    {
        public long Scratch(int pixels)
        {
            long rows = (long)pixels * block._heads;
            return (rows * (block._keyDim + block._valueDim)) + (Math.Min(rows, ScoreRows) * layout.Keys);
        }

        public void Forward(FeatureMap x, PixelRange range, Span<float> scratch, VisionWorkspace workspace, Span<float> destination)
        {
            int rows = range.Count * block._heads, keys = layout.Keys;
            ReadOnlySpan<float> n = new FeatureMap(workspace.Shared(0, x.Values.Length), x.Height, x.Width, x.Channels)[range];
            Span<float> query = scratch[..(rows * block._keyDim)];
            Span<float> mixed = scratch.Slice(query.Length, rows * block._valueDim);
            Span<float> scores = scratch[(query.Length + mixed.Length)..];
            ReadOnlySpan<float> key = layout.PackedKey(workspace), value = layout.PackedValue(workspace);

            ColumnProduct.Multiply(n, range.Count, block._queryProj, query);
            VectorMath.Scale(query, block._scale, query);
            for (int row = 0; row < rows; row += ScoreRows)
            {
                int count = Math.Min(ScoreRows, rows - row);
                Span<float> s = scores[..(count * keys)];
                ColumnProduct.Multiply(query[(row * block._keyDim)..], count, key, block._keyDim, keys, s);
                for (int i = 0; i < count; i++)
                {
                    Softmax.Apply(s.Slice(i * keys, keys));
                }
                ColumnProduct.Multiply(s, count, value, keys, block._valueDim, mixed[(row * block._valueDim)..]);
            }
            ColumnProduct.Multiply(mixed, range.Count, block._outputProj, destination);
            AddScaled(destination, block._skip ? x[range] : []);
        }

        void AddScaled(Span<float> y, ReadOnlySpan<float> residual)
        {
            for (int i = 0; i < y.Length; i += block.OutChannels)
            {
                Span<float> row = y.Slice(i, block.OutChannels);
                if (block._gamma.Length > 0)
                {
                    VectorMath.Multiply(row, block._gamma, row);
                }
                if (!residual.IsEmpty)
                {
                    VectorMath.Add(row, residual.Slice(i, block.OutChannels), row);
                }
            }
        }
    }
}
