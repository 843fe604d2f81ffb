using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.OpenAI;

/// <summary><c>GET /v1/models</c> and <c>/v1/models/{id}</c>.</summary>
sealed class ModelListing(ModelCatalog catalog, GemmaServerOptions options)
{
    /// <summary>All models, and all models with an adapter.</summary>
    public async Task ListAsync(HttpContext context)
    {
        if (!catalog.IsReady)
        {
            throw ModelCatalog.Loading();
        }

        using var reply = new JsonReply(context, options, Dialect.OpenAI);
        var list = new ModelList("list", [.. catalog.Ids.Select(id => Entry(catalog.Select(id)))]);
        await reply.EndAsync(list, OpenAIJson.Default.ModelList).ConfigureAwait(false);
    }

    /// <summary>One of them; names may have a slash.</summary>
    public async Task ShowAsync(HttpContext context)
    {
        string id = Uri.UnescapeDataString((string)context.Request.RouteValues["id"]!).Trim('/');
        using var reply = new JsonReply(context, options, Dialect.OpenAI);
        await reply.EndAsync(Entry(catalog.Select(id)), OpenAIJson.Default.ModelEntry).ConfigureAwait(false);
    }

    static ModelEntry Entry(SelectedModel selected)
    {
        GemmaModel model = selected.Model;
        ModelSummary summary = model.Summary;
        return new ModelEntry(
            selected.Name, "model", selected.Served.Created.ToUnixTimeSeconds(), "google", model.ContextLength, model.ContextLength,
            new ModelMeta(summary.MaxPositions, summary.ParameterCount, summary.WeightBytes, summary.VocabularySize, summary.EmbeddingLength),
            new ModelArchitecture(
                ["text", .. summary.HasVision ? ["image"] : (string[])[], .. summary.HasAudio ? ["audio"] : (string[])[]], ["text"]));
    }
}
