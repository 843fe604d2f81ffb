using System.Text.Json;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;
using AIMessage = Microsoft.Extensions.AI.ChatMessage;

namespace GemmaSharp.Extensions.AI;

/// <summary>A request with all that can be said about it without the model: what is wrong with it shows here. Immutable.</summary>
sealed class PreparedRequest
{
    readonly Func<Constraint?> _constraint;

    PreparedRequest(
        string modelId, AdapterSet? adapters, string? tenant, GenerationOptions options, Func<Constraint?> constraint, IReadOnlyList<UnreadMessage> messages)
    {
        ModelId = modelId;
        Adapters = adapters;
        Tenant = tenant;
        Options = options;
        _constraint = constraint;
        Messages = messages;
    }

    /// <summary>What the answer says it is from.</summary>
    public string ModelId { get; }

    /// <summary>What is added to the model.</summary>
    public AdapterSet? Adapters { get; }

    /// <summary>Whose request it is.</summary>
    public string? Tenant { get; }

    /// <summary>How to draw; the constraint is still to be made.</summary>
    public GenerationOptions Options { get; }

    /// <summary>The conversation, its media not decoded.</summary>
    public IReadOnlyList<UnreadMessage> Messages { get; }

    /// <summary>Reads a request.</summary>
    /// <exception cref="ArgumentException">A value is out of its range or unknown.</exception>
    /// <exception cref="ConstraintException">A tool's parameters are no schema that is supported.</exception>
    /// <exception cref="NotSupportedException">Something is asked for that cannot be done.</exception>
    public static PreparedRequest Read(
        IEnumerable<AIMessage> messages, ChatOptions? request, ModelNames names, GemmaChatOptions options, IChatClient client, ILogger logger)
    {
        if (request?.ConversationId is string conversation)
        {
            throw new NotSupportedException(
                $"ConversationId is {conversation} and this client keeps no conversations; leave it null and send all messages: what was computed before is "
                + "found again.");
        }

        if (request?.ContinuationToken is not null)
        {
            throw new NotSupportedException("ContinuationToken is set and answers are not computed in the background; leave it null.");
        }

        var additional = new AdditionalOptions(request?.AdditionalProperties);
        AdapterSet? adapters = names.Select(request?.ModelId);
        string modelId = string.IsNullOrEmpty(request?.ModelId) ? names.Default : request.ModelId;
        GenerationOptions generation = Generation(request, additional, options, client, logger);
        Func<Constraint?> constraint = ConstraintOf(request, additional, options, generation);
        IReadOnlyList<UnreadMessage> read = MessageReader.Read(messages, request?.Instructions, ImageSide(additional));
        return new PreparedRequest(modelId, adapters, additional.Text(AdditionalOptions.Tenant) ?? options.Tenant, generation, constraint, read);
    }

    /// <summary>How to draw, complete. Compiling a schema takes a while, so it is not done on the caller's thread.</summary>
    /// <exception cref="ConstraintException">The schema or grammar is none, or uses what is not supported.</exception>
    public Task<GenerationOptions> OptionsAsync(CancellationToken cancellationToken) =>
        Task.Run(() => Options with { Constraint = _constraint() }, cancellationToken);

    /// <summary>What the program gives of the library's own options wins; the rest is filled in.</summary>
    static GenerationOptions Generation(
        ChatOptions? request, AdditionalOptions additional, GemmaChatOptions options, IChatClient client, ILogger logger)
    {
        if (request?.MaxOutputTokens is < 1)
        {
            throw new ArgumentException($"MaxOutputTokens is {request.MaxOutputTokens}; it must be 1 or more, or null for as many as fit.", nameof(request));
        }

        GenerationOptions raw = request?.RawRepresentationFactory?.Invoke(client) as GenerationOptions ?? new GenerationOptions();
        GenerationOptions filled = raw with
        {
            MaxTokens = raw.MaxTokens ?? request?.MaxOutputTokens,
            Temperature = raw.Temperature ?? request?.Temperature,
            TopK = raw.TopK ?? request?.TopK,
            TopP = raw.TopP ?? request?.TopP,
            MinP = raw.MinP ?? additional.Float(AdditionalOptions.MinP),
            RepetitionPenalty = raw.RepetitionPenalty ?? additional.Float(AdditionalOptions.RepetitionPenalty),
            PresencePenalty = raw.PresencePenalty != 0 ? raw.PresencePenalty : request?.PresencePenalty ?? 0,
            FrequencyPenalty = raw.FrequencyPenalty != 0 ? raw.FrequencyPenalty : request?.FrequencyPenalty ?? 0,
            Seed = raw.Seed ?? (request?.Seed is long seed ? unchecked((ulong)seed) : null),
            Stop = raw.Stop is { Count: > 0 } ? raw.Stop : [.. request?.StopSequences?.Where(text => !string.IsNullOrEmpty(text)) ?? []],
            IgnoreEos = raw.IgnoreEos || additional.Bool(AdditionalOptions.IgnoreEos) == true,
            MinTokens = raw.MinTokens ?? additional.Int(AdditionalOptions.MinTokens),
            Logprobs = raw.Logprobs ?? additional.LogprobCount(),
            Tools = raw.Tools ?? ToolMapping.Read(request, options, logger),
        };
        filled.Validate();
        return filled;
    }

    static Func<Constraint?> ConstraintOf(ChatOptions? request, AdditionalOptions additional, GemmaChatOptions options, GenerationOptions generation)
    {
        string? grammar = additional.Text(AdditionalOptions.Grammar), regex = additional.Text(AdditionalOptions.Regex);
        var format = request?.ResponseFormat as ChatResponseFormatJson;
        if ((grammar is null ? 0 : 1) + (regex is null ? 0 : 1) + (format is null ? 0 : 1) > 1)
        {
            throw new ArgumentException(
                "The request has more than one form for its answer; give a JSON ResponseFormat, a grammar or a regex.", nameof(request));
        }

        JsonElement? schema = format?.Schema?.Clone();
        var json = new JsonSchemaOptions
        {
            Lenient = options.LenientSchemas,
            Strict = additional.Bool(AdditionalOptions.Strict) ?? (options.StrictSchemas && !IsAnyObject(schema)),
            InjectIntoPrompt = additional.Bool(AdditionalOptions.InjectSchema) ?? options.InjectSchema,
        };
        return generation.Constraint is Constraint given ? () => given
            : schema is JsonElement element ? () => Constraint.JsonSchema(element, json)
            : format is not null ? () => Constraint.Json
            : grammar is not null ? () => Constraint.Grammar(grammar)
            : regex is not null ? () => Constraint.Regex(regex)
            : () => null;
    }

    /// <summary>Whether a schema stands for any object: strictly read, it would have none but the empty one, which nobody asks for.</summary>
    public static bool IsAnyObject(JsonElement? schema) =>
        schema is { ValueKind: JsonValueKind.Object } root
            && root.TryGetProperty("type", out JsonElement type) && type.ValueKind == JsonValueKind.String && type.ValueEquals("object")
            && !((string[])["properties", "$ref", "allOf", "anyOf", "oneOf"]).Any(keyword => root.TryGetProperty(keyword, out _));

    static int? ImageSide(AdditionalOptions additional)
    {
        int? side = additional.Int(AdditionalOptions.ImageSize);
        return side is null or (>= ImagePart.MinSide and <= ImagePart.MaxSide) ? side : throw new ArgumentException(
            $"The additional property {AdditionalOptions.ImageSize} is {side}; it must be from {ImagePart.MinSide} to {ImagePart.MaxSide}, or be left out.",
            nameof(additional));
    }
}
