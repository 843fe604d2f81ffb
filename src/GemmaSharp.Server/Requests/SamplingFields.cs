using System.Globalization;
using System.Text.Json;
using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.Requests;

/// <summary>How an answer is drawn, as OpenAI's requests say it and those that have added to them.</summary>
static class SamplingFields
{
    /// <summary>The most texts that may end an answer.</summary>
    public const int MostStops = 16;

    const int MostBiases = 1024;

    /// <summary>Reads them; what is not said is left to the checkpoint.</summary>
    /// <param name="body">The request.</param>
    /// <param name="options">The server's limits.</param>
    public static GenerationOptions Read(Fields body, GemmaServerOptions options)
    {
        double? topP = body.Number("top_p", 0, 1);
        return new GenerationOptions
        {
            MaxTokens = MaxTokens(body.Whole("max_completion_tokens", 1) ?? body.Whole("max_tokens", 1), options),
            Temperature = (float?)body.Number("temperature", 0, 2),
            TopP = TopP(topP),
            TopK = body.Whole("top_k", -1) is int k ? Math.Max(k, 0) : null,
            MinP = (float?)body.Number("min_p", 0, 1),
            RepetitionPenalty = RepetitionPenalty(body, "repetition_penalty") ?? RepetitionPenalty(body, "repeat_penalty"),
            PresencePenalty = (float)(body.Number("presence_penalty", -2, 2) ?? 0),
            FrequencyPenalty = (float)(body.Number("frequency_penalty", -2, 2) ?? 0),
            Seed = body.Long("seed") is long seed ? unchecked((ulong)seed) : null,
            Stop = Stops(body, "stop"),
            IgnoreEos = body.Flag("ignore_eos") ?? false,
            MinTokens = body.Whole("min_tokens", 0),
            LogitBias = Biases(body),
        };
    }

    /// <summary>The most tokens of an answer: as asked for, and no more than the server gives.</summary>
    public static int? MaxTokens(int? asked, GemmaServerOptions options) =>
        options.MaxAnswerTokens is int most ? Math.Min(asked ?? most, most) : asked;

    /// <summary>A nucleus of nothing is that of the most likely token.</summary>
    public static float? TopP(double? value) => value is double p ? Math.Max((float)p, float.Epsilon) : null;

    /// <summary>The texts that end an answer.</summary>
    public static IReadOnlyList<string> Stops(Fields body, string name) => [.. body.Texts(name, MostStops).Where(text => text.Length > 0)];

    /// <summary>The penalty of tokens that have been said; null for none. 1 is off.</summary>
    public static float? RepetitionPenalty(Fields body, string name) => body.Number(name, 0, 100) is not double penalty ? null
        : penalty > 0 ? (float)penalty : throw ApiException.Invalid(body.PathOf(name), $"{body.PathOf(name)} is 0; it must be above that, and 1 is off.");

    static Dictionary<int, float>? Biases(Fields body)
    {
        if (body.Object("logit_bias") is not Fields map)
        {
            return null;
        }

        var biases = new Dictionary<int, float>();
        foreach (JsonProperty bias in map.Element.EnumerateObject())
        {
            if (!int.TryParse(bias.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
            {
                throw ApiException.Invalid(
                    "logit_bias",
                    $"logit_bias has the key {Strangers.Shown(bias.Name)}, which is no token id; use ids such as \"1234\".");
            }

            biases[id] = (float)(map.Number(bias.Name, -100, 100) ?? 0);
            if (biases.Count > MostBiases)
            {
                throw ApiException.Invalid("logit_bias", $"logit_bias has more than {MostBiases} tokens; that many are taken.");
            }
        }

        return biases;
    }
}
