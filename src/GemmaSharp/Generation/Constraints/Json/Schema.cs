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

    /// <summary>The types of <see cref="Enum"/>, once they have been looked at.</summary>
    public JsonTypes? EnumTypes { get; set; }

    /// <summary>Values that it does not allow.</summary>
    public List<JsonElement> Excluded { get; init; } = [];

    /// <summary>What numbers have to be.</summary>
    public NumberRange Range { get; set; } = new();

    /// <summary>What numbers must not be multiples of.</summary>
    public List<DecimalNumber> NotMultiples { get; init; } = [];

    /// <summary>The least and the most code points of texts.</summary>
    public (int Min, int? Max) Length { get; set; }

    /// <summary>Patterns of texts: whether they are searched for rather than matched as a whole, and whether they must not match.</summary>
    public List<(string Pattern, bool IsSearch, bool IsNegated, string Keyword)> Patterns { get; init; } = [];

    /// <summary>The schemas of the first items.</summary>
    public List<Schema> PrefixItems { get; init; } = [];

    /// <summary>The schema of the other items; null for any.</summary>
    public Schema? Items { get; set; }

    /// <summary>Schemas that some items must have.</summary>
    public List<Contained> Contains { get; init; } = [];

    /// <summary>Whether items differ from each other.</summary>
    public bool IsUnique { get; set; }

    /// <summary>The least and the most items.</summary>
    public (int Min, int? Max) ItemCount { get; set; }

    /// <summary>Members by name, in the order in which they were declared.</summary>
    public List<(string Name, Schema Schema)> Properties { get; init; } = [];

    /// <summary>The schema of members whose name matches.</summary>
    public List<(string Pattern, Schema Schema)> PatternProperties { get; init; } = [];

    /// <summary>The schema of all other members; null for any.</summary>
    public Schema? AdditionalProperties { get; set; }

    /// <summary>The schema of names; null for any.</summary>
    public Schema? PropertyNames { get; set; }

    /// <summary>Kinds of names of which one member at least must have a schema.</summary>
    public List<SomeMember> SomeMembers { get; init; } = [];

    /// <summary>Members that must be there.</summary>
    public List<string> Required { get; init; } = [];

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
    public bool SaysObjects => Properties.Count > 0 || PatternProperties.Count > 0 || AdditionalProperties is not null || PropertyNames is not null
        || Required.Count > 0
        || MemberCount != default || SomeMembers.Count > 0;

    /// <summary>Whether anything is said about arrays.</summary>
    public bool SaysArrays => PrefixItems.Count > 0 || Items is not null || Contains.Count > 0 || IsUnique || ItemCount != default;

    /// <summary>The same schema without its list of values.</summary>
    /// <param name="id">Its number.</param>
    public Schema WithoutEnum(int id) => new()
    {
        Id = id,
        Pointer = Pointer,
        Types = Types,
        Excluded = Excluded,
        Range = Range,
        NotMultiples = NotMultiples,
        Length = Length,
        Patterns = Patterns,
        PrefixItems = PrefixItems,
        Items = Items,
        Contains = Contains,
        IsUnique = IsUnique,
        ItemCount = ItemCount,
        Properties = Properties,
        PatternProperties = PatternProperties,
        AdditionalProperties = AdditionalProperties,
        PropertyNames = PropertyNames,
        SomeMembers = SomeMembers,
        Required = Required,
        MemberCount = MemberCount,
    };
}

/// <summary>How many items have to have a schema.</summary>
/// <param name="Schema">The schema.</param>
/// <param name="From">The first item that counts.</param>
/// <param name="Min">At least.</param>
/// <param name="Max">At most; null without end.</param>
readonly record struct Contained(Schema Schema, int From, int Min, int? Max);

/// <summary>A kind of names of which one member at least must have a schema.</summary>
/// <param name="Names">Names.</param>
/// <param name="Patterns">Patterns of names.</param>
/// <param name="IsExcept">Whether it is all names but these.</param>
/// <param name="PropertyNames">Where not null: names that this schema does not allow, instead.</param>
/// <param name="Schema">What the member has to be.</param>
sealed record SomeMember(IReadOnlyList<string> Names, IReadOnlyList<string> Patterns, bool IsExcept, Schema? PropertyNames, Schema Schema);

/// <summary>Alternatives, each a list of schemas that hold together.</summary>
/// <param name="Id">Names it within its document.</param>
/// <param name="Pointer">Where it was written.</param>
/// <param name="Alternatives">The alternatives.</param>
sealed record Choice(int Id, string Pointer, List<List<Schema>> Alternatives);
