using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace GemmaSharp.Checkpoints.Gguf;

/// <summary>The keys and values of a GGUF file.</summary>
/// <remarks>
/// Numbers are held as <see cref="long"/>, <see cref="ulong"/> beyond that, or <see cref="double"/>; lists as typed arrays or <see cref="GgufStrings"/>. Asking
/// for a value of another kind than the key has is refused with the key's name. Immutable, thread-safe.
/// </remarks>
sealed class GgufMetadata(string file, IReadOnlyDictionary<string, object> values)
{
    /// <summary>All keys.</summary>
    public IEnumerable<string> Keys => values.Keys;

    /// <summary>Whether there is a key.</summary>
    public bool Contains(string key) => values.ContainsKey(key);

    /// <summary>What a key has: a number, a <see cref="bool"/>, a <see cref="string"/>, an array or <see cref="GgufStrings"/>.</summary>
    public bool TryGet(string key, [NotNullWhen(true)] out object? value) => values.TryGetValue(key, out value);

    /// <summary>A text; null without the key.</summary>
    /// <exception cref="GgufException">It is something else.</exception>
    public string? Text(string key) => Value<string>(key, "a text");

    /// <summary>A truth value; null without the key.</summary>
    /// <exception cref="GgufException">It is something else.</exception>
    public bool? Flag(string key) => TryGet(key, out object? value) ? value as bool? ?? throw Wrong(key, value, "true or false") : null;

    /// <summary>A list of texts; null without the key.</summary>
    /// <exception cref="GgufException">It is something else.</exception>
    public GgufStrings? Texts(string key) => Value<GgufStrings>(key, "a list of texts");

    /// <summary>A number; null without the key.</summary>
    /// <exception cref="GgufException">It is something else.</exception>
    public double? Number(string key) => !TryGet(key, out object? value) ? null : AsNumber(value) ?? throw Wrong(key, value, "a number");

    /// <summary>A whole number, whatever type it is stored as; null without the key.</summary>
    /// <exception cref="GgufException">It is something else, or outside the range.</exception>
    public int? Int(string key, int least = 0, int most = int.MaxValue)
    {
        if (!TryGet(key, out object? value))
        {
            return null;
        }

        // Early files hold the number of shared layers as 10.0.
        return AsNumber(value) is double number && number == Math.Floor(number) && number >= least && number <= most
            ? (int)number
            : throw Wrong(key, value, FormattableString.Invariant($"a whole number from {least} to {most}"));
    }

    /// <summary>A list of numbers of any type; null without the key or where it is one number.</summary>
    /// <exception cref="GgufException">It is a list of something else.</exception>
    public double[]? Numbers(string key)
    {
        if (!TryGet(key, out object? value) || value is not (Array or GgufStrings))
        {
            return null;
        }

        // By the type itself: to the runtime a list of signed numbers is also one of unsigned ones.
        return value is not Array list ? throw Wrong(key, value, "a list of numbers") : Type.GetTypeCode(list.GetType().GetElementType()) switch
        {
            TypeCode.Byte => Array.ConvertAll((byte[])list, each => (double)each),
            TypeCode.SByte => Array.ConvertAll((sbyte[])list, each => (double)each),
            TypeCode.UInt16 => Array.ConvertAll((ushort[])list, each => (double)each),
            TypeCode.Int16 => Array.ConvertAll((short[])list, each => (double)each),
            TypeCode.UInt32 => Array.ConvertAll((uint[])list, each => (double)each),
            TypeCode.Int32 => Array.ConvertAll((int[])list, each => (double)each),
            TypeCode.Single => Array.ConvertAll((float[])list, each => (double)each),
            TypeCode.UInt64 => Array.ConvertAll((ulong[])list, each => (double)each),
            TypeCode.Int64 => Array.ConvertAll((long[])list, each => (double)each),
            TypeCode.Boolean => Array.ConvertAll((bool[])list, each => each ? 1.0 : 0.0),
            _ => (double[])list,
        };
    }

    /// <summary>The refusal of a value.</summary>
    public GgufException Wrong(string key, object value, string needed) => new(file, $"has {key} = {Show(value)}; {needed} is needed.");

    /// <summary>A value for messages and listings.</summary>
    public static string Show(object value) => value switch
    {
        GgufStrings texts => $"[{texts.Count} texts]",
        Array { Length: > 8 } list => $"[{list.Length} values]",
        Array list => $"[{string.Join(", ", list.Cast<object>().Select(Show))}]",
        string text => $"\"{GgufHeader.Shown(text)}\"",
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    static double? AsNumber(object value) => value switch
    {
        long whole => whole,
        ulong whole => whole,
        double real => real,
        _ => null,
    };

    T? Value<T>(string key, string needed)
        where T : class => TryGet(key, out object? value) ? value as T ?? throw Wrong(key, value, needed) : null;
}
