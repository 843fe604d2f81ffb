using System.Text.Json;

namespace GemmaSharp.Server.Http;

/// <summary>The fields of a JSON object in a request. A null is as good as none: clients send them for whatever they leave open.</summary>
/// <param name="element">The object.</param>
/// <param name="path">Where it is in the request; empty for the whole.</param>
readonly struct Fields(JsonElement element, string path = "")
{
    /// <summary>The object.</summary>
    public JsonElement Element { get; } = element;

    /// <summary>Where it is in the request; empty for the whole.</summary>
    public string Path { get; } = path;

    /// <summary>The fields of an object.</summary>
    /// <exception cref="ApiException">It is none.</exception>
    public static Fields Of(JsonElement element, string path = "") => element.ValueKind == JsonValueKind.Object
        ? new Fields(element, path)
        : throw ApiException.Invalid(
            path.Length == 0 ? null : path, $"{(path.Length == 0 ? "The body" : path)} is {Kind(element)}; it must be a JSON object.");

    /// <summary>The name of a field as errors say it.</summary>
    public string PathOf(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    /// <summary>Whether there is something in a field.</summary>
    public bool Has(string name) => TryGet(name, out _);

    /// <summary>What is in a field, if there is something.</summary>
    public bool TryGet(string name, out JsonElement value) => Element.TryGetProperty(name, out value) && value.ValueKind != JsonValueKind.Null;

    /// <summary>A text; null for none.</summary>
    public string? Text(string name) => !TryGet(name, out JsonElement value) ? null
        : value.ValueKind == JsonValueKind.String ? Decoded(value, PathOf(name)) : throw Wrong(name, value, "a text");

    /// <summary>A text that must be there.</summary>
    public string RequiredText(string name) => Text(name) ?? throw ApiException.Missing(PathOf(name), "a text");

    /// <summary>A text of limited length that names something; null for none.</summary>
    public string? Name(string name)
    {
        const int Longest = 256;
        string? text = Text(name);
        return text is not { Length: > Longest } ? text
            : throw ApiException.Invalid(PathOf(name), $"{PathOf(name)} has {text.Length} characters; at most {Longest} are taken.");
    }

    /// <summary>Whether something is wanted; null where nothing is said.</summary>
    public bool? Flag(string name) => !TryGet(name, out JsonElement value) ? null
        : value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(name, value, "true or false");

    /// <summary>A whole number in a range, however it is spelled; null for none.</summary>
    public int? Whole(string name, int min, int max = int.MaxValue)
    {
        if (Number(name, double.NegativeInfinity, double.PositiveInfinity) is not double number)
        {
            return null;
        }

        return double.IsInteger(number) && number >= min && number <= max ? (int)number
            : throw ApiException.Invalid(PathOf(name), $"{PathOf(name)} is {Shown(Element.GetProperty(name))}; it must be a whole number {Range(min, max)}.");
    }

    /// <summary>A whole number of 64 bits; null for none.</summary>
    public long? Long(string name)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetInt64(out long number))
            {
                return number;
            }

            // Seeds are sometimes spelled without a sign, and counts as 1.0.
            if (value.TryGetUInt64(out ulong large))
            {
                return unchecked((long)large);
            }

            if (value.TryGetDouble(out double real) && double.IsInteger(real) && Math.Abs(real) < 1L << 53)
            {
                return (long)real;
            }
        }

        throw Wrong(name, value, "a whole number of 64 bits");
    }

    /// <summary>A number in a range; null for none.</summary>
    public double? Number(string name, double min, double max)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return null;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number) && number >= min && number <= max
            ? number
            : throw Wrong(name, value, double.IsInfinity(min) ? "a number" : FormattableString.Invariant($"a number from {min} to {max}"));
    }

    /// <summary>An object; null for none.</summary>
    public Fields? Object(string name) => TryGet(name, out JsonElement value) ? Of(value, PathOf(name)) : null;

    /// <summary>The elements of a list with where they are; none for no list.</summary>
    /// <param name="name">The field.</param>
    /// <param name="most">How many are taken.</param>
    public IEnumerable<(JsonElement Element, string Path)> List(string name, int most)
    {
        if (!TryGet(name, out JsonElement value))
        {
            return [];
        }

        string path = PathOf(name);
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw Wrong(name, value, "a list");
        }

        int count = value.GetArrayLength();
        return count <= most
            ? value.EnumerateArray().Select((element, i) => (element, FormattableString.Invariant($"{path}[{i}]")))
            : throw ApiException.Invalid(path, FormattableString.Invariant($"{path} has {count} elements; at most {most} are taken."));
    }

    /// <summary>A text, or a list of texts; none for neither.</summary>
    public IReadOnlyList<string> Texts(string name, int most)
    {
        if (TryGet(name, out JsonElement value) && value.ValueKind == JsonValueKind.String)
        {
            return [Decoded(value, PathOf(name))];
        }

        return [.. List(name, most).Select(each => each.Element.ValueKind == JsonValueKind.String
            ? Decoded(each.Element, each.Path)
            : throw ApiException.Invalid(each.Path, $"{each.Path} is {Kind(each.Element)}; it must be a text."))];
    }

    /// <summary>The refusal of a field's value.</summary>
    public ApiException Wrong(string name, JsonElement value, string needed) =>
        ApiException.Invalid(PathOf(name), $"{PathOf(name)} is {Shown(value)}; it must be {needed}.");

    /// <summary>A value for a sentence: short ones as they are, others by their kind.</summary>
    public static string Shown(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False when value.GetRawText() is { Length: <= 40 } text => text,
        JsonValueKind.String when value.GetRawText() is { Length: <= 40 } text => text,
        _ => Kind(value),
    };

    /// <summary>What kind of value it is.</summary>
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => "a text",
        JsonValueKind.Number => "a number",
        JsonValueKind.True => "true",
        JsonValueKind.False => "false",
        _ => "null",
    };

    static string Decoded(JsonElement value, string path)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw ApiException.Invalid(path, $"{path} has half of a surrogate pair, which is no character; send whole ones.");
        }
    }

    static string Range(int min, int max) => FormattableString.Invariant(max == int.MaxValue ? $"of {min} or more" : (FormattableString)$"from {min} to {max}");
}
