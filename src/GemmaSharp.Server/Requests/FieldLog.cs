using System.Collections.Concurrent;
using System.Text.Json;
using GemmaSharp.Server.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace GemmaSharp.Server.Requests;

/// <summary>Tells the log, once for each client program, what of its requests has no effect here. Thread-safe.</summary>
sealed partial class FieldLog(ILogger<GemmaServer> logger)
{
    /// <summary>So that nobody can fill the memory with names.</summary>
    const int MostNotices = 1000;

    readonly ConcurrentDictionary<string, bool> _told = new(StringComparer.Ordinal);

    /// <summary>Tells of fields that are not known.</summary>
    public void Unknown(HttpContext context, Fields body, HashSet<string> known)
    {
        foreach (JsonProperty field in body.Element.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.Null && !known.Contains(field.Name) && IsNew(context, field.Name))
            {
                FieldIgnored(logger, Strangers.Shown(field.Name), Strangers.Shown(context.Request.Headers.UserAgent.ToString()));
            }
        }
    }

    /// <summary>Tells of a field of a form that is not known.</summary>
    public void Unknown(HttpContext context, string field)
    {
        if (IsNew(context, field))
        {
            FieldIgnored(logger, Strangers.Shown(field), Strangers.Shown(context.Request.Headers.UserAgent.ToString()));
        }
    }

    /// <summary>Tells of an item of a conversation that is left out.</summary>
    public void ItemPassedOver(HttpContext context, string type)
    {
        if (IsNew(context, "item " + type))
        {
            ItemIgnored(logger, Strangers.Shown(type), Strangers.Shown(context.Request.Headers.UserAgent.ToString()));
        }
    }

    /// <summary>Tells of a tool that the model cannot call.</summary>
    public void ToolPassedOver(HttpContext context, string type)
    {
        if (IsNew(context, "tool " + type))
        {
            ToolIgnored(logger, Strangers.Shown(type), Strangers.Shown(context.Request.Headers.UserAgent.ToString()));
        }
    }

    bool IsNew(HttpContext context, string what) =>
        _told.Count < MostNotices && _told.TryAdd($"{Strangers.Shown(context.Request.Headers.UserAgent.ToString())} {Strangers.Shown(what)}", true);

    [LoggerMessage(Level = LogLevel.Information, Message = "The field {Field} of {Client} has no effect here")]
    static partial void FieldIgnored(ILogger logger, string field, string client);

    [LoggerMessage(Level = LogLevel.Information, Message = "Tools of the type {Type} of {Client} are passed over: only functions can be called")]
    static partial void ToolIgnored(ILogger logger, string type, string client);

    [LoggerMessage(Level = LogLevel.Information, Message = "Items of the type {Type} of {Client} are left out: the model neither makes nor understands them")]
    static partial void ItemIgnored(ILogger logger, string type, string client);
}
