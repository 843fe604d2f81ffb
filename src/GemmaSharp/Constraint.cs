using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using GemmaSharp.Generation.Constraints;
using GemmaSharp.Generation.Constraints.Json;

namespace GemmaSharp;

/// <summary>
/// What an answer has to be, from its first character to its last: a JSON value, a text that matches a regular expression, or one of a grammar.
/// </summary>
/// <remarks>
/// Compiled once, independent of any model. Immutable, thread-safe; share it between answers. While an answer is drawn, only tokens that can still lead to a
/// complete text are chosen, and the end only where the text is complete; what can be continued in one way only is not drawn at all.
/// </remarks>
public sealed class Constraint
{
    const int LargestSchema = 4 << 20;

    static readonly JsonDocumentOptions s_reading = new() { MaxDepth = 512, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    readonly Func<GrammarBuilder, Symbol> _define;

    /// <summary>Makes a constraint.</summary>
    /// <param name="grammar">The grammar.</param>
    /// <param name="define">Adds the same rules to another grammar.</param>
    /// <param name="instruction">What the prompt tells the model.</param>
    internal Constraint(Grammar grammar, Func<GrammarBuilder, Symbol> define, string? instruction)
    {
        Compiled = grammar;
        _define = define;
        Instruction = instruction;
    }

    /// <summary>Any JSON object or array.</summary>
    public static Constraint Json { get; } = JsonSchema("""{"type":["object","array"]}""").Saying("Answer with JSON alone.");

    /// <summary>What the prompt tells the model about the form, so that it is not forced into what it never meant; null for nothing.</summary>
    public string? Instruction { get; }

    /// <summary>The grammar over bytes.</summary>
    internal Grammar Compiled { get; }

    /// <summary>Adds its rules to a grammar of which it is a part.</summary>
    internal Symbol AddTo(GrammarBuilder builder) => _define(builder);

    /// <summary>JSON that is valid under a schema.</summary>
    /// <param name="schema">JSON Schema, draft 2020-12.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <exception cref="ConstraintException">The schema is no JSON, or uses what is not supported: all of it is listed.</exception>
    public static Constraint JsonSchema(string schema, JsonSchemaOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(schema);
        try
        {
            using JsonDocument document = JsonDocument.Parse(schema, s_reading);
            return JsonSchema(document.RootElement, options);
        }
        catch (JsonException e)
        {
            throw new ConstraintException($"The schema is no JSON: {e.Message.TrimEnd('.')}.");
        }
    }

    /// <inheritdoc cref="JsonSchema(string, JsonSchemaOptions?)"/>
    public static Constraint JsonSchema(JsonElement schema, JsonSchemaOptions? options = null)
    {
        if (schema.ValueKind is not (JsonValueKind.Object or JsonValueKind.True or JsonValueKind.False))
        {
            throw new ConstraintException($"The schema is {(schema.ValueKind == JsonValueKind.Undefined ? "undefined" : schema.GetRawText())}; it "
                + "must be an object, true or false.");
        }

        string text = schema.GetRawText();
        Check(text);
        options ??= new JsonSchemaOptions();
        return GrammarCache.Shared.Get(("schema", options with { InjectIntoPrompt = true }, text), builder =>
        {
            using JsonDocument document = JsonDocument.Parse(text, s_reading);
            return SchemaCompiler.AddTo(builder, document.RootElement, options, SchemaNotation.Json);
        }, options.InjectIntoPrompt ? SchemaInstruction(schema) : null);
    }

    /// <summary>Text that matches a regular expression from beginning to end.</summary>
    /// <param name="pattern">ECMAScript's syntax without look-around and back references.</param>
    /// <exception cref="ConstraintException">It is no such expression, or too large.</exception>
    public static Constraint Regex(string pattern)
    {
        ArgumentNullException.ThrowIfNull(pattern);
        return GrammarCache.Shared.Get(("regex", null, pattern), builder =>
            builder.Lexeme(RegexReader.Read(builder.Expressions, pattern, isSearch: false)), null);
    }

    /// <summary>Text of a grammar.</summary>
    /// <param name="gbnf">llama.cpp's GBNF; the rule <c>root</c> is the whole answer.</param>
    /// <exception cref="ConstraintException">It is no grammar, or too large.</exception>
    public static Constraint Grammar(string gbnf)
    {
        ArgumentNullException.ThrowIfNull(gbnf);
        return GrammarCache.Shared.Get(("grammar", null, gbnf), builder => GbnfReader.AddTo(builder, gbnf), null);
    }

    Constraint Saying(string instruction) => new(Compiled, _define, instruction);

    /// <summary>Refuses what a reader of JSON lets through and nothing else could take: too deep a nesting, and halves of characters.</summary>
    static void Check(string schema)
    {
        if (schema.Length > LargestSchema)
        {
            throw new ConstraintException($"The schema has {schema.Length} characters; at most {LargestSchema} are read.");
        }

        bool mayHaveHalves = schema.Contains("\\ud", StringComparison.OrdinalIgnoreCase);
        if (schema.Length < 2 * s_reading.MaxDepth && !mayHaveHalves)
        {
            return;
        }

        var reading = new JsonReaderOptions { MaxDepth = s_reading.MaxDepth, CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
        var reader = new Utf8JsonReader(Encoding.UTF8.GetBytes(schema), reading);
        try
        {
            while (reader.Read())
            {
                if (mayHaveHalves && reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                {
                    _ = reader.GetString();
                }
            }
        }
        catch (JsonException e)
        {
            throw new ConstraintException($"The schema cannot be read: {e.Message.TrimEnd('.')}.");
        }
        catch (InvalidOperationException)
        {
            throw new ConstraintException(
                $"The schema has half of a surrogate pair in a text at byte {reader.TokenStartIndex}, which is no character; write both halves.");
        }
    }

    static string SchemaInstruction(JsonElement schema)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            if (schema.ValueKind == JsonValueKind.Object)
            {
                // What only tools want to know tells the model nothing.
                writer.WriteStartObject();
                foreach (JsonProperty property in schema.EnumerateObject().Where(property => property.Name != "$schema"))
                {
                    property.WriteTo(writer);
                }

                writer.WriteEndObject();
            }
            else
            {
                schema.WriteTo(writer);
            }
        }

        return "Answer with JSON alone that is valid under this JSON schema:\n" + Encoding.UTF8.GetString(stream.ToArray());
    }
}

/// <summary>How a JSON schema is read and how answers to it are written. Immutable; change a copy with <c>with</c>.</summary>
public sealed record JsonSchemaOptions
{
    /// <summary>Whether keywords that are not supported are passed over instead of refused: the answer may then break them.</summary>
    public bool Lenient { get; init; }

    /// <summary>
    /// Whether objects that do not say otherwise have no properties but those they declare, and integers no fraction: <c>1.0</c>, which is an integer to JSON
    /// Schema, is none to most programs.
    /// </summary>
    public bool Strict { get; init; }

    /// <summary>Whether the schema is also told to the model in the prompt.</summary>
    public bool InjectIntoPrompt { get; init; } = true;

    /// <summary>In which order properties come.</summary>
    public JsonPropertyOrder PropertyOrder { get; init; }

    /// <summary>What stands between the tokens of the answer.</summary>
    public JsonWhitespace Whitespace { get; init; }
}

/// <summary>In which order the properties of an object come.</summary>
public enum JsonPropertyOrder
{
    /// <summary>As the model likes.</summary>
    Any,

    /// <summary>
    /// As the schema declares them, required ones that it does not declare after those, all others last. Names that must come next are then not drawn.
    /// </summary>
    Declared,
}

/// <summary>What stands between the tokens of JSON.</summary>
public enum JsonWhitespace
{
    /// <summary>Nothing, so that punctuation which must come next is not drawn.</summary>
    Compact,

    /// <summary>At most a line end and sixteen spaces, as the model likes.</summary>
    Flexible,
}
