using GemmaSharp.Media;

namespace GemmaSharp.Extensions.AI;

/// <summary>How a chat client stands between a program and a model.</summary>
/// <remarks>Read once, when the client is made; what is changed afterwards has no effect.</remarks>
public sealed class GemmaChatOptions
{
    /// <summary>What the model is called in <c>ChatOptions.ModelId</c>, answers and telemetry; null: the checkpoint's own name.</summary>
    public string? ModelId { get; set; }

    /// <summary>Other names that <c>ChatOptions.ModelId</c> may give.</summary>
    public IList<string> Aliases { get; } = [];

    /// <summary>LoRA adapters by name: a request whose model is <c>MODEL:NAME</c> is answered with them.</summary>
    public IDictionary<string, AdapterSet> Adapters { get; } = new Dictionary<string, AdapterSet>(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Whose requests these are, where <c>ChatOptions.AdditionalProperties["tenant"]</c> does not say: only requests of one tenant share what they have in
    /// common. Null is a tenant, too.
    /// </summary>
    public string? Tenant { get; set; }

    /// <summary>The form in which the model is told to call tools.</summary>
    public ToolFormat ToolFormat { get; set; }

    /// <summary>
    /// Whether an answer may hold several calls where <c>ChatOptions.AllowMultipleToolCalls</c> does not say. Default: no, since the model is small.
    /// </summary>
    public bool AllowMultipleToolCalls { get; set; }

    /// <summary>Whether the model is told the schema that its answer must have, where a request does not say. Default: yes.</summary>
    public bool InjectSchema { get; set; } = true;

    /// <summary>
    /// Whether an answer's objects have no properties but those that the schema declares, where neither schema nor request says. Default: yes, since a small
    /// model that may add some seldom stops.
    /// </summary>
    public bool StrictSchemas { get; set; } = true;

    /// <summary>Whether keywords of schemas that are not supported are passed over instead of refused. Default: no.</summary>
    public bool LenientSchemas { get; set; }

    /// <summary>What media may be read: limits, <c>file:</c> and <c>http(s):</c> addresses.</summary>
    public MediaOptions Media { get; set; } = MediaOptions.Default;

    /// <summary>Which frames of videos become pictures.</summary>
    public VideoOptions Video { get; set; } = VideoOptions.Default;

    internal GemmaChatOptions Copy()
    {
        var copy = new GemmaChatOptions
        {
            ModelId = ModelId,
            Tenant = Tenant,
            ToolFormat = ToolFormat,
            AllowMultipleToolCalls = AllowMultipleToolCalls,
            InjectSchema = InjectSchema,
            StrictSchemas = StrictSchemas,
            LenientSchemas = LenientSchemas,
            Media = Media ?? throw new ArgumentException($"{nameof(Media)} is null; leave it as it is for the defaults."),
            Video = Video ?? throw new ArgumentException($"{nameof(Video)} is null; leave it as it is for the defaults."),
        };
        foreach (string alias in Aliases)
        {
            copy.Aliases.Add(alias);
        }

        foreach ((string name, AdapterSet adapters) in Adapters)
        {
            copy.Adapters.Add(name, adapters);
        }

        return copy;
    }
}
