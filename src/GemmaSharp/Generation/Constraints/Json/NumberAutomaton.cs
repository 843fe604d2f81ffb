using System.Numerics;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>What a number has to be. Immutable.</summary>
sealed record NumberRange
{
    /// <summary>The least, if any.</summary>
    public DecimalNumber? Min { get; init; }

    /// <summary>Whether the least itself is out.</summary>
    public bool IsMinExclusive { get; init; }

    /// <summary>The most, if any.</summary>
    public DecimalNumber? Max { get; init; }

    /// <summary>Whether the most itself is out.</summary>
    public bool IsMaxExclusive { get; init; }

    /// <summary>What it is a whole number of times of; above zero.</summary>
    public DecimalNumber? MultipleOf { get; init; }

    /// <summary>Whether it is written without a point.</summary>
    public bool IsInteger { get; init; }

    /// <summary>Whether only the sign counts, so that exponents can be allowed.</summary>
    public bool IsSignOnly => !IsInteger && MultipleOf is null && (Min is null || Min.Value.Sign == 0) && (Max is null || Max.Value.Sign == 0);

    /// <summary>Raises the least.</summary>
    public NumberRange AtLeast(DecimalNumber value, bool exclusive) =>
        Min is null || value > Min.Value || (value == Min.Value && exclusive) ? this with { Min = value, IsMinExclusive = exclusive } : this;

    /// <summary>Lowers the most.</summary>
    public NumberRange AtMost(DecimalNumber value, bool exclusive) =>
        Max is null || value < Max.Value || (value == Max.Value && exclusive) ? this with { Max = value, IsMaxExclusive = exclusive } : this;

    /// <summary>A multiple of another number as well: of the least common multiple.</summary>
    public NumberRange Multiple(DecimalNumber value)
    {
        if (MultipleOf is not DecimalNumber other)
        {
            return this with { MultipleOf = value };
        }

        int common = Math.Min(value.Exponent, other.Exponent);
        BigInteger x = value.Scaled(common), y = other.Scaled(common);
        return this with { MultipleOf = new DecimalNumber(x / BigInteger.GreatestCommonDivisor(x, y) * y, common) };
    }

    /// <summary>Whether a number is in the range.</summary>
    public bool Contains(DecimalNumber value) =>
        (Min is not DecimalNumber min || value > min || (value == min && !IsMinExclusive))
        && (Max is not DecimalNumber max || value < max || (value == max && !IsMaxExclusive))
        && (MultipleOf is not DecimalNumber of || value.IsMultipleOf(of))
        && (!IsInteger || value.IsInteger);
}

/// <summary>
/// The spellings, without exponents, of the numbers of a range: digits are compared with those of the bounds, and their remainder kept, as they come.
/// </summary>
/// <remarks>Thread-safe.</remarks>
sealed class NumberAutomaton : Automaton
{
    readonly Lock _lock = new();
    readonly NumberRange _range;
    readonly Branch _positive;
    readonly Branch _negative;
    readonly List<Place> _places = [];
    readonly Dictionary<Place, int> _numbers = [];
    readonly BigInteger _modulus;
    readonly int _decimals;
    readonly int _digits;

    /// <summary>Makes the automaton; its first state is 0.</summary>
    public NumberAutomaton(NumberRange range)
    {
        _range = range;
        _positive = new Branch(
            range.Min is { Sign: > 0 } or { Sign: 0 } && (range.Min.Value.Sign > 0
                || range.IsMinExclusive) ? Bound.Of(range.Min.Value, range.IsMinExclusive) : null,
            range.Max is DecimalNumber max ? max.Sign < 0 ? Bound.None : Bound.Of(max, range.IsMaxExclusive) : null);
        _negative = new Branch(
            range.Max is { Sign: <= 0 } and DecimalNumber top && (top.Sign < 0 || range.IsMaxExclusive) ? Bound.Of(-top, range.IsMaxExclusive) : null,
            range.Min is DecimalNumber min ? min.Sign > 0 ? Bound.None : Bound.Of(-min, range.IsMinExclusive) : null);
        if (range.MultipleOf is DecimalNumber of)
        {
            _decimals = Math.Max(0, -of.Exponent);
            _modulus = of.Scaled(-_decimals);
        }

        Bound?[] bounds = [_positive.Least, _positive.Most, _negative.Least, _negative.Most];
        _digits = 1 + bounds.Max(bound => Math.Max(bound?.Whole.Length ?? 0, bound?.Fraction.Length ?? 0));
        Add(new Place(Phase.Start, false, 0, 0, 0, 0));
    }

    enum Phase : byte
    {
        Start,
        Sign,
        Zero,
        Whole,
        Point,
        Fraction,
    }

    /// <summary>A bound on the magnitude, digit by digit.</summary>
    sealed record Bound(string Whole, string Fraction, bool IsExclusive)
    {
        /// <summary>A most that nothing is below.</summary>
        public static readonly Bound None = new("", "", true);

        public static Bound Of(DecimalNumber value, bool isExclusive)
        {
            (string whole, string fraction) = value.Digits();
            return new Bound(whole, fraction, isExclusive);
        }
    }

    /// <summary>The bounds on the magnitude of numbers of one sign.</summary>
    readonly record struct Branch(Bound? Least, Bound? Most);

    /// <summary>Where a number is.</summary>
    /// <param name="Phase">In which part of its spelling.</param>
    /// <param name="IsNegative">Its sign.</param>
    /// <param name="Count">Digits of the part so far, counted as far as it matters.</param>
    /// <param name="Least">How its digits so far compare with the least's.</param>
    /// <param name="Most">How they compare with the most's.</param>
    /// <param name="Remainder">Of the digits so far, scaled.</param>
    readonly record struct Place(Phase Phase, bool IsNegative, int Count, int Least, int Most, BigInteger Remainder);

    public override int Next(int state, int b)
    {
        lock (_lock)
        {
            return Step(_places[state], b) is Place next ? Add(next) : -1;
        }
    }

    public override bool Accepts(int state)
    {
        lock (_lock)
        {
            Place place = _places[state];
            if (place.Phase is Phase.Start or Phase.Sign or Phase.Point)
            {
                return false;
            }

            if (place.Phase != Phase.Fraction)
            {
                place = EndWhole(place);
            }

            Branch branch = place.IsNegative ? _negative : _positive;
            return (branch.Least is not Bound least || Holds(Final(least, place.Least, place.Count), least))
                && (branch.Most is not Bound most || Holds(-Final(most, place.Most, place.Count), most))
                && IsWhole(place);
        }
    }

    static bool Holds(int comparison, Bound bound) => comparison > 0 || (comparison == 0 && !bound.IsExclusive);

    Place? Step(Place place, int b)
    {
        switch (place.Phase)
        {
            case Phase.Start when b == '-':
                return place with { Phase = Phase.Sign, IsNegative = true };
            case Phase.Start or Phase.Sign when b == '0':
                return place with { Phase = Phase.Zero };
            case Phase.Start or Phase.Sign when b is >= '1' and <= '9':
            case Phase.Whole when b is >= '0' and <= '9':
                return WholeDigit(place with { Phase = Phase.Whole }, b - '0');
            case Phase.Zero or Phase.Whole when b == '.' && !_range.IsInteger:
                return EndWhole(place) with { Phase = Phase.Point };
            case Phase.Point or Phase.Fraction when b is >= '0' and <= '9':
                return FractionDigit(place with { Phase = Phase.Fraction }, b - '0');
            default:
                return null;
        }
    }

    Place WholeDigit(Place place, int digit)
    {
        Branch branch = place.IsNegative ? _negative : _positive;
        return place with
        {
            Least = Compare(place.Least, digit, branch.Least?.Whole, place.Count),
            Most = Compare(place.Most, digit, branch.Most?.Whole, place.Count),
            Count = Math.Min(place.Count + 1, _digits),
            Remainder = _modulus.IsZero ? 0 : ((place.Remainder * 10) + digit) % _modulus,
        };

        static int Compare(int before, int digit, string? bound, int count) =>
            before != 0 || bound is null || count >= bound.Length ? before : digit.CompareTo(bound[count] - '0');
    }

    /// <summary>The whole part is complete: more digits are more, fewer are less.</summary>
    Place EndWhole(Place place)
    {
        Branch branch = place.IsNegative ? _negative : _positive;
        return place with
        {
            Least = Compare(place.Least, branch.Least?.Whole, place.Count),
            Most = Compare(place.Most, branch.Most?.Whole, place.Count),
            Count = 0,
        };

        static int Compare(int digits, string? bound, int count) =>
            bound is null ? 0 : count != bound.Length ? count.CompareTo(bound.Length) : digits;
    }

    Place? FractionDigit(Place place, int digit)
    {
        Branch branch = place.IsNegative ? _negative : _positive;
        if (!_modulus.IsZero && place.Count >= _decimals && digit != 0)
        {
            return null;
        }

        return place with
        {
            Least = Compare(place.Least, digit, branch.Least?.Fraction, place.Count),
            Most = Compare(place.Most, digit, branch.Most?.Fraction, place.Count),
            Count = Math.Min(place.Count + 1, Math.Max(_digits, _decimals + 1)),
            Remainder = _modulus.IsZero || place.Count >= _decimals ? place.Remainder : ((place.Remainder * 10) + digit) % _modulus,
        };

        static int Compare(int before, int digit, string? bound, int count) =>
            before != 0 || bound is null ? before : digit.CompareTo(count < bound.Length ? bound[count] - '0' : 0);
    }

    /// <summary>How the number compares with a bound once no digit comes any more.</summary>
    static int Final(Bound bound, int digits, int fraction) => digits != 0 ? digits : fraction < bound.Fraction.Length ? -1 : 0;

    bool IsWhole(Place place)
    {
        if (_modulus.IsZero)
        {
            return true;
        }

        BigInteger rest = place.Remainder * BigInteger.Pow(10, Math.Max(0, _decimals - (place.Phase == Phase.Fraction ? place.Count : 0)));
        return (rest % _modulus).IsZero;
    }

    int Add(Place place)
    {
        if (!_numbers.TryGetValue(place, out int number))
        {
            number = _places.Count;
            _places.Add(place);
            _numbers.Add(place, number);
        }

        return number;
    }
}
