using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using GemmaSharp.Configuration;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Ollama;

/// <summary>Ollama's lists of models, and what it says of itself.</summary>
sealed class OllamaModels(ModelCatalog catalog, GemmaServerOptions options)
{
    /// <summary>Which Ollama has what this server has: some programs refuse older ones.</summary>
    const string Version = "0.30.0";

    const string Family = "gemma3n";

    /// <summary>A model that is loaded stays so; clients want a time.</summary>
    static readonly TimeSpan s_forEver = TimeSpan.FromDays(365);

    public static Task RootAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.WriteAsync("Ollama is running", context.RequestAborted);
    }

    public Task VersionAsync(HttpContext context) => WriteAsync(context, new OllamaVersion(Version), OllamaJson.Default.OllamaVersion);

    public Task TagsAsync(HttpContext context) => WriteAsync(
        context, new TagList([.. Selected().Select(model => new Tag(
            model.Name, model.Name, model.Model.Summary.Modified, model.Model.Summary.WeightBytes, Digest(model), Details(model), Capabilities(model.Model)))]),
        OllamaJson.Default.TagList);

    public Task ProcessesAsync(HttpContext context) => WriteAsync(
        context, new ProcessList([.. Selected().Select(model => new Process(
            model.Name, model.Name, model.Model.Summary.WeightBytes + model.Model.CacheBytes + model.Model.ScratchBytes, Digest(model), Details(model),
            DateTimeOffset.UtcNow + s_forEver, 0, model.Model.ContextLength))]),
        OllamaJson.Default.ProcessList);

    public async Task ShowAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        string name = body.Name("model") ?? body.Name("name") ?? throw ApiException.Missing("model", "the name of a model");
        SelectedModel model = catalog.Select(name, hasTags: true);
        ModelSummary summary = model.Model.Summary;
        ModelDefaults? defaults = model.Model.Defaults;
        string[] parameters = [.. Parameters(model.Model.GenerationDefaults)];
        var info = new Dictionary<string, JsonElement>
        {
            ["general.architecture"] = Json($"\"{Family}\""),
            ["general.basename"] = Json($"\"{JsonEncodedText.Encode(model.Model.Name)}\""),
            ["general.parameter_count"] = Json(summary.ParameterCount.ToString(CultureInfo.InvariantCulture)),
            [Family + ".context_length"] = Json(model.Model.ContextLength.ToString(CultureInfo.InvariantCulture)),
            [Family + ".embedding_length"] = Json(summary.EmbeddingLength.ToString(CultureInfo.InvariantCulture)),
            [Family + ".block_count"] = Json(summary.Layers.ToString(CultureInfo.InvariantCulture)),
            [Family + ".vocab_size"] = Json(summary.VocabularySize.ToString(CultureInfo.InvariantCulture)),
        };
        await WriteAsync(
            context,
            new ModelShow(
                defaults?.License ?? "", ModelFile(model.Name, defaults?.System, parameters), string.Join('\n', parameters), "{{ .Prompt }}",
                defaults?.System ?? "", Details(model), info, Capabilities(model.Model), summary.Modified),
            OllamaJson.Default.ModelShow).ConfigureAwait(false);
    }

    /// <summary>What answers are drawn with, a line each, as Ollama writes them: texts in quotes, and one line for each text that ends an answer.</summary>
    static IEnumerable<string> Parameters(GenerationDefaults defaults)
    {
        const int Column = 30;
        (string Name, double? Value)[] numbers =
        [
            ("min_p", defaults.MinP == 0 ? null : defaults.MinP), ("num_predict", defaults.MaxNewTokens),
            ("repeat_penalty", defaults.RepetitionPenalty == 1 ? null : defaults.RepetitionPenalty),
            ("temperature", defaults.DoSample ? defaults.Temperature : 0), ("top_k", defaults.TopK), ("top_p", defaults.TopP),
        ];
        foreach ((string name, double? value) in numbers.Where(each => each.Value is not null))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{name,-Column} {value}");
        }

        if (defaults.Seed is ulong seed)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{"seed",-Column} {unchecked((long)seed)}");
        }

        foreach (string stop in defaults.StopStrings)
        {
            yield return $"{"stop",-Column} {Quoted(stop)}";
        }
    }

    /// <summary>What would make the model again under Ollama, without its weights and licence.</summary>
    static string ModelFile(string name, string? system, IEnumerable<string> parameters) => string.Join('\n',
        [$"FROM {name}", .. system is null ? (string[])[] : [$"SYSTEM {Quoted(system)}"], .. parameters.Select(line => "PARAMETER " + line)]);

    static string Quoted(string text) => $"\"{JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping)}\"";

    /// <summary>What would change the models on the disk, which no request may.</summary>
    public static Task RefuseAsync(HttpContext context) => throw new ApiException(
        StatusCodes.Status403Forbidden, ApiException.InvalidRequest,
        "Models are not fetched, made, copied or deleted over HTTP; start the server with the models it should have: gemma serve --model PATH.", null,
        "not_allowed");

    IEnumerable<SelectedModel> Selected() => catalog.IsReady ? catalog.Ids.Select(id => catalog.Select(id)) : throw ModelCatalog.Loading();

    // Of 64 digits, as clients expect; with an adapter it is another model.
    static string Digest(SelectedModel model) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(
        model.Adapters is null ? model.Model.Summary.Fingerprint : $"{model.Model.Summary.Fingerprint} {model.Name}")));

    static List<string> Capabilities(GemmaModel model) =>
        ["completion", "tools", .. model.Summary.HasVision ? ["vision"] : (string[])[], .. model.Summary.HasAudio ? ["audio"] : (string[])[]];

    static ModelDetails Details(SelectedModel model) => new(
        "", model.Model.Summary.Container, Family, [Family], Size(model.Model.Summary.ParameterCount),
        model.Model.Summary.Mix?.ToUpperInvariant() ?? Level(model.Model.Summary.Format), model.Model.ContextLength,
        model.Model.Summary.EmbeddingLength);

    static string Size(long parameters) =>
        parameters >= 1_000_000_000 ? FormattableString.Invariant($"{parameters / 1e9:0.0}B") : FormattableString.Invariant($"{parameters / 1e6:0}M");

    /// <summary>A stored form as Ollama says it: the width where it is quantised, the type where not.</summary>
    static string Level(string format)
    {
        string name = format.Split('/')[0];
        string digits = string.Concat(name.Where(char.IsAsciiDigit));
        return name.StartsWith("affine", StringComparison.Ordinal) ? $"Q{digits}" : name.ToUpperInvariant();
    }

    static JsonElement Json(string text)
    {
        using JsonDocument document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    async Task WriteAsync<T>(HttpContext context, T value, JsonTypeInfo<T> type)
    {
        using var reply = new JsonReply(context, options, Dialect.Ollama);
        await reply.EndAsync(value, type).ConfigureAwait(false);
    }
}
