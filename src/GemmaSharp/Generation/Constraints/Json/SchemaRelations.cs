using System.Text.Json;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>What can be seen of schemas without compiling them: which types they have, which cannot hold together, which follow from others.</summary>
/// <remarks>Only a yes is certain. It keeps products of alternatives small; what is accepted does not depend on it.</remarks>
static class SchemaRelations
{
    /// <summary>The most schemas that are gathered through <c>allOf</c>.</summary>
    const int MostGathered = 100;

    /// <summary>How deep values of properties are looked into.</summary>
    const int Depth = 3;

    /// <summary>A schema and all that hold with it for certain.</summary>
    public static List<Schema> Flat(Schema schema)
    {
        var all = new List<Schema> { schema };
        for (int i = 0; i < all.Count && all.Count < MostGathered; i++)
        {
            all.AddRange(all[i].AllOf.Where(each => !all.Contains(each)));
        }

        return all;
    }

    /// <summary>The types that a schema's own keywords allow.</summary>
    public static JsonTypes TypesOf(Schema schema)
    {
        if (schema.IsFalse)
        {
            return JsonTypes.None;
        }

        if (schema.Enum is List<JsonElement> values)
        {
            schema.EnumTypes ??= values.Aggregate(JsonTypes.None, (all, value) => all | TypeOf(value));
            return schema.Types & schema.EnumTypes.Value;
        }

        return schema.Types;
    }

    /// <summary>The types that a schema allows, as far as can be seen.</summary>
    public static JsonTypes Shallow(Schema schema) =>
        schema.IsFalse ? JsonTypes.None : Flat(schema).Aggregate(JsonTypes.All, (types, each) => types & TypesOf(each));

    /// <summary>The type of a value.</summary>
    public static JsonTypes TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => JsonTypes.Null,
        JsonValueKind.True or JsonValueKind.False => JsonTypes.Boolean,
        JsonValueKind.String => JsonTypes.String,
        JsonValueKind.Array => JsonTypes.Array,
        JsonValueKind.Object => JsonTypes.Object,
        _ => DecimalNumber.TryParse(value.GetRawText(), out DecimalNumber number) && !number.IsInteger ? JsonTypes.Fraction : JsonTypes.Integer,
    };

    /// <summary>Whether no value of some types satisfies all of some schemas and all of others.</summary>
    public static bool AreDisjoint(IReadOnlyList<Schema> x, IReadOnlyList<Schema> y, JsonTypes types = JsonTypes.All) => AreDisjoint(x, y, types, Depth);

    /// <summary>Whether a schema follows from others, of values of some types.</summary>
    public static bool IsImplied(Schema schema, IReadOnlyList<Schema> own, JsonTypes types)
    {
        if (own.Contains(schema))
        {
            return true;
        }

        if (schema.IsFalse || (types & ~schema.Types) != 0 || schema.Enum is not null || schema.Excluded.Count > 0 || schema.AllOf.Count > 0
            || schema.Not.Count > 0
            || schema.Choices.Count > 0 || schema.Condition is not null)
        {
            return false;
        }

        if ((types & JsonTypes.Number) != 0 && (schema.Range != new NumberRange() || schema.NotMultiples.Count > 0))
        {
            return false;
        }

        if ((types & JsonTypes.String) != 0 && (schema.Length != default || schema.Patterns.Count > 0))
        {
            return false;
        }

        if ((types & JsonTypes.Array) != 0 && schema.SaysArrays)
        {
            return false;
        }

        return (types & JsonTypes.Object) == 0
            || (schema is { PatternProperties.Count: 0, AdditionalProperties: null, PropertyNames: null, SomeMembers.Count: 0 } && schema.MemberCount == default
                && schema.Required.TrueForAll(name => own.Any(each => each.Required.Contains(name)))
                && schema.Properties.TrueForAll(property => Forbid(own, property.Name)
                    || own.Any(each => each.Properties.Exists(other => other.Name == property.Name && other.Schema == property.Schema))));
    }

    static bool AreDisjoint(IReadOnlyList<Schema> x, IReadOnlyList<Schema> y, JsonTypes types, int depth)
    {
        JsonTypes common = x.Concat(y).Aggregate(types, (all, schema) => all & TypesOf(schema));
        if (common == JsonTypes.None)
        {
            return true;
        }

        foreach (Schema listed in x.Where(schema => schema.Enum is not null))
        {
            foreach (Schema other in y)
            {
                if (other.Enum is List<JsonElement> values && AreDisjoint(listed.Enum!, values))
                {
                    return true;
                }
            }
        }

        return common == JsonTypes.Object && depth > 0 && AreDisjointObjects(x, y, depth);
    }

    static bool AreDisjointObjects(IReadOnlyList<Schema> x, IReadOnlyList<Schema> y, int depth)
    {
        Schema[] all = [.. x, .. y];
        foreach (string name in all.SelectMany(schema => schema.Required).Distinct())
        {
            if (Forbid(all, name))
            {
                return true;
            }

            Schema[] mine = [.. PropertiesOf(x, name)], others = [.. PropertiesOf(y, name)];
            if (mine.Length > 0 && others.Length > 0 && AreDisjoint([.. mine.SelectMany(Flat)], [.. others.SelectMany(Flat)], JsonTypes.All, depth - 1))
            {
                return true;
            }
        }

        // A demand on some member that has no place.
        return all.SelectMany(schema => schema.SomeMembers).Any(demand => all.Any(schema =>
            demand is { IsExcept: true, Patterns.Count: 0, PropertyNames: null } && schema.AdditionalProperties?.IsFalse == true
                && schema.PatternProperties.Count == 0
            && schema.Properties.TrueForAll(property => property.Schema.IsFalse || demand.Names.Contains(property.Name))));
    }

    static IEnumerable<Schema> PropertiesOf(IReadOnlyList<Schema> schemas, string name) =>
        schemas.SelectMany(schema => schema.Properties).Where(property => property.Name == name).Select(property => property.Schema);

    /// <summary>Whether one of the schemas has no place for a name.</summary>
    static bool Forbid(IReadOnlyList<Schema> schemas, string name) => schemas.Any(schema =>
        schema.Properties.Exists(property => property.Name == name && property.Schema.IsFalse)
        || (schema.AdditionalProperties?.IsFalse == true && schema.PatternProperties.Count == 0
        && !schema.Properties.Exists(property => property.Name == name)));

    static bool AreDisjoint(List<JsonElement> x, List<JsonElement> y)
    {
        var set = new ValueSet(x);
        return !y.Exists(set.Contains);
    }
}
