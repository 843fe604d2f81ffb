using System.Diagnostics;
using GemmaSharp.Numerics.Matrices;

namespace GemmaSharp.Layers;

/// <summary>What a pass is doing, as far as a profile tells it apart.</summary>
enum PassPart
{
    /// <summary>Products with weights, but for those that belong to another part.</summary>
    Products,

    /// <summary>Scores, softmax and weighted sums over the cache.</summary>
    Attention,

    /// <summary>RMS norms.</summary>
    Norms,

    /// <summary>Rotary embedding.</summary>
    Rope,

    /// <summary>AltUp's predictions and corrections, with their small norms and products.</summary>
    AltUp,

    /// <summary>Gates, activations, sums and the like, row by row.</summary>
    Elementwise,

    /// <summary>Rows of the embedding tables.</summary>
    Embeddings,

    /// <summary>Writing keys and values.</summary>
    Cache,

    /// <summary>The product with the output head, and the soft cap.</summary>
    Logits,
}

/// <summary>Where the time of passes goes: the clock of the thread that drives them, cut into parts that do not overlap.</summary>
/// <remarks>
/// What begins inside a part belongs to it, so the outermost name counts. A part's time includes the starts of its loops and the wait for the slowest thread.
/// Nobody's pass has a profile unless it is asked for. One thread at a time.
/// </remarks>
sealed class PassProfile
{
    readonly Tally[] _parts = new Tally[Enum.GetValues<PassPart>().Length];
    readonly Dictionary<string, Tally> _products = [];
    bool _isInside;

    /// <summary>What a part has come to.</summary>
    /// <param name="Ticks">Time, in ticks of <see cref="Stopwatch"/>.</param>
    /// <param name="Bytes">Stored bytes of the weights that products read.</param>
    /// <param name="Operations">Operations of products; a multiply-add is two.</param>
    public readonly record struct Tally(long Ticks, double Bytes, double Operations)
    {
        /// <summary>Time in seconds.</summary>
        public double Seconds => (double)Ticks / Stopwatch.Frequency;

        /// <summary>Both together.</summary>
        public static Tally operator +(Tally left, Tally right) =>
            new(left.Ticks + right.Ticks, left.Bytes + right.Bytes, left.Operations + right.Operations);
    }

    /// <summary>A part's tally.</summary>
    public Tally this[PassPart part] => _parts[(int)part];

    /// <summary>Of the products that are a part of their own: the tally of each kind of layer, by the last name of its path that is no number.</summary>
    public IReadOnlyDictionary<string, Tally> Products => _products;

    /// <summary>A stretch of a pass; ends with its scope.</summary>
    public readonly ref struct Section
    {
        readonly PassProfile? _profile;
        readonly PassPart _part;
        readonly string? _product;
        readonly long _start;
        readonly double _bytes, _operations;

        internal Section(PassProfile? profile, PassPart part, Linear? layer = null, int rows = 0)
        {
            if (profile is null or { _isInside: true })
            {
                return;
            }

            if (layer?.Weight is WeightMatrix weight)
            {
                (_bytes, _operations) = (weight.StoredBytes, 2.0 * rows * weight.Rows * weight.Columns);
                _product = part == PassPart.Products ? Kind(layer.Path) : null;
            }

            profile._isInside = true;
            (_profile, _part, _start) = (profile, part, Stopwatch.GetTimestamp());
        }

        /// <summary>Ends it.</summary>
        public void Dispose()
        {
            if (_profile is not null)
            {
                Tally tally = new(Stopwatch.GetTimestamp() - _start, _bytes, _operations);
                _profile._parts[(int)_part] += tally;
                if (_product is not null)
                {
                    _profile._products[_product] = _profile._products.GetValueOrDefault(_product) + tally;
                }

                _profile._isInside = false;
            }
        }

        static string Kind(string path)
        {
            string[] names = path.Split('.');
            return Array.FindLast(names, name => !char.IsAsciiDigit(name[0])) ?? path;
        }
    }
}
