using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>A schema document: reads its schemas as they are needed, finds what references name, and notes everything that is not supported.</summary>
/// <remarks>Draft 2020-12, and the spellings of drafts 4 to 7 that real schemas use. Not thread-safe.</remarks>
sealed class SchemaDocument
{
    /// <summary>The most schemas, those that follow from others included.</summary>
    const int MostSchemas = 50_000;

    /// <summary>The most problems that are listed.</summary>
    const int MostProblems = 1000;

    /// <summary>The longest text, and the most items and members, that a schema may count to.</summary>
    const int LargestCount = 10_000_000;

    /// <summary>The most items that <c>contains</c> counts: how many there were is kept for every place of an array.</summary>
    const int MostContained = 200;

    static readonly HashSet<string> s_annotations =
    [
        "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$comment", "contentMediaType", "contentEncoding",
        "contentSchema", "$schema", "$vocabulary", "$defs", "definitions", "$id", "id", "$anchor", "minContains", "maxContains", "then", "else",
            "additionalItems",
    ];

    static readonly HashSet<string> s_schemaMaps = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];
    static readonly HashSet<string> s_schemaLists = ["allOf", "anyOf", "oneOf", "prefixItems", "items"];

    static readonly HashSet<string> s_schemaParts =
    [
        "additionalProperties", "additionalItems", "items", "contains", "not", "if", "then", "else", "propertyNames", "unevaluatedProperties",
        "unevaluatedItems", "contentSchema",
    ];

    static readonly Comparer<int[]> s_byPlace = Comparer<int[]>.Create((x, y) => x.AsSpan().SequenceCompareTo(y));

    readonly JsonElement _root;
    readonly Dictionary<string, Schema> _schemas = [];
    readonly Dictionary<int, Schema> _negations = [];
    readonly Dictionary<int, Schema> _withoutEnum = [];
    readonly Queue<(Schema Schema, Schema Negation)> _toNegate = [];
    readonly Dictionary<string, JsonElement> _anchors = [];
    readonly Dictionary<string, string> _anchorPointers = [];
    readonly Dictionary<string, string> _bases = [];
    readonly bool _refAlone;
    readonly bool _isDraft3;
    readonly Dictionary<(string Pointer, string Keyword), ConstraintProblem> _problems = [];

    // Schemas are read one after another and not inside each other, however deeply they nest.
    readonly Queue<(Schema Schema, JsonElement Element)> _toRead = [];
    bool _reading;
    bool _negating;
    int _ids;

    /// <summary>Takes a document.</summary>
    public SchemaDocument(JsonElement root)
    {
        _root = root;
        string draft = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("$schema", out JsonElement schema)
            && schema.ValueKind == JsonValueKind.String
            ? schema.GetString()! : "";

        // Up to draft 7 nothing beside a reference counts.
        _refAlone = draft.Contains("draft-04", StringComparison.Ordinal) || draft.Contains("draft-06", StringComparison.Ordinal)
            || draft.Contains("draft-07", StringComparison.Ordinal) || draft.Contains("draft-03", StringComparison.Ordinal);
        _isDraft3 = draft.Contains("draft-03", StringComparison.Ordinal);
        FindAnchors();
    }

    /// <summary>What is not supported, in the order of the document.</summary>
    public IReadOnlyCollection<ConstraintProblem> Problems =>
        [
            .. _problems.Values.Select(problem => (Problem: problem, Path: PathOf(problem.Pointer)))
                .OrderBy(each => each.Path, s_byPlace)
                .Select(each => each.Problem),
        ];

    /// <summary>How many schemas of the document have been read.</summary>
    public int Written => _schemas.Count;

    /// <summary>The schema of the whole document.</summary>
    public Schema Root => At("", _root);

    /// <summary>Notes something that cannot be kept.</summary>
    public void Problem(string pointer, string keyword, string message)
    {
        if (_problems.Count < MostProblems)
        {
            _problems.TryAdd((pointer, keyword), new ConstraintProblem(pointer, keyword, message));
        }
    }

    /// <summary>A schema of its own, that was written nowhere.</summary>
    public Schema New(string pointer) => _ids < MostSchemas
        ? new Schema { Id = _ids++, Pointer = pointer }
        : throw new ConstraintException($"The schema unfolds into more than {MostSchemas} schemas; make its alternatives and negations fewer.");

    /// <summary>A number for a choice.</summary>
    public int NewId() => _ids++;

    /// <summary>The schema that holds where another does not.</summary>
    public Schema Not(Schema schema)
    {
        if (!_negations.TryGetValue(schema.Id, out Schema? negation))
        {
            negation = New(schema.Pointer);
            _negations.Add(schema.Id, negation);
            _negations.Add(negation.Id, schema);

            // Negations are written down one after another and not inside each other, however deeply schemas nest.
            _toNegate.Enqueue((schema, negation));
            if (!_negating)
            {
                NegateAll();
            }
        }

        return negation;
    }

    void NegateAll()
    {
        _negating = true;
        try
        {
            while (_toNegate.TryDequeue(out (Schema Schema, Schema Negation) next))
            {
                Negate(next.Schema, next.Negation);
            }
        }
        finally
        {
            _negating = false;
        }
    }

    /// <summary>Where a pointer leads: of each step the number of the part.</summary>
    int[] PathOf(string pointer)
    {
        var path = new List<int>();
        JsonElement element = _root;
        foreach (string step in pointer.Split('/').Skip(1))
        {
            string name = Unescape(step);
            int index = -1;
            if (element.ValueKind == JsonValueKind.Object)
            {
                int i = 0;
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    (index, element) = property.Name == name && index < 0 ? (i, property.Value) : (index, element);
                    i++;
                }
            }
            else if (element.ValueKind == JsonValueKind.Array && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out index)
                && index < element.GetArrayLength())
            {
                element = element[index];
            }

            path.Add(index);
        }

        return [.. path];
    }

    static string Unescape(string step) => step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    Schema At(string pointer, JsonElement element)
    {
        if (_schemas.TryGetValue(pointer, out Schema? schema))
        {
            return schema;
        }

        schema = New(pointer);
        _schemas.Add(pointer, schema);
        switch (element.ValueKind)
        {
            case JsonValueKind.True:
                break;
            case JsonValueKind.False:
                schema.IsFalse = true;
                break;
            case JsonValueKind.Object:
                _toRead.Enqueue((schema, element));
                if (!_reading)
                {
                    ReadPending();
                }

                break;
            default:
                Problem(pointer, "", $"is {Show(element)}; a schema is an object, true or false");
                break;
        }

        return schema;
    }

    void ReadPending()
    {
        _reading = true;
        try
        {
            while (_toRead.TryDequeue(out (Schema Schema, JsonElement Element) next))
            {
                Read(next.Schema, next.Element);
            }
        }
        finally
        {
            _reading = false;
        }
    }

    void Read(Schema schema, JsonElement element)
    {
        string pointer = schema.Pointer;
        if (element.TryGetProperty("$ref", out JsonElement reference))
        {
            if (reference.ValueKind == JsonValueKind.String && Find(pointer, reference.GetString()!) is Schema target)
            {
                schema.AllOf.Add(target);
            }
            else
            {
                Problem(pointer, "$ref", $"names {Show(reference)}, which is not in this document; put the schema under $defs");
            }

            if (_refAlone)
            {
                return;
            }
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            ReadKeyword(schema, element, property.Name, property.Value);
        }
    }

    void ReadKeyword(Schema schema, JsonElement element, string keyword, JsonElement value)
    {
        string pointer = schema.Pointer, here = pointer + "/" + Escape(keyword);
        switch (keyword)
        {
            case "type":
                schema.Types &= TypesOf(pointer, value);
                break;
            case "enum":
                if (Require(value.ValueKind == JsonValueKind.Array, pointer, keyword, value, "a list"))
                {
                    SetEnum(schema, [.. value.EnumerateArray()]);
                }

                break;
            case "const":
                SetEnum(schema, [value]);
                break;
            case "minimum" or "maximum" or "exclusiveMinimum" or "exclusiveMaximum" or "multipleOf":
                ReadNumber(schema, element, keyword, value);
                break;
            case "minLength" or "maxLength":
                schema.Length = Counted(schema.Length, pointer, keyword, value);
                break;
            case "minItems" or "maxItems":
                schema.ItemCount = Counted(schema.ItemCount, pointer, keyword, value);
                break;
            case "minProperties" or "maxProperties":
                schema.MemberCount = Counted(schema.MemberCount, pointer, keyword, value);
                break;
            case "pattern":
                if (Require(value.ValueKind == JsonValueKind.String, pointer, keyword, value, "a text"))
                {
                    schema.Patterns.Add((value.GetString()!, true, false, keyword));
                }

                break;
            case "format":
                ReadFormat(schema, pointer, value);
                break;
            case "prefixItems":
            case "items" when value.ValueKind == JsonValueKind.Array:
                if (Require(value.ValueKind == JsonValueKind.Array, pointer, keyword, value, "a list of schemas"))
                {
                    schema.PrefixItems.AddRange(List(here, value));
                    if (keyword == "items" && element.TryGetProperty("additionalItems", out JsonElement others))
                    {
                        schema.Items = At(pointer + "/additionalItems", others);
                    }
                }

                break;
            case "items":
                schema.Items = At(here, value);
                break;
            case "contains":
                ReadContains(schema, element, pointer, here, value);
                break;
            case "uniqueItems":
                schema.IsUnique = value.ValueKind == JsonValueKind.True;
                break;
            case "properties":
                if (Require(value.ValueKind == JsonValueKind.Object, pointer, keyword, value, "an object"))
                {
                    schema.Properties.AddRange(Named(here, value));
                }

                break;
            case "patternProperties":
                if (Require(value.ValueKind == JsonValueKind.Object, pointer, keyword, value, "an object"))
                {
                    schema.PatternProperties.AddRange(Named(here, value));
                }

                break;
            case "additionalProperties":
                schema.AdditionalProperties = At(here, value);
                break;
            case "propertyNames":
                schema.PropertyNames = At(here, value);
                break;
            case "required":
                if (Require(IsTexts(value), pointer, keyword, value, "a list of names"))
                {
                    schema.Required.AddRange(value.EnumerateArray().Select(name => name.GetString()!));
                }

                break;
            case "allOf":
                if (Require(value.ValueKind == JsonValueKind.Array, pointer, keyword, value, "a list of schemas"))
                {
                    schema.AllOf.AddRange(List(here, value));
                }

                break;
            case "anyOf":
                if (Require(value.ValueKind == JsonValueKind.Array, pointer, keyword, value, "a list of schemas"))
                {
                    schema.Choices.Add(new Choice(NewId(), here, [.. List(here, value).Select(each => new List<Schema> { each })]));
                }

                break;
            case "oneOf":
                if (Require(value.ValueKind == JsonValueKind.Array, pointer, keyword, value, "a list of schemas"))
                {
                    List<Schema> all = [.. List(here, value)];
                    var choice = new Choice(NewId(), here, []);
                    ExactlyOne.Add(choice.Id, all);
                    schema.Choices.Add(choice);
                }

                break;
            case "not":
                schema.Not.Add(At(here, value));
                break;
            case "if":
                ReadIf(schema, element, pointer, here, value);
                break;
            case "dependentRequired" or "dependentSchemas" or "dependencies":
                ReadDependencies(schema, pointer, here, keyword, value);
                break;
            case "unevaluatedProperties" or "unevaluatedItems":
                if (value.ValueKind != JsonValueKind.True)
                {
                    Problem(pointer, keyword, "is not supported; use additionalProperties or items");
                }

                break;
            case "$dynamicRef" or "$recursiveRef":
            case "extends" or "disallow" or "divisibleBy" when _isDraft3:
                Problem(pointer, keyword, "is not supported");
                break;
            case "$ref" or "$dynamicAnchor" or "$recursiveAnchor":
                break;
            default:
                // Unknown keywords are annotations.
                _ = s_annotations.Contains(keyword);
                break;
        }
    }

    /// <summary>Choices of <c>oneOf</c>, whose alternatives the compiler makes.</summary>
    public Dictionary<int, List<Schema>> ExactlyOne { get; } = [];

    void ReadContains(Schema schema, JsonElement element, string pointer, string here, JsonElement value)
    {
        (int min, int? max) = (1, null);
        if (element.TryGetProperty("minContains", out JsonElement least))
        {
            (min, _) = Counted((0, null), pointer, "minContains", least);
        }

        if (element.TryGetProperty("maxContains", out JsonElement most))
        {
            (_, max) = Counted((0, null), pointer, "maxContains", most);
        }

        if (min > MostContained || max > MostContained)
        {
            Problem(pointer, min > MostContained ? "minContains"
                : "maxContains", FormattableString.Invariant($"counts to more than {MostContained}, which is not supported"));
        }
        else if (min > 0 || max is not null)
        {
            schema.Contains.Add(new Contained(At(here, value), 0, min, max));
        }
    }

    void ReadIf(Schema schema, JsonElement element, string pointer, string here, JsonElement value)
    {
        Schema? then = element.TryGetProperty("then", out JsonElement t) ? At(pointer + "/then", t) : null;
        Schema? otherwise = element.TryGetProperty("else", out JsonElement e) ? At(pointer + "/else", e) : null;
        if (then is null && otherwise is null)
        {
            return;
        }

        schema.Condition = (At(here, value), then, otherwise);
    }

    void ReadDependencies(Schema schema, string pointer, string here, string keyword, JsonElement value)
    {
        if (!Require(value.ValueKind == JsonValueKind.Object, pointer, keyword, value, "an object"))
        {
            return;
        }

        foreach (JsonProperty each in value.EnumerateObject())
        {
            Schema without = New(here), with = New(here);
            without.Properties.Add((each.Name, False(here)));
            with.Types = JsonTypes.Object;
            with.Required.Add(each.Name);
            List<Schema> also = [with];
            if (each.Value.ValueKind == JsonValueKind.Array || each.Value.ValueKind == JsonValueKind.String)
            {
                if (each.Value.ValueKind == JsonValueKind.String)
                {
                    with.Required.Add(each.Value.GetString()!);
                }
                else if (Require(IsTexts(each.Value), here, each.Name, each.Value, "a list of names"))
                {
                    with.Required.AddRange(each.Value.EnumerateArray().Select(name => name.GetString()!));
                }
            }
            else
            {
                also.Add(At(here + "/" + Escape(each.Name), each.Value));
            }

            schema.Choices.Add(new Choice(NewId(), here, [[without], also]));
        }
    }

    Schema False(string pointer)
    {
        Schema schema = New(pointer);
        schema.IsFalse = true;
        return schema;
    }

    static void SetEnum(Schema schema, List<JsonElement> values)
    {
        if (schema.Enum is List<JsonElement> before)
        {
            var both = new ValueSet(values);
            values = [.. before.Where(both.Contains)];
        }

        schema.Enum = values;
    }

    void ReadNumber(Schema schema, JsonElement element, string keyword, JsonElement value)
    {
        string pointer = schema.Pointer;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False && keyword.StartsWith("exclusive", StringComparison.Ordinal))
        {
            // Draft 4: whether the other keyword's bound is out.
            string other = keyword == "exclusiveMinimum" ? "minimum" : "maximum";
            if (value.ValueKind == JsonValueKind.True && element.TryGetProperty(other, out JsonElement bound)
                && Number(pointer, other, bound) is DecimalNumber limit)
            {
                schema.Range = keyword == "exclusiveMinimum" ? schema.Range.AtLeast(limit, true) : schema.Range.AtMost(limit, true);
            }

            return;
        }

        if (Number(pointer, keyword, value) is not DecimalNumber number)
        {
            return;
        }

        if (keyword == "multipleOf" && number.Sign <= 0)
        {
            Problem(pointer, keyword, $"is {Show(value)}; it must be above 0");
            return;
        }

        schema.Range = keyword switch
        {
            "minimum" => schema.Range.AtLeast(number, false),
            "maximum" => schema.Range.AtMost(number, false),
            "exclusiveMinimum" => schema.Range.AtLeast(number, true),
            "exclusiveMaximum" => schema.Range.AtMost(number, true),
            _ => schema.Range.Multiple(number),
        };
    }

    DecimalNumber? Number(string pointer, string keyword, JsonElement value)
    {
        if (Require(value.ValueKind == JsonValueKind.Number, pointer, keyword, value, "a number"))
        {
            if (DecimalNumber.TryParse(value.GetRawText(), out DecimalNumber number))
            {
                return number;
            }

            Problem(pointer, keyword, $"is {Show(value)}, which has more digits than are read");
        }

        return null;
    }

    (int Min, int? Max) Counted((int Min, int? Max) count, string pointer, string keyword, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Number || !DecimalNumber.TryParse(value.GetRawText(), out DecimalNumber number) || !number.IsInteger
            || number.Sign < 0)
        {
            Problem(pointer, keyword, $"is {Show(value)}; it must be a whole number, 0 or more");
            return count;
        }

        BigInteger whole = number.Scaled(0);
        bool isMin = keyword.StartsWith("min", StringComparison.Ordinal);
        if (whole > LargestCount)
        {
            // More than any answer has: no limit upwards, and too much downwards.
            if (isMin)
            {
                Problem(pointer, keyword, $"is {Show(value)}; at most {LargestCount.ToString(CultureInfo.InvariantCulture)} is supported");
            }

            return count;
        }

        return isMin ? (Math.Max(count.Min, (int)whole), count.Max) : (count.Min, Math.Min(count.Max ?? int.MaxValue, (int)whole));
    }

    void ReadFormat(Schema schema, string pointer, JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String)
        {
            return;
        }

        string format = value.GetString()!;
        if (JsonFormats.Pattern(format) is string pattern)
        {
            schema.Patterns.Add((pattern, false, false, "format"));
            if (format == "hostname")
            {
                schema.Length = (schema.Length.Min, Math.Min(schema.Length.Max ?? int.MaxValue, JsonFormats.LongestHostName));
            }
        }
        else if (JsonFormats.IsUnsupported(format))
        {
            Problem(pointer, "format", $"is {format}, which is not supported");
        }
    }

    JsonTypes TypesOf(string pointer, JsonElement value)
    {
        JsonTypes types = JsonTypes.None;
        foreach (JsonElement each in value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToArray() : [value])
        {
            JsonTypes type = each.ValueKind != JsonValueKind.String ? JsonTypes.None : each.GetString() switch
            {
                "null" => JsonTypes.Null,
                "boolean" => JsonTypes.Boolean,
                "integer" => JsonTypes.Integer,
                "number" => JsonTypes.Number,
                "string" => JsonTypes.String,
                "array" => JsonTypes.Array,
                "object" => JsonTypes.Object,
                _ => JsonTypes.None,
            };
            if (type == JsonTypes.None)
            {
                Problem(pointer, "type", $"is {Show(each)}; null, boolean, integer, number, string, array and object are types");
                return JsonTypes.All;
            }

            types |= type;
        }

        return types;
    }

    IEnumerable<Schema> List(string pointer, JsonElement list) => [.. list.EnumerateArray().Select((each, i) =>
        At(FormattableString.Invariant($"{pointer}/{i}"), each))];

    IEnumerable<(string, Schema)> Named(string pointer, JsonElement named) =>
        [.. named.EnumerateObject().Select(each => (each.Name, At(pointer + "/" + Escape(each.Name), each.Value)))];

    bool Require(bool holds, string pointer, string keyword, JsonElement found, string needed)
    {
        if (!holds)
        {
            Problem(pointer, keyword, $"is {Show(found)}; it must be {needed}");
        }

        return holds;
    }

    static bool IsTexts(JsonElement value) => value.ValueKind == JsonValueKind.Array
        && value.EnumerateArray().All(each => each.ValueKind == JsonValueKind.String);

    static string Show(JsonElement element)
    {
        string text = element.GetRawText();
        return text.Length <= 60 ? text : text[..60] + "…";
    }

    static string Escape(string name) => name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);

    /// <summary>Where a reference leads; null for nowhere.</summary>
    Schema? Find(string from, string reference)
    {
        int hash = reference.IndexOf('#', StringComparison.Ordinal);
        string document = hash < 0 ? reference : reference[..hash], fragment = hash < 0 ? "" : Uri.UnescapeDataString(reference[(hash + 1)..]);
        string start = BaseOf(from);
        if (document.Length > 0)
        {
            string full = Resolve(_bases.GetValueOrDefault(start, ""), document);
            if (!_anchorPointers.TryGetValue(full, out string? found) && !_anchorPointers.TryGetValue(document, out found))
            {
                return null;
            }

            start = found;
        }

        if (fragment.Length > 0 && fragment[0] != '/')
        {
            return _anchorPointers.TryGetValue(start + "#" + fragment, out string? anchor) ? At(anchor, _anchors[start + "#" + fragment]) : null;
        }

        JsonElement element = start.Length == 0 ? _root : _anchors[_bases[start]];
        string pointer = start;
        foreach (string part in fragment.Length == 0 ? [] : fragment[1..].Split('/'))
        {
            string name = Unescape(part);
            pointer += "/" + part;
            if (element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement member))
            {
                element = member;
            }
            else if (element.ValueKind == JsonValueKind.Array && int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index)
                && index < element.GetArrayLength())
            {
                element = element[index];
            }
            else
            {
                return null;
            }
        }

        return At(pointer, element);
    }

    /// <summary>The pointer of the nearest schema around one that has an address of its own.</summary>
    string BaseOf(string pointer)
    {
        for (string at = pointer; ; at = at[..at.LastIndexOf('/')])
        {
            if (at.Length == 0 || _bases.ContainsKey(at))
            {
                return at;
            }
        }
    }

    /// <summary>Finds every <c>$id</c> and <c>$anchor</c> of a schema.</summary>
    void FindAnchors()
    {
        var stack = new Stack<(JsonElement Element, string Pointer, string Base)>();
        stack.Push((_root, "", ""));
        while (stack.TryPop(out (JsonElement Element, string Pointer, string Base) next))
        {
            (JsonElement element, string pointer, string start) = next;
            if (element.ValueKind != JsonValueKind.Object)
            {
                continue;
            }

            foreach (string keyword in (string[])["$id", "id"])
            {
                if (element.TryGetProperty(keyword, out JsonElement id) && id.ValueKind == JsonValueKind.String && id.GetString() is { Length: > 0 } text)
                {
                    if (text[0] == '#')
                    {
                        Anchor(start, text[1..], pointer, element);
                    }
                    else if (keyword == "$id" || pointer.Length == 0 || text.Contains(':', StringComparison.Ordinal))
                    {
                        string full = Resolve(_bases.GetValueOrDefault(start, ""), text.TrimEnd('#'));
                        _bases[pointer] = full;
                        _anchors.TryAdd(full, element);
                        _anchorPointers.TryAdd(full, pointer);
                        start = pointer;
                    }
                }
            }

            foreach (string keyword in (string[])["$anchor", "$dynamicAnchor"])
            {
                if (element.TryGetProperty(keyword, out JsonElement anchor) && anchor.ValueKind == JsonValueKind.String)
                {
                    Anchor(start, anchor.GetString()!, pointer, element);
                }
            }

            foreach ((JsonElement part, string where) in Parts(element, pointer))
            {
                stack.Push((part, where, start));
            }
        }
    }

    /// <summary>The schemas right inside another, wherever its draft has them. What lies under any other keyword is no schema, and names nothing.</summary>
    static IEnumerable<(JsonElement Part, string Pointer)> Parts(JsonElement element, string pointer)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string inner = pointer + "/" + Escape(property.Name);
            if (s_schemaMaps.Contains(property.Name) && property.Value.ValueKind == JsonValueKind.Object)
            {
                foreach (JsonProperty member in property.Value.EnumerateObject())
                {
                    yield return (member.Value, inner + "/" + Escape(member.Name));
                }
            }
            else if (s_schemaLists.Contains(property.Name) && property.Value.ValueKind == JsonValueKind.Array)
            {
                int i = 0;
                foreach (JsonElement each in property.Value.EnumerateArray())
                {
                    yield return (each, FormattableString.Invariant($"{inner}/{i++}"));
                }
            }
            else if (s_schemaParts.Contains(property.Name))
            {
                yield return (property.Value, inner);
            }
        }
    }

    void Anchor(string start, string name, string pointer, JsonElement element)
    {
        _anchors.TryAdd(start + "#" + name, element);
        _anchorPointers.TryAdd(start + "#" + name, pointer);
    }

    static string Resolve(string address, string reference) =>
        System.Uri.TryCreate(reference, UriKind.Absolute, out System.Uri? absolute) && !reference.StartsWith('/') ? absolute.ToString()
        : System.Uri.TryCreate(address, UriKind.Absolute, out System.Uri? start)
        && System.Uri.TryCreate(start, reference, out System.Uri? joined) ? joined.ToString()
        : reference;

    /// <summary>Writes down what holds where a schema does not: one of its keywords fails.</summary>
    void Negate(Schema schema, Schema negation)
    {
        if (schema.IsFalse)
        {
            return;
        }

        string pointer = schema.Pointer;
        var ways = new List<List<Schema>>();
        if (schema.Types != JsonTypes.All)
        {
            Way(way => way.Types = JsonTypes.All & ~schema.Types);
        }

        if (schema.Enum is List<JsonElement> values)
        {
            Way(way =>
            {
                way.Excluded.AddRange(values.Where(IsScalar));
                way.AllOf.AddRange(values.Where(value => !IsScalar(value)).Select(value => Not(Exactly(pointer, value))));
            });
        }

        foreach (JsonElement excluded in schema.Excluded)
        {
            Way(way => way.Enum = [excluded]);
        }

        if (schema.Range.Min is DecimalNumber min)
        {
            Way(way => (way.Types, way.Range) = (JsonTypes.Number, new NumberRange().AtMost(min, !schema.Range.IsMinExclusive)));
        }

        if (schema.Range.Max is DecimalNumber max)
        {
            Way(way => (way.Types, way.Range) = (JsonTypes.Number, new NumberRange().AtLeast(max, !schema.Range.IsMaxExclusive)));
        }

        if (schema.Length.Min > 0)
        {
            Way(way => (way.Types, way.Length) = (JsonTypes.String, (0, schema.Length.Min - 1)));
        }

        if (schema.Length.Max is int longest)
        {
            Way(way => (way.Types, way.Length) = (JsonTypes.String, (longest + 1, null)));
        }

        foreach ((string pattern, bool isSearch, bool isNegated, string keyword) in schema.Patterns)
        {
            Way(way =>
            {
                way.Types = JsonTypes.String;
                way.Patterns.Add((pattern, isSearch, !isNegated, keyword));
            });
        }

        if (schema.ItemCount.Min > 0)
        {
            Way(way => (way.Types, way.ItemCount) = (JsonTypes.Array, (0, schema.ItemCount.Min - 1)));
        }

        if (schema.ItemCount.Max is int mostItems)
        {
            Way(way => (way.Types, way.ItemCount) = (JsonTypes.Array, (mostItems + 1, null)));
        }

        if (schema.MemberCount.Min > 0)
        {
            Way(way => (way.Types, way.MemberCount) = (JsonTypes.Object, (0, schema.MemberCount.Min - 1)));
        }

        if (schema.MemberCount.Max is int mostMembers)
        {
            Way(way => (way.Types, way.MemberCount) = (JsonTypes.Object, (mostMembers + 1, null)));
        }

        foreach (DecimalNumber divisor in schema.NotMultiples)
        {
            Way(way => (way.Types, way.Range) = (JsonTypes.Number, new NumberRange().Multiple(divisor)));
        }

        if (schema.Range.MultipleOf is DecimalNumber of)
        {
            Way(way =>
            {
                way.Types = JsonTypes.Number;
                way.NotMultiples.Add(of);
            });
        }

        for (int i = 0; i < schema.PrefixItems.Count; i++)
        {
            Way(way =>
            {
                way.Types = JsonTypes.Array;
                way.ItemCount = (i + 1, null);
                way.PrefixItems.AddRange([.. Enumerable.Range(0, i).Select(_ => New(pointer)), Not(schema.PrefixItems[i])]);
            });
        }

        if (schema.Items is Schema items)
        {
            Way(way =>
            {
                way.Types = JsonTypes.Array;
                way.ItemCount = (schema.PrefixItems.Count + 1, null);
                way.Contains.Add(new Contained(Not(items), schema.PrefixItems.Count, 1, null));
            });
        }

        foreach (Contained contained in schema.Contains)
        {
            if (contained.Min > 0)
            {
                Way(way =>
                {
                    way.Types = JsonTypes.Array;
                    way.Contains.Add(contained with { Min = 0, Max = contained.Min - 1 });
                });
            }

            if (contained.Max is int mostContained)
            {
                Way(way =>
                {
                    way.Types = JsonTypes.Array;
                    way.Contains.Add(contained with { Min = mostContained + 1, Max = null });
                });
            }
        }

        foreach (string name in schema.Required)
        {
            Way(way =>
            {
                way.Types = JsonTypes.Object;
                way.Properties.Add((name, False(pointer)));
            });
        }

        foreach ((string name, Schema property) in schema.Properties)
        {
            Way(way =>
            {
                way.Types = JsonTypes.Object;
                way.Required.Add(name);
                way.Properties.Add((name, Not(property)));
            });
        }

        foreach ((string pattern, Schema member) in schema.PatternProperties)
        {
            Some(new SomeMember([], [pattern], false, null, Not(member)));
        }

        if (schema.AdditionalProperties is Schema additional)
        {
            Some(new SomeMember(
                [.. schema.Properties.Select(each => each.Name)], [.. schema.PatternProperties.Select(each => each.Pattern)], true, null, Not(additional)));
        }

        if (schema.PropertyNames is Schema names)
        {
            Some(new SomeMember([], [], false, names, New(pointer)));
        }

        ways.AddRange(schema.AllOf.Select(each => new List<Schema> { Not(each) }));
        ways.AddRange(schema.Not.Select(inner => new List<Schema> { inner }));
        foreach (Choice choice in schema.Choices)
        {
            if (ExactlyOne.TryGetValue(choice.Id, out List<Schema>? all))
            {
                // None holds, or two do.
                ways.Add([.. all.Select(Not)]);
                ways.AddRange(all.SelectMany((one, i) => all.Skip(i + 1).Select(other => new List<Schema> { one, other })));
            }
            else
            {
                // Of every alternative something fails.
                ways.Add([.. choice.Alternatives.Select(alternative => alternative is [Schema only] ? Not(only) : AnyOf(pointer, alternative.Select(Not)))]);
            }
        }

        if (schema.Condition is ({ } condition, var then, var otherwise))
        {
            if (then is not null)
            {
                ways.Add([condition, Not(then)]);
            }

            if (otherwise is not null)
            {
                ways.Add([Not(condition), Not(otherwise)]);
            }
        }

        if (schema.IsUnique)
        {
            Problem(pointer, "not", "negates uniqueItems, which is not supported");
        }

        if (ways.Count == 0)
        {
            negation.IsFalse = true;
            return;
        }

        negation.Choices.Add(new Choice(NewId(), pointer, ways));

        void Way(Action<Schema> set)
        {
            Schema way = New(pointer);
            set(way);
            ways.Add([way]);
        }

        void Some(SomeMember some)
        {
            if (!some.Schema.IsFalse)
            {
                Way(way =>
                {
                    way.Types = JsonTypes.Object;
                    way.SomeMembers.Add(some);
                });
            }
        }
    }

    /// <summary>The schema of one array or object, down to its parts.</summary>
    public Schema Exactly(string pointer, JsonElement value)
    {
        Schema exact = New(pointer);
        if (value.ValueKind == JsonValueKind.Array)
        {
            exact.Types = JsonTypes.Array;
            exact.PrefixItems.AddRange(value.EnumerateArray().Select(Part));
            exact.ItemCount = (exact.PrefixItems.Count, exact.PrefixItems.Count);
        }
        else
        {
            // Of members with one name the last one counts, as readers take it.
            exact.Types = JsonTypes.Object;
            exact.Properties.AddRange(value.EnumerateObject().GroupBy(each => each.Name).Select(each => (each.Key, Part(each.Last().Value))));
            exact.Required.AddRange(exact.Properties.Select(each => each.Name));
            exact.AdditionalProperties = False(pointer);
        }

        return exact;

        Schema Part(JsonElement part)
        {
            Schema schema = New(pointer);
            schema.Enum = [part];
            return schema;
        }
    }

    /// <summary>The same schema without its list of values.</summary>
    public Schema WithoutEnum(Schema schema)
    {
        if (!_withoutEnum.TryGetValue(schema.Id, out Schema? without))
        {
            without = schema.WithoutEnum(New(schema.Pointer).Id);
            _withoutEnum.Add(schema.Id, without);
        }

        return without;
    }

    /// <summary>Whether a value is neither an array nor an object.</summary>
    public static bool IsScalar(JsonElement value) => value.ValueKind is not JsonValueKind.Array and not JsonValueKind.Object;

    Schema AnyOf(string pointer, IEnumerable<Schema> schemas)
    {
        Schema any = New(pointer);
        any.Choices.Add(new Choice(NewId(), pointer, [.. schemas.Select(schema => new List<Schema> { schema })]));
        return any;
    }
}
