using System.Text;
using System.Text.Json;
using GemmaSharp.Configuration;
using GemmaSharp.Server.Answers;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;
using GemmaSharp.Server.OpenAI;
using Microsoft.AspNetCore.Http;

namespace GemmaSharp.Server.Operations;

/// <summary>What those need who run the server, and llama-server's smaller endpoints.</summary>
sealed class OperationEndpoints(ModelCatalog catalog, ServerState state, ServerMetrics metrics, AnswerPump pump, ChatCompletions chat)
{
    /// <summary>The longest text that is made into tokens at once.</summary>
    const int LongestText = 16 << 20;

    /// <summary><c>GET /health</c>: 200 when requests are taken, 503 when not yet or no more.</summary>
    public Task HealthAsync(HttpContext context) => state.IsStopping ? throw ApiException.Stopping()
        : !catalog.IsReady ? throw ModelCatalog.Loading()
        : WriteAsync(context, new Health("ok"), OperationsJson.Default.Health);

    /// <summary><c>GET /metrics</c>, for Prometheus.</summary>
    public Task MetricsAsync(HttpContext context)
    {
        context.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        return context.Response.WriteAsync(
            metrics.Write(catalog.Models.Where(model => model.Model is not null)
                .Select(model => (model.Id, model.Model!.ActiveAnswers, model.Model.WaitingAnswers, model.Model.CacheBytes))),
            Encoding.UTF8, context.RequestAborted);
    }

    /// <summary><c>POST /tokenize</c>: <c>{content, add_special, parse_special, with_pieces}</c>.</summary>
    public async Task TokenizeAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        Tokenizer tokenizer = catalog.Select(body.Name("model")).Model.Tokenizer;
        string text = body.Text("content") ?? body.Text("prompt") ?? throw ApiException.Missing("content", "a text");
        if (text.Length > LongestText)
        {
            throw ApiException.Invalid("content", FormattableString.Invariant($"content has {text.Length} characters; at most {LongestText} are taken."));
        }

        int[] ids = tokenizer.EncodeToIds(text, body.Flag("add_special") ?? false, body.Flag("parse_special") ?? true);
        await (body.Flag("with_pieces") == true
            ? WriteAsync(context, new TokenPieces([.. ids.Select(id => new PieceOfToken(id, tokenizer.Spell(id)))]), OperationsJson.Default.TokenPieces)
            : WriteAsync(context, new TokenIds(ids), OperationsJson.Default.TokenIds)).ConfigureAwait(false);
    }

    /// <summary><c>POST /detokenize</c>: <c>{tokens}</c>.</summary>
    public async Task DetokenizeAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        Tokenizer tokenizer = catalog.Select(body.Name("model")).Model.Tokenizer;
        if (!body.Has("tokens"))
        {
            throw ApiException.Missing("tokens", "a list of ids");
        }

        int[] ids = Ids(body, "tokens", tokenizer.VocabularySize);
        await WriteAsync(context, new TextContent(tokenizer.Decode(ids, skipSpecial: false)), OperationsJson.Default.TextContent).ConfigureAwait(false);
    }

    /// <summary><c>POST /apply-template</c>: the conversation of a chat completion as it is put to the model.</summary>
    public async Task ApplyTemplateAsync(HttpContext context)
    {
        using JsonDocument document = await JsonBody.ReadAsync(context, pump.Options.MaxBodyBytes).ConfigureAwait(false);
        Fields body = Fields.Of(document.RootElement);
        SelectedModel model = catalog.Select(body.Name("model"));
        GenerationRequest request = await chat.ReadAsync(context, body, model.Model).ConfigureAwait(false);
        int[] ids = [.. await model.Model.TokenizeAsync(request.Messages, request.Options, context.RequestAborted).ConfigureAwait(false)];
        await WriteAsync(context, new AppliedTemplate(model.Model.Tokenizer.Decode(ids, skipSpecial: false)), OperationsJson.Default.AppliedTemplate)
            .ConfigureAwait(false);
    }

    /// <summary><c>GET /props</c>: how the server is set up.</summary>
    public Task PropsAsync(HttpContext context)
    {
        SelectedModel selected = catalog.Select(context.Request.Query["model"].ToString());
        GemmaModel model = selected.Model;
        GenerationDefaults defaults = model.GenerationDefaults;
        return WriteAsync(
            context,
            new Props(
                new PropsSettings(
                    model.ContextLength,
                    new PropsParams(
                        defaults.DoSample ? defaults.Temperature : 0, defaults.TopK, defaults.TopP, 0, pump.Options.MaxAnswerTokens ?? model.ContextLength)),
                model.MaxActive, model.Name, selected.Served.Id, "", new PropsModalities(model.Summary.HasVision, model.Summary.HasAudio),
                "gemmasharp " + typeof(GemmaModel).Assembly.GetName().Version?.ToString(3), false),
            OperationsJson.Default.Props);
    }

    /// <summary><c>GET /slots</c>: how many answers can be computed, and are. What they say is nobody's business.</summary>
    public Task SlotsAsync(HttpContext context)
    {
        var slots = new List<Slot>();
        foreach (ServedModel served in catalog.Models)
        {
            if (served.Model is GemmaModel model)
            {
                int active = model.ActiveAnswers;
                int first = slots.Count;
                slots.AddRange(Enumerable.Range(0, model.MaxActive).Select(i => new Slot(first + i, served.Id, model.ContextLength, i < active)));
            }
        }

        return WriteAsync(context, slots, OperationsJson.Default.IReadOnlyListSlot);
    }

    /// <summary>Ids in a field.</summary>
    public static int[] Ids(Fields body, string name, int vocabulary) => [.. body.List(name, LongestText).Select(each =>
        each.Element.ValueKind == JsonValueKind.Number && each.Element.TryGetInt32(out int id) && (uint)id < (uint)vocabulary ? id
            : throw ApiException.Invalid(each.Path, $"{each.Path} is {Fields.Shown(each.Element)}; it must be an id from 0 to {vocabulary - 1}."))];

    async Task WriteAsync<T>(HttpContext context, T value, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        using var reply = new JsonReply(context, pump.Options, Dialect.OpenAI);
        await reply.EndAsync(value, type).ConfigureAwait(false);
    }
}
