using System.Text.Json;
using System.Text.RegularExpressions;
using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.Ollama;

/// <summary>How long the model is to stay after a request: <c>keep_alive</c>. It stays anyway, since other requests need it, too.</summary>
static partial class KeepAliveField
{
    const int Longest = 32;

    /// <summary>Whether it is to go at once.</summary>
    /// <param name="body">The request.</param>
    /// <exception cref="ApiException">It is neither seconds nor a duration.</exception>
    public static bool IsUnload(Fields body)
    {
        if (!body.TryGet("keep_alive", out JsonElement value))
        {
            return false;
        }

        if (value.ValueKind == JsonValueKind.Number)
        {
            return value.GetDouble() == 0;
        }

        string? text = value.ValueKind == JsonValueKind.String ? body.Text("keep_alive") : null;
        return text is { Length: <= Longest } && (Duration().IsMatch(text) || Seconds().IsMatch(text))
            ? !text.Any(c => c is >= '1' and <= '9')
            : throw body.Wrong("keep_alive", value, "seconds, or a time such as \"5m\" or \"1h30m\"; below zero is for ever");
    }

    // As Go writes durations.
    [GeneratedRegex(@"^[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+\z")]
    private static partial Regex Duration();

    // People forget the unit.
    [GeneratedRegex(@"^[+-]?[0-9]+(?:\.[0-9]+)?\z")]
    private static partial Regex Seconds();
}
