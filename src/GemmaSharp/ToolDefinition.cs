using System.Text.Json;

namespace GemmaSharp;

/// <summary>A function that the model may ask to be called. Immutable, thread-safe.</summary>
public sealed class ToolDefinition
{
    /// <summary>Describes a function.</summary>
    /// <param name="name">Its name: 1 to 64 letters, digits, <c>_</c>, <c>-</c> or <c>.</c>.</param>
    /// <param name="description">What it does, for the model; null for nothing.</param>
    /// <param name="parameters">JSON Schema of an object with its parameters; undefined for a function that has none.</param>
    /// <param name="strict">Whether parameters that the schema does not name are refused where it does not say.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    /// <exception cref="ConstraintException">The parameters are no schema of an object, or use what is not supported.</exception>
    public ToolDefinition(string name, string? description = null, JsonElement parameters = default, bool strict = true) => throw new NotImplementedException();

    /// <summary>Its name.</summary>
    public string Name => throw new NotImplementedException();

    /// <summary>What it does.</summary>
    public string? Description => throw new NotImplementedException();

    /// <summary>JSON Schema of its parameters.</summary>
    public JsonElement Parameters => throw new NotImplementedException();
}

/// <summary>Which tools an answer may use and how. Immutable; change a copy with <c>with</c>.</summary>
public sealed record ToolOptions
{
    /// <summary>The tools, in the order in which the model is told of them; no two of one name.</summary>
    public IReadOnlyList<ToolDefinition> Tools { get; init; } = [];

    /// <summary>Whether calls are wanted.</summary>
    public ToolChoice Choice { get; init; } = ToolChoice.Auto;

    /// <summary>Whether an answer may hold several calls, up to 8.</summary>
    public bool Parallel { get; init; }

    /// <summary>The form in which the model is told to call.</summary>
    public ToolFormat Format { get; init; }
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

    /// <summary>A fenced block of Python calls: <c>```tool_code</c>.</summary>
    ToolCode,
}

/// <summary>A call that the model asks for.</summary>
/// <param name="Id">Names the call, so that its result can be told from others.</param>
/// <param name="Name">The tool.</param>
/// <param name="Arguments">A JSON object, spelled as the model did.</param>
public sealed record ToolCall(string Id, string Name, string Arguments);
