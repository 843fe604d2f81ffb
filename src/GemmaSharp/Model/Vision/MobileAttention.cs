using GemmaSharp.Layers;
using GemmaSharp.Numerics.Kernels;

namespace GemmaSharp.Model.Vision;

/// <summary>
/// Attention over pixels, with one key head and one value head that all query heads share:
/// <c>γ ⊙ output · softmax(Q Kᵀ / √d) V [+ x]</c>, where Q, K and V come from <c>n = norm(x)</c>.
/// </summary>
/// <remarks>
/// A pixel's query heads lie side by side, so pixels × heads are simply the rows of two matrix products. Scores exist for a
/// few rows at a time. Source: <c>MobileAttention</c>, <c>MultiQueryAttention2d</c> of timm. Immutable, thread-safe.
/// </remarks>
sealed class MobileAttention(ParameterScope scope, VisionBlockShape shape) : IVisionBlock
{
    /// <summary>Query rows whose scores exist at once, per thread: some 110 KB where there are 576 keys.</summary>
    const int ScoreRows = 48;

    readonly int _heads = shape.Args.NumHeads;
    readonly int _keyDim = shape.Args.KeyDim;
    readonly int _valueDim = shape.Args.ValueDim;
    readonly bool _skip = shape.Skip;
    readonly ReducedProducts? _products = scope.ReducedProducts;
    readonly RmsNorm _norm = scope.Norm("norm", shape.InChannels);
    readonly Convolution _query = new(scope["attn.query"], "proj", shape.InChannels, shape.Args.NumHeads * shape.Args.KeyDim);
    readonly KeyValueProjection _key = new(scope["attn.key"], shape, shape.Args.KeyDim);
    readonly KeyValueProjection _value = new(scope["attn.value"], shape, shape.Args.ValueDim);
    readonly Convolution _output = new(scope["attn.output"], "proj", shape.Args.NumHeads * shape.Args.ValueDim, shape.OutChannels);
    readonly float[] _gamma = shape.LayerScale ? scope.Vector("layer_scale.gamma", shape.OutChannels) : [];
    readonly float _scale = (float)(1 / Math.Sqrt(shape.Args.KeyDim));

    public void Forward(FeatureMap x, FeatureMap y, Pass p)
    {
        var n = new FeatureMap(_norm.Forward(x.Pixels, p), x.Height, x.Width);
        bool reduced = _products?.Applies ?? false;
        PackedMatrix keys = PackedMatrix.OfTransposed(_key.Forward(n, p), reduced, p), values = PackedMatrix.Of(_value.Forward(n, p), reduced, p);
        p.Bands((block: this, x, n, keys, values, y), y.All, _heads * (_keyDim + _valueDim), ScoreRows * keys.Columns, static (b, band, s) =>
        {
            Rows mixed = b.block.Attend(b.n[band], b.keys, b.values, s);
            PixelNorm.Residual(b.block._output.Forward(mixed, b.y[band]), b.block._gamma, b.block._skip ? b.x[band] : null);
        });
    }

    /// <summary><c>softmax(Q Kᵀ / √d) V</c> of some pixels, their heads side by side.</summary>
    Rows Attend(Rows n, PackedMatrix keys, PackedMatrix values, Scratch s)
    {
        Rows q = _query.Forward(n, s).Reshape(_keyDim), mixed = s.New(q.Count, _valueDim), scores = s.New(ScoreRows, keys.Columns);
        VectorMath.Scale(q.Span, _scale, q.Span);
        for (int first = 0; first < q.Count; first += ScoreRows)
        {
            int count = Math.Min(ScoreRows, q.Count - first);
            Rows weights = keys.Multiply(q.Slice(first, count), scores.Slice(0, count));
            for (int i = 0; i < count; i++)
            {
                Softmax.Apply(weights[i]);
            }

            values.Multiply(weights, mixed.Slice(first, count));
        }

        return mixed.Reshape(_heads * _valueDim);
    }
}
