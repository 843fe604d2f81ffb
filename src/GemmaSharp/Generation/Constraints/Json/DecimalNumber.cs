using System.Globalization;
using System.Numerics;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>A number as JSON writes it, exactly: <c>Mantissa · 10^Exponent</c>, without zeros at the mantissa's end.</summary>
readonly record struct DecimalNumber(BigInteger Mantissa, int Exponent) : IComparable<DecimalNumber>
{
    /// <summary>The largest power of ten that is read; doubles end at 308.</summary>
    const int LargestExponent = 400;

    /// <summary>Zero.</summary>
    public static DecimalNumber Zero => default;

    /// <summary>−1, 0 or 1.</summary>
    public int Sign => Mantissa.Sign;

    /// <summary>Whether it has no fraction.</summary>
    public bool IsInteger => Exponent >= 0;

    /// <summary>Reads JSON's spelling.</summary>
    /// <returns>False where it has more digits than are read.</returns>
    public static bool TryParse(ReadOnlySpan<char> text, out DecimalNumber number)
    {
        number = default;
        int e = text.IndexOfAny('e', 'E');
        int exponent = 0;
        if (e >= 0 && !int.TryParse(text[(e + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
        {
            return false;
        }

        ReadOnlySpan<char> digits = e < 0 ? text : text[..e];
        int point = digits.IndexOf('.');
        if (point >= 0)
        {
            exponent -= digits.Length - point - 1;
        }

        if (digits.Length > 2 * LargestExponent || Math.Abs((long)exponent) > LargestExponent)
        {
            return false;
        }

        string whole = point < 0 ? digits.ToString() : string.Concat(digits[..point], digits[(point + 1)..]);
        if (!BigInteger.TryParse(whole, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out BigInteger mantissa))
        {
            return false;
        }

        if (mantissa.IsZero)
        {
            return true;
        }

        while (mantissa % 10 == 0)
        {
            mantissa /= 10;
            exponent++;
        }

        number = new DecimalNumber(mantissa, exponent);
        return true;
    }

    public static DecimalNumber operator -(DecimalNumber x) => x with { Mantissa = -x.Mantissa };

    /// <summary>Its magnitude's digits before the point (none for 0) and after it.</summary>
    public (string Whole, string Fraction) Digits()
    {
        string digits = BigInteger.Abs(Mantissa).ToString(CultureInfo.InvariantCulture);
        return Mantissa.IsZero ? ("", "")
            : Exponent >= 0 ? (digits + new string('0', Exponent), "")
            : digits.Length > -Exponent ? (digits[..^-Exponent], digits[^-Exponent..])
            : ("", new string('0', -Exponent - digits.Length) + digits);
    }

    public int CompareTo(DecimalNumber other)
    {
        int common = Math.Min(Exponent, other.Exponent);
        return Scaled(common).CompareTo(other.Scaled(common));
    }

    /// <summary>As a multiple of a power of ten that divides it.</summary>
    public BigInteger Scaled(int exponent) => Mantissa * BigInteger.Pow(10, Exponent - exponent);

    public static bool operator <(DecimalNumber x, DecimalNumber y) => x.CompareTo(y) < 0;

    public static bool operator >(DecimalNumber x, DecimalNumber y) => x.CompareTo(y) > 0;

    public static bool operator <=(DecimalNumber x, DecimalNumber y) => x.CompareTo(y) <= 0;

    public static bool operator >=(DecimalNumber x, DecimalNumber y) => x.CompareTo(y) >= 0;

    /// <summary>Whether it is a whole number of times another.</summary>
    public bool IsMultipleOf(DecimalNumber other)
    {
        int common = Math.Min(Exponent, other.Exponent);
        return (Scaled(common) % other.Scaled(common)).IsZero;
    }
}
