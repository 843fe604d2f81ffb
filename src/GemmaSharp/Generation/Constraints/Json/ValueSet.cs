using System.Text.Json;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>JSON values that are looked up by what they are, so that long lists cost no more than their length. Not thread-safe.</summary>
sealed class ValueSet
{
    readonly HashSet<(JsonValueKind Kind, string Text)> _scalars = [];
    readonly HashSet<DecimalNumber> _numbers = [];
    readonly List<JsonElement> _others = [];

    /// <summary>Takes values.</summary>
    public ValueSet(IEnumerable<JsonElement> values)
    {
        foreach (JsonElement value in values)
        {
            if (value.ValueKind is JsonValueKind.Array or JsonValueKind.Object)
            {
                _others.Add(value);
            }
            else if (value.ValueKind == JsonValueKind.Number && DecimalNumber.TryParse(value.GetRawText(), out DecimalNumber number))
            {
                _numbers.Add(number);
            }
            else
            {
                _scalars.Add(Key(value));
            }
        }
    }

    /// <summary>Whether an equal value is among them.</summary>
    public bool Contains(JsonElement value) =>
        value.ValueKind is JsonValueKind.Array or JsonValueKind.Object ? _others.Exists(other => JsonElement.DeepEquals(other, value))
        : value.ValueKind == JsonValueKind.Number && DecimalNumber.TryParse(value.GetRawText(), out DecimalNumber number) ? _numbers.Contains(number)
        : _scalars.Contains(Key(value));

    static (JsonValueKind Kind, string Text) Key(JsonElement value) =>
        (value.ValueKind, value.ValueKind == JsonValueKind.String ? value.GetString()! : value.GetRawText());
}
