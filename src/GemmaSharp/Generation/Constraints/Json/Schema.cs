using System.Text.Json;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>One schema as it was written, or as it follows from others by negation. Subschemas are read when they are needed.</summary>
sealed class Schema
{
    /// <summary>Names it within its document.</summary>
    public required int Id { get; init; }

    /// <summary>Where it was written: a JSON pointer.</summary>
    public required string Pointer { get; init; }

    /// <summary>Whether it is the schema <c>false</c>.</summary>
    public bool IsFalse { get; set; }

    /// <summary>The types that it allows.</summary>
    public JsonTypes Types { get; set; } = JsonTypes.All;

    /// <summary>The only values that it allows; null for any.</summary>
    public List<JsonElement>? Enum { get; set; }

    /// <summary>Values that it does not allow.</summary>
    public List<JsonElement> Excluded { get; } = [];

    /// <summary>What numbers have to be.</summary>
    public NumberRange Range { get; set; } = new();

    /// <summary>The least and the most code points of texts.</summary>
    public (int Min, int? Max) Length { get; set; }

    /// <summary>Patterns of texts: whether they are searched for rather than matched as a whole, and whether they must not match.</summary>
    public List<(string Pattern, bool IsSearch, bool IsNegated, string Keyword)> Patterns { get; } = [];

    /// <summary>The schemas of the first items.</summary>
    public List<Schema> PrefixItems { get; } = [];

    /// <summary>The schema of the other items; null for any.</summary>
    public Schema? Items { get; set; }

    /// <summary>The schema that some item must have; null for none.</summary>
    public Schema? Contains { get; set; }

    /// <summary>Whether items differ from each other.</summary>
    public bool IsUnique { get; set; }

    /// <summary>The least and the most items.</summary>
    public (int Min, int? Max) ItemCount { get; set; }

    /// <summary>Members by name, in the order in which they were declared.</summary>
    public List<(string Name, Schema Schema)> Properties { get; } = [];

    /// <summary>The schema of members whose name matches.</summary>
    public List<(string Pattern, Schema Schema)> PatternProperties { get; } = [];

    /// <summary>The schema of all other members; null for any.</summary>
    public Schema? AdditionalProperties { get; set; }

    /// <summary>The schema of names; null for any.</summary>
    public Schema? PropertyNames { get; set; }

    /// <summary>Members that must be there.</summary>
    public List<string> Required { get; } = [];

    /// <summary>The least and the most members.</summary>
    public (int Min, int? Max) MemberCount { get; set; }

    /// <summary>Schemas that hold as well.</summary>
    public List<Schema> AllOf { get; } = [];

    /// <summary>Schemas that must not hold.</summary>
    public List<Schema> Not { get; } = [];

    /// <summary>A schema that decides which of two others holds as well.</summary>
    public (Schema If, Schema? Then, Schema? Else)? Condition { get; set; }

    /// <summary>The condition as a choice, once it has been made.</summary>
    public Choice? ConditionChoice { get; set; }

    /// <summary>Choices: of each, one alternative holds as well.</summary>
    public List<Choice> Choices { get; } = [];

    /// <summary>Whether anything is said about objects.</summary>
    public bool SaysObjects => Properties.Count > 0 || PatternProperties.Count > 0 || AdditionalProperties is not null || PropertyNames is not null || Required.Count > 0
        || MemberCount != default;

    /// <summary>Whether anything is said about arrays.</summary>
    public bool SaysArrays => PrefixItems.Count > 0 || Items is not null || Contains is not null || IsUnique || ItemCount != default;
}

/// <summary>Alternatives, each a list of schemas that hold together.</summary>
/// <param name="Id">Names it within its document.</param>
/// <param name="Pointer">Where it was written.</param>
/// <param name="Alternatives">The alternatives.</param>
sealed record Choice(int Id, string Pointer, List<List<Schema>> Alternatives);
