using System.Text.Json;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Ollama;

/// <summary>How an answer is drawn, as Ollama's <c>options</c> say it. What is left open is the checkpoint's, not Ollama's.</summary>
static class OllamaOptions
{
    const int MostTopLogprobs = 20;

    static readonly JsonElement s_none = JsonDocument.Parse("{}").RootElement.Clone();

    static readonly string[] s_ofSetUp = ["num_batch", "num_gpu", "main_gpu", "num_thread"];

    /// <summary>
    /// Options that are understood, and those that say how a runner is set up, which is not for a request to say. Of others, the log tells once.
    /// </summary>
    static readonly HashSet<string> s_known =
    [
        "num_predict", "seed", "temperature", "top_k", "top_p", "min_p", "repeat_penalty", "repeat_last_n", "presence_penalty", "frequency_penalty", "stop",
        "num_ctx", .. s_ofSetUp, "use_mmap",
    ];

    /// <summary>Reads them.</summary>
    /// <param name="context">The request.</param>
    /// <param name="body">Its fields.</param>
    /// <param name="model">Who answers.</param>
    /// <param name="server">The server's limits.</param>
    /// <param name="log">Told what has no effect.</param>
    /// <returns>How to draw, and the tokens that prompt and answer may have together.</returns>
    public static async Task<(GenerationOptions Options, int Context)> ReadAsync(
        HttpContext context, Fields body, GemmaModel model, GemmaServerOptions server, FieldLog log)
    {
        Fields options = body.Object("options") ?? new Fields(s_none, "options");
        log.Unknown(context, options, s_known);
        RequireTypes(options);
        long? seed = options.Long("seed");
        int? top = body.Whole("top_logprobs", 0, MostTopLogprobs);
        return (new GenerationOptions
        {
            MaxTokens = SamplingFields.MaxTokens(Predicted(options), server),
            Seed = seed switch { null => null, -1 => (ulong)Random.Shared.NextInt64(), long said => unchecked((ulong)said) },
            Temperature = (float?)options.Number("temperature", 0, 100),
            TopK = options.Whole("top_k", -1) is int k ? Math.Max(k, 0) : null,
            TopP = SamplingFields.TopP(options.Number("top_p", 0, 1)),
            MinP = (float?)options.Number("min_p", 0, 1),
            RepetitionPenalty = RepetitionPenalty(options),
            PresencePenalty = (float)(options.Number("presence_penalty", -2, 2) ?? 0),
            FrequencyPenalty = (float)(options.Number("frequency_penalty", -2, 2) ?? 0),
            Stop = SamplingFields.Stops(options, "stop"),
            Logprobs = body.Flag("logprobs") == true ? top ?? 0 : null,
            Constraint = await FormatAsync(body).ConfigureAwait(false),
        }, Math.Min(options.Whole("num_ctx", 1) ?? model.ContextLength, model.ContextLength));
    }

    /// <summary>The most tokens of the answer. −1 is without end and −2 until the context is full, which is the same here; 0 is no limit either.</summary>
    static int? Predicted(Fields options) => options.Whole("num_predict", -2) is not int most ? null : most > 0 ? most : int.MaxValue;

    /// <summary>The penalty, which counts for all that was said, however far back; a look back over no token turns it off.</summary>
    static float? RepetitionPenalty(Fields options)
    {
        float? penalty = SamplingFields.RepetitionPenalty(options, "repeat_penalty");
        return options.Whole("repeat_last_n", -1) == 0 ? 1 : penalty;
    }

    /// <summary>Refuses values of the wrong type for what has no effect, too: their sender means something by them.</summary>
    static void RequireTypes(Fields options)
    {
        foreach (string name in (string[])[.. s_ofSetUp, "num_keep", "typical_p"])
        {
            options.Number(name, double.NegativeInfinity, double.PositiveInfinity);
        }

        options.Flag("use_mmap");
    }

    static Task<Constraint?> FormatAsync(Fields body)
    {
        if (!body.TryGet("format", out JsonElement format) || (format.ValueKind == JsonValueKind.String && format.ValueEquals("")))
        {
            return Task.FromResult<Constraint?>(null);
        }

        return format.ValueKind switch
        {
            JsonValueKind.String when format.ValueEquals("json") => Task.FromResult<Constraint?>(FormatFields.JsonObject),
            JsonValueKind.Object => FormatFields.MakeAsync("format", FormatFields.Schema(body, "format", strict: null)),
            _ => throw body.Wrong("format", format, "\"json\" or a JSON schema"),
        };
    }
}
