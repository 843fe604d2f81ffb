using System.Globalization;
using System.Security.Cryptography;
using System.Text;
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
        GenerationDefaults defaults = model.Model.GenerationDefaults;
        string parameters = string.Create(
            CultureInfo.InvariantCulture, $"temperature {(defaults.DoSample ? defaults.Temperature : 0)}\ntop_k {defaults.TopK}\ntop_p {defaults.TopP}");
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
                "", $"FROM {model.Name}", parameters, "{{ .Prompt }}", "", Details(model), info, Capabilities(model.Model), summary.Modified),
            OllamaJson.Default.ModelShow).ConfigureAwait(false);
    }

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
