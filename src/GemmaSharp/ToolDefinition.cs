using System.Text.Json;

namespace GemmaSharp;

/// <summary>A function that the model may ask to be called. Immutable, thread-safe.</summary>
public sealed class ToolDefinition
{
    const int LongestName = 64;

    static readonly JsonElement s_none = Parse("""{"type":"object","properties":{},"additionalProperties":false}""");

    /// <summary>Describes a function.</summary>
    /// <param name="name">Its name: 1 to 64 letters, digits, <c>_</c>, <c>-</c> or <c>.</c>.</param>
    /// <param name="description">What it does, for the model; null for nothing.</param>
    /// <param name="parameters">JSON Schema of an object with its parameters; undefined for a function that has none.</param>
    /// <param name="strict">Whether parameters that the schema does not name are refused where it does not say.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    /// <exception cref="ConstraintException">The parameters are no schema of an object, or use what is not supported.</exception>
    public ToolDefinition(string name, string? description = null, JsonElement parameters = default, bool strict = true)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > LongestName || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
        {
            throw new ArgumentException($"The tool's name is \"{name}\"; it must be 1 to {LongestName} letters, digits, _, - or dots.", nameof(name));
        }

        if (parameters.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null or JsonValueKind.Object) || !IsOfObject(parameters))
        {
            throw new ConstraintException(
                $"The parameters of the tool {name} are no schema of an object; they must be {{\"type\":\"object\",\"properties\":{{…}}}}, or left "
                    + "out for none.");
        }

        Name = name;
        Description = description;
        Parameters = parameters.ValueKind == JsonValueKind.Object ? parameters.Clone() : s_none;
        IsStrict = strict;
        try
        {
            // What is not supported shows here, and not in the middle of a conversation.
            _ = Constraint.JsonSchema(Parameters, Options);
        }
        catch (ConstraintException e)
        {
            throw new ConstraintException($"The parameters of the tool {name} cannot be used. {e.Message}", e.Problems);
        }
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>What it does.</summary>
    public string? Description { get; }

    /// <summary>JSON Schema of its parameters.</summary>
    public JsonElement Parameters { get; }

    /// <summary>Whether parameters that the schema does not name are refused where it does not say.</summary>
    public bool IsStrict { get; }

    /// <summary>How its parameters are read.</summary>
    internal JsonSchemaOptions Options => new() { Strict = IsStrict, InjectIntoPrompt = false, PropertyOrder = JsonPropertyOrder.Any };

    static bool IsOfObject(JsonElement schema) =>
        schema.ValueKind != JsonValueKind.Object || !schema.TryGetProperty("type", out JsonElement type) || (type.ValueKind == JsonValueKind.String
            && type.ValueEquals("object"));

    static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}

/// <summary>Which tools an answer may use and how. Immutable; change a copy with <c>with</c>.</summary>
public sealed record ToolOptions
{
    /// <summary>The most tools of an answer.</summary>
    public const int MostTools = 128;

    /// <summary>The most calls of an answer, where several are allowed.</summary>
    public const int MostCalls = 8;

    /// <summary>The tools, in the order in which the model is told of them; no two of one name.</summary>
    public IReadOnlyList<ToolDefinition> Tools { get; init; } = [];

    /// <summary>Whether calls are wanted.</summary>
    public ToolChoice Choice { get; init; } = ToolChoice.Auto;

    /// <summary>Whether an answer may hold several calls, up to <see cref="MostCalls"/>.</summary>
    public bool Parallel { get; init; }

    /// <summary>The form in which the model is told to call.</summary>
    public ToolFormat Format { get; init; }

    /// <summary>Whether there is a tool that may be called.</summary>
    internal bool IsOn => Choice.Allowed && Tools.Count > 0;

    /// <exception cref="ArgumentException">There are too many tools, two of one name, or none of the name that must be called.</exception>
    internal void Validate()
    {
        if (Tools is null || Choice is null || Tools.Any(tool => tool is null))
        {
            throw new ArgumentException("Tools has a null; give a list of tools and a choice.", nameof(Tools));
        }

        if (Tools.Count > MostTools)
        {
            throw new ArgumentException($"Tools has {Tools.Count} tools; at most {MostTools} can be given.", nameof(Tools));
        }

        if (Tools.GroupBy(tool => tool.Name).FirstOrDefault(group => group.Count() > 1) is IGrouping<string, ToolDefinition> twice)
        {
            throw new ArgumentException($"Tools has two tools of the name {twice.Key}; give each a name of its own.", nameof(Tools));
        }

        if (!Enum.IsDefined(Format))
        {
            throw new ArgumentException($"The format of tool calls is {Format}; it must be Json, Pythonic or ToolCode.", nameof(Format));
        }

        if (Choice.IsRequired && (Choice.Name is null ? Tools.Count == 0 : !Tools.Any(tool => tool.Name == Choice.Name)))
        {
            throw new ArgumentException(
                Choice.Name is null ? "A call is required and there are no tools; give some."
                    : $"A call of {Choice.Name} is required, which is none of the tools; give it too.",
                nameof(Choice));
        }
    }
}

/// <summary>Whether an answer calls tools. Immutable.</summary>
public sealed record ToolChoice
{
    ToolChoice(bool calls, bool required, string? name) => (Allowed, IsRequired, Name) = (calls, required, name);

    /// <summary>The model decides.</summary>
    public static ToolChoice Auto { get; } = new(true, false, null);

    /// <summary>No calls; the model is not told of the tools.</summary>
    public static ToolChoice None { get; } = new(false, false, null);

    /// <summary>At least one call, of any tool.</summary>
    public static ToolChoice Required { get; } = new(true, true, null);

    /// <summary>Whether calls may come.</summary>
    public bool Allowed { get; }

    /// <summary>Whether a call must come.</summary>
    public bool IsRequired { get; }

    /// <summary>The one tool that must be called; null for any.</summary>
    public string? Name { get; }

    /// <summary>A call of this tool.</summary>
    public static ToolChoice Named(string name) => new(true, true, name ?? throw new ArgumentNullException(nameof(name)));
}

/// <summary>The form of calls in the model's own text.</summary>
public enum ToolFormat
{
    /// <summary>A JSON array of <c>{"name": …, "parameters": {…}}</c>.</summary>
    Json,

    /// <summary>A list of Python calls: <c>[f(a=1), g()]</c>.</summary>
    Pythonic,

    /// <summary>A fenced block of Python calls, one a line: <c>```tool_code</c>.</summary>
    ToolCode,
}

/// <summary>A call that the model asks for.</summary>
/// <param name="Id">Names the call, so that its result can be told from others.</param>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">A JSON object, spelled as the model did.</param>
public sealed record ToolCall(string Id, string Name, string Arguments);
