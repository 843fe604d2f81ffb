using System.Text.Json;
using GemmaSharp.Generation.Constraints;

namespace GemmaSharp;

/// <summary>What an answer has to be, from its first character to its last: a JSON value, a text that matches a regular expression, or one of a grammar.</summary>
/// <remarks>
/// Compiled once, independent of any model. Immutable, thread-safe; share it between answers. While an answer is drawn, only tokens that can still lead to a
/// complete text are chosen, and the end only where the text is complete; what can be continued in one way only is not drawn at all.
/// </remarks>
public sealed class Constraint
{
    internal Constraint(Grammar grammar, string? instruction)
    {
        Compiled = grammar;
        Instruction = instruction;
    }

    /// <summary>Any JSON object or array.</summary>
    public static Constraint Json => throw new NotImplementedException();

    /// <summary>What the prompt tells the model about the form, so that it is not forced into what it never meant; null for nothing.</summary>
    public string? Instruction { get; }

    /// <summary>The grammar over bytes.</summary>
    internal Grammar Compiled { get; }

    /// <summary>JSON that is valid under a schema.</summary>
    /// <param name="schema">JSON Schema, draft 2020-12.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="ConstraintException">The schema is no JSON, or uses what is not supported: all of it is listed.</exception>
    public static Constraint JsonSchema(string schema, JsonSchemaOptions? options = null) => throw new NotImplementedException();

    /// <inheritdoc cref="JsonSchema(string, JsonSchemaOptions?)"/>
    public static Constraint JsonSchema(JsonElement schema, JsonSchemaOptions? options = null) => throw new NotImplementedException();

    /// <summary>Text that matches a regular expression from beginning to end.</summary>
    /// <param name="pattern">ECMAScript's syntax without look-around and back references.</param>
    /// <exception cref="ConstraintException">It is no such expression, or too large.</exception>
    public static Constraint Regex(string pattern) => throw new NotImplementedException();

    /// <summary>Text of a grammar.</summary>
    /// <param name="gbnf">llama.cpp's GBNF; the rule <c>root</c> is the whole answer.</param>
    /// <exception cref="ConstraintException">It is no grammar, or too large.</exception>
    public static Constraint Grammar(string gbnf) => throw new NotImplementedException();
}

/// <summary>How a JSON schema is read. Immutable; change a copy with <c>with</c>.</summary>
public sealed record JsonSchemaOptions
{
    /// <summary>Whether keywords that are not supported are passed over instead of refused: the answer may then break them.</summary>
    public bool Lenient { get; init; }

    /// <summary>Whether objects that do not say otherwise have no properties but those they declare.</summary>
    public bool Strict { get; init; }

    /// <summary>Whether the schema is also told to the model in the prompt.</summary>
    public bool InjectIntoPrompt { get; init; } = true;
}
