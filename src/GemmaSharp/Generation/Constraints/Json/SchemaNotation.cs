namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>How values are written: as JSON, or as Python's literals and calls. Immutable.</summary>
/// <param name="Null">The word for null.</param>
/// <param name="True">The word for true.</param>
/// <param name="False">The word for false.</param>
/// <param name="Comma">Between items and members.</param>
/// <param name="Colon">Between a name and its value.</param>
sealed record SchemaNotation(string Null, string True, string False, string Comma, string Colon)
{
    /// <summary>JSON.</summary>
    public static SchemaNotation Json { get; } = new("null", "true", "false", ",", ":");

    /// <summary>Python's literals.</summary>
    public static SchemaNotation Python { get; } = new("None", "True", "False", ", ", ": ");

    /// <summary>The function of which the outermost object is the arguments, <c>name=value</c> each; null where it is an object.</summary>
    public string? Function { get; init; }
}
