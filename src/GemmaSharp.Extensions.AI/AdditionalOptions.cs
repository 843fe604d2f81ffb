using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace GemmaSharp.Extensions.AI;

/// <summary>Options that have no property of their own, read from a dictionary: unknown ones are passed over, wrong values refused by name.</summary>
readonly struct AdditionalOptions(AdditionalPropertiesDictionary? values)
{
    public const string MinP = "min_p";
    public const string RepetitionPenalty = "repetition_penalty";
    public const string MinTokens = "min_tokens";
    public const string IgnoreEos = "ignore_eos";
    public const string ImageSize = "image_size";
    public const string Logprobs = "logprobs";
    public const string TopLogprobs = "top_logprobs";
    public const string Grammar = "grammar";
    public const string Regex = "regex";
    public const string InjectSchema = "inject_schema";
    public const string Strict = "strict";
    public const string Tenant = "tenant";

    public float? Float(string name) => Number(name) is double number ? (float)number : null;

    public int? Int(string name) => Number(name) switch
    {
        null => null,
        double number when number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue => (int)number,
        double number => throw Wrong(name, number, "a whole number"),
    };

    public bool? Bool(string name) => Value(name) switch
    {
        null => null,
        bool value => value,
        JsonElement { ValueKind: JsonValueKind.True } => true,
        JsonElement { ValueKind: JsonValueKind.False } => false,
        string text when bool.TryParse(text, out bool value) => value,
        object value => throw Wrong(name, value, "true or false"),
    };

    public string? Text(string name) => Value(name) switch
    {
        null => null,
        string text => text,
        JsonElement { ValueKind: JsonValueKind.String } json => json.GetString(),
        object value => throw Wrong(name, value, "a text"),
    };

    /// <summary>How many alternatives are reported with each token: a number, or true for none but the chosen one.</summary>
    public int? LogprobCount()
    {
        object? value = Value(Logprobs);
        bool? wanted = value is bool or JsonElement { ValueKind: JsonValueKind.True or JsonValueKind.False } ? Bool(Logprobs) : null;
        int? top = Int(TopLogprobs);
        return wanted switch
        {
            true => top ?? 0,
            false => null,
            null => value is null ? top : Int(Logprobs),
        };
    }

    double? Number(string name)
    {
        object? value = Value(name);
        double? number = value switch
        {
            null => null,
            JsonElement { ValueKind: JsonValueKind.Number } json => json.GetDouble(),
            double or float or decimal or int or long or short or sbyte or byte or uint or ulong or ushort or Half => Convert.ToDouble(
                value is Half half ? (float)half : value, CultureInfo.InvariantCulture),
            string text when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) => parsed,
            JsonElement { ValueKind: JsonValueKind.String } json when double.TryParse(
                json.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out double parsed) => parsed,
            _ => throw Wrong(name, value, "a number"),
        };
        return number is null || double.IsFinite(number.Value) ? number : throw Wrong(name, value!, "a finite number");
    }

    /// <summary>A value; a JSON null is none.</summary>
    object? Value(string name) =>
        values is null || !values.TryGetValue(name, out object? value) || value is JsonElement { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined }
            ? null
            : value;

    static ArgumentException Wrong(string name, object value, string needed)
    {
        string found = value is JsonElement json ? json.ToString() : Convert.ToString(value, CultureInfo.InvariantCulture) ?? value.GetType().Name;
        return new ArgumentException(
            $"The additional property {name} is {(found.Length > 60 ? found[..60] + "…" : found)}; it must be {needed}, or be left out.", name);
    }
}
