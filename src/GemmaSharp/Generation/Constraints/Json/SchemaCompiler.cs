using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace GemmaSharp.Generation.Constraints.Json;

/// <summary>JSON Schema to a grammar that accepts exactly the texts of its values.</summary>
/// <remarks>
/// <para>
/// A value has to satisfy a set of schemas at once; each such set becomes a rule, once. References and <c>allOf</c> add schemas to the set; a choice
/// (<c>anyOf</c>,
/// <c>oneOf</c>, a condition) makes a rule of alternatives, one set for each. What is left is a set of plain schemas, whose keywords are joined type by type:
/// bounds of numbers, expressions of texts, items by position, members by name.
/// </para>
/// <para>Negations are alternatives, too: one keyword fails. Sets are worked off one after another, so nesting and recursion cost no stack. Not
/// thread-safe.</para>
/// </remarks>
sealed class SchemaCompiler
{
    /// <summary>The most sets of schemas beside those that were written: products of choices can be many.</summary>
    const int MostSets = 4_000;

    /// <summary>The most comparisons of alternatives with what holds anyway.</summary>
    const int MostComparisons = 3_000_000;

    /// <summary>The most demands on some items or members that are counted beside each other: each doubles what an item can be.</summary>
    const int MostDemands = 5;

    /// <summary>The most items of an array among which some are counted.</summary>
    const int MostCountedItems = 1000;

    /// <summary>How deeply schemas of names may nest.</summary>
    const int MostNested = 60;

    /// <summary>The most kinds of other names that patterns can divide an object's names into.</summary>
    const int MostNameKinds = 64;

    static readonly HashSet<string> s_joining = ["anyOf", "oneOf", "allOf", "not", "if", "dependentRequired", "dependentSchemas", "dependencies"];

    readonly SchemaDocument _document;
    readonly JsonSchemaOptions _options;
    readonly SchemaNotation _notation;
    readonly GrammarBuilder _builder;
    readonly Expressions _e;
    readonly JsonSpelling _spelling;
    readonly Dictionary<Sequence, Symbol> _rules = [];
    readonly Queue<(Symbol Rule, Atom[] Set, bool IsCall)> _queue = [];
    readonly Dictionary<int, Schema> _byId = [];
    readonly Dictionary<int, Choice> _choices = [];
    readonly Dictionary<(int Choice, JsonTypes Types), List<List<Schema>>> _exactlyOne = [];
    readonly Dictionary<NumberRange, int> _numbers = [];
    int _comparisons;
    readonly Schema _any;
    readonly Symbol _comma;
    readonly Symbol _arrayOpen;
    readonly Symbol _arrayClose;
    readonly Symbol _arrayEmpty;
    readonly Symbol _objectOpen;
    readonly Symbol _objectClose;
    readonly Symbol _objectEmpty;

    SchemaCompiler(GrammarBuilder builder, JsonElement schema, JsonSchemaOptions options, SchemaNotation notation)
    {
        _builder = builder;
        _options = options;
        _notation = notation;
        _document = new SchemaDocument(schema);
        _any = _document.New("");
        _e = _builder.Expressions;
        _spelling = new JsonSpelling(_e, options.Whitespace);
        _comma = _builder.Lexeme(_spelling.Token(Encoding.UTF8.GetBytes(notation.Comma)));
        _arrayOpen = _builder.Lexeme(_spelling.Token("["u8, before: false));
        _arrayClose = _builder.Lexeme(_spelling.Token("]"u8, after: false));
        _arrayEmpty = _builder.Lexeme(_e.Concat(_e.Literal("["u8), _spelling.Space, _e.Literal("]"u8)));
        _objectOpen = _builder.Lexeme(_spelling.Token("{"u8, before: false));
        _objectClose = _builder.Lexeme(_spelling.Token("}"u8, after: false));
        _objectEmpty = _builder.Lexeme(_e.Concat(_e.Literal("{"u8), _spelling.Space, _e.Literal("}"u8)));
    }

    /// <summary>A part of a set: a whole schema, its own keywords alone, or one of its choices.</summary>
    readonly record struct Atom(AtomKind Kind, int Id) : IComparable<Atom>
    {
        public int CompareTo(Atom other) => Kind != other.Kind ? Kind.CompareTo(other.Kind) : Id.CompareTo(other.Id);
    }

    enum AtomKind
    {
        Whole,
        Own,
        Choice,
    }

    /// <summary>Adds the rules of a schema to a grammar.</summary>
    /// <returns>The symbol of its values.</returns>
    /// <exception cref="ConstraintException">It uses what is not supported, or is too large.</exception>
    public static Symbol AddTo(GrammarBuilder builder, JsonElement schema, JsonSchemaOptions options, SchemaNotation notation)
    {
        var compiler = new SchemaCompiler(builder, schema, options, notation);
        Symbol start = compiler.Value([compiler.Whole(compiler._document.Root)], notation.Function is not null);
        while (compiler._queue.TryDequeue(out (Symbol Rule, Atom[] Set, bool IsCall) next))
        {
            try
            {
                compiler.Define(next.Rule, next.Set, next.IsCall);
            }
            catch (ConstraintException e) when (e.Problems.Count == 0)
            {
                (string pointer, string keyword) = compiler.Place(next.Set);
                string where = pointer.Length == 0 ? "the root" : pointer;
                throw new ConstraintException($"{e.Message.TrimEnd('.')} ({(keyword.Length == 0 ? "in" : keyword + " of")} {where}).",
                    new ConstraintProblem(pointer, keyword, e.Message));
            }
        }

        IReadOnlyCollection<ConstraintProblem> problems = compiler._document.Problems;
        return problems.Count == 0 || options.Lenient ? start : throw Unsupported(problems);
    }

    /// <summary>Where a set was written, as far as one place can be told: its first choice, or else its first schema.</summary>
    (string Pointer, string Keyword) Place(Atom[] set)
    {
        foreach (Atom atom in set)
        {
            if (atom.Kind == AtomKind.Choice)
            {
                return Split(_choices[atom.Id].Pointer);
            }

            foreach (Choice choice in _byId[atom.Id].Choices)
            {
                return Split(choice.Pointer);
            }
        }

        return (_byId[set[0].Id].Pointer, "");

        // A negation was written where its schema was: its keyword is the one around it.
        static (string, string) Split(string pointer)
        {
            string at = pointer;
            while (at.LastIndexOf('/') is int slash and >= 0)
            {
                string step = at[(slash + 1)..];
                if (s_joining.Contains(step))
                {
                    return (at[..slash], step);
                }

                if (!step.All(char.IsAsciiDigit))
                {
                    break;
                }

                at = at[..slash];
            }

            return (pointer, "not");
        }
    }

    static ConstraintException Unsupported(IReadOnlyCollection<ConstraintProblem> problems)
    {
        const int Shown = 5;
        string list = string.Join("; ", problems.Take(Shown).Select(problem =>
            $"{(problem.Pointer.Length == 0 ? "the root" : problem.Pointer)}: {(problem.Keyword.Length == 0 ? "it" : problem.Keyword)} "
                + $"{problem.Message.TrimEnd('.')}"));
        string more = problems.Count > Shown ? FormattableString.Invariant($"; and {problems.Count - Shown} more") : "";
        return new ConstraintException($"The schema uses what is not supported: {list}{more}.", [.. problems]);
    }

    Atom Whole(Schema schema)
    {
        _byId[schema.Id] = schema;
        return new Atom(AtomKind.Whole, schema.Id);
    }

    Atom Own(Schema schema)
    {
        _byId[schema.Id] = schema;
        return new Atom(AtomKind.Own, schema.Id);
    }

    /// <summary>The rule of values that satisfy all schemas of a set.</summary>
    /// <param name="atoms">The set.</param>
    /// <param name="isCall">Whether they are written as the arguments of a call.</param>
    Symbol Value(IEnumerable<Atom> atoms, bool isCall = false)
    {
        Atom[] set = [.. new SortedSet<Atom>(atoms)];
        var key = new Sequence([.. MemoryMarshal.Cast<Atom, int>(set), .. isCall ? (ReadOnlySpan<int>)[-1] : []]);
        if (!_rules.TryGetValue(key, out Symbol rule))
        {
            if (_rules.Count >= MostSets + (4 * _document.Written))
            {
                throw TooMany();
            }

            rule = _builder.Rule("value");
            _rules.Add(key, rule);
            _queue.Enqueue((rule, set, isCall));
        }

        return rule;
    }

    ConstraintException TooMany() => new(
        $"The schema's alternatives multiply to {_rules.Count} combinations and more; make anyOf, oneOf, not and dependencies that hold at once fewer.");

    Symbol Value(IEnumerable<Schema> schemas) => Value(schemas.DefaultIfEmpty(_any).Select(Whole));

    void Define(Symbol rule, Atom[] set, bool isCall)
    {
        var own = new SortedSet<Atom>();
        var choices = new SortedSet<Atom>();
        var seen = new HashSet<Atom>();
        var stack = new Stack<Atom>(set);
        while (true)
        {
            if (!Gather(stack, seen, own, choices))
            {
                return;
            }

            List<Schema> schemas = [.. own.Select(atom => _byId[atom.Id])];
            JsonTypes types = schemas.Aggregate(JsonTypes.All, (types, schema) => types & SchemaRelations.TypesOf(schema));
            if (types == JsonTypes.None)
            {
                return;
            }

            // A choice that holds anyway goes; one with a single alternative left is none; of the others the one with the fewest is made first.
            Atom first = default;
            List<List<Schema>>? fewest = null;
            foreach (Atom atom in choices.ToArray())
            {
                List<List<Schema>>? possible = Possible(_choices[atom.Id], schemas, types);
                if (possible is null or [_])
                {
                    choices.Remove(atom);
                    seen.Add(atom);
                    foreach (Schema schema in possible?[0] ?? [])
                    {
                        stack.Push(Whole(schema));
                    }
                }
                else if (fewest is null || possible.Count < fewest.Count)
                {
                    (first, fewest) = (atom, possible);
                }

                if (fewest?.Count == 0)
                {
                    return;
                }
            }

            if (stack.Count > 0)
            {
                continue;
            }

            if (fewest is null)
            {
                if (isCall)
                {
                    DefineObject(rule, schemas, isCall);
                }
                else
                {
                    DefineTypes(rule, schemas, types);
                }

                return;
            }

            // One choice at a time: the others stay in the set of each alternative.
            Atom[] rest = [.. own, .. choices.Where(atom => atom != first)];
            foreach (List<Schema> alternative in fewest)
            {
                _builder.Add(rule, Value(rest.Concat(alternative.Select(Whole)), isCall));
            }

            return;
        }
    }

    /// <summary>Takes whole schemas apart into their own keywords and their choices.</summary>
    /// <returns>False where nothing can satisfy them.</returns>
    bool Gather(Stack<Atom> stack, HashSet<Atom> seen, SortedSet<Atom> own, SortedSet<Atom> choices)
    {
        while (stack.TryPop(out Atom atom))
        {
            if (!seen.Add(atom))
            {
                continue;
            }

            if (atom.Kind != AtomKind.Whole)
            {
                (atom.Kind == AtomKind.Own ? own : choices).Add(atom);
                continue;
            }

            Schema schema = _byId[atom.Id];
            if (schema.IsFalse)
            {
                return false;
            }

            own.Add(Own(schema));
            foreach (Schema also in schema.AllOf.Concat(schema.Not.Select(_document.Not)))
            {
                stack.Push(Whole(also));
            }

            foreach (Choice choice in schema.Choices.Concat(ConditionOf(schema)))
            {
                _choices[choice.Id] = choice;
                var each = new Atom(AtomKind.Choice, choice.Id);
                if (seen.Add(each))
                {
                    choices.Add(each);
                }
            }
        }

        return true;
    }

    /// <summary>A condition as a choice: it holds and so does one schema, or it does not and another does.</summary>
    IEnumerable<Choice> ConditionOf(Schema schema)
    {
        if (schema.Condition is ({ } condition, var then, var otherwise))
        {
            List<Schema> holds = [condition], fails = [_document.Not(condition)];
            if (then is not null)
            {
                holds.Add(then);
            }

            if (otherwise is not null)
            {
                fails.Add(otherwise);
            }

            // As long as the schema is, so that the choice is the same each time.
            yield return schema.ConditionChoice ??= new Choice(_document.NewId(), schema.Pointer + "/if", [holds, fails]);
        }
    }

    /// <summary>The alternatives of a choice for values of some types; of a <c>oneOf</c>, each without what others have in common with it.</summary>
    List<List<Schema>> AlternativesOf(Choice choice, JsonTypes types)
    {
        if (!_document.ExactlyOne.TryGetValue(choice.Id, out List<Schema>? all))
        {
            return choice.Alternatives;
        }

        if (!_exactlyOne.TryGetValue((choice.Id, types), out List<List<Schema>>? alternatives))
        {
            List<Schema>[] flat = [.. all.Select(SchemaRelations.Flat)];
            alternatives = [.. all.Select((one, i) => (List<Schema>)
                [one, .. all.Where((_, j) => i != j && !SchemaRelations.AreDisjoint(flat[i], flat[j], types)).Select(_document.Not)])];
            _exactlyOne.Add((choice.Id, types), alternatives);
        }

        return alternatives;
    }

    /// <summary>The alternatives of a choice that are possible beside what holds anyway; null where one of them holds anyway.</summary>
    List<List<Schema>>? Possible(Choice choice, List<Schema> own, JsonTypes types)
    {
        var possible = new List<List<Schema>>();
        foreach (List<Schema> alternative in AlternativesOf(choice, types))
        {
            _comparisons += alternative.Count * (own.Count + 1);
            if (_comparisons > MostComparisons)
            {
                throw TooMany();
            }

            List<Schema> open = alternative.FindAll(schema => !SchemaRelations.IsImplied(schema, own, types));
            if (open.Count == 0)
            {
                return null;
            }

            if (!open.Exists(schema => schema.IsFalse || SchemaRelations.AreDisjoint(SchemaRelations.Flat(schema), own, types)))
            {
                possible.Add(open);
            }
        }

        return possible;
    }

    void DefineTypes(Symbol rule, List<Schema> schemas, JsonTypes types)
    {
        if (schemas.Find(schema => schema.Enum is not null) is Schema listed)
        {
            DefineEnum(rule, listed, schemas, types);
            return;
        }

        foreach (JsonElement excluded in schemas.SelectMany(schema => schema.Excluded))
        {
            types &= ~(excluded.ValueKind == JsonValueKind.Null ? JsonTypes.Null : JsonTypes.None);
        }

        var words = new List<int>();
        if (types.HasFlag(JsonTypes.Null))
        {
            words.Add(Word(_notation.Null));
        }

        foreach (bool value in types.HasFlag(JsonTypes.Boolean) ? (bool[])[true, false] : [])
        {
            if (!schemas.Exists(schema => schema.Excluded.Exists(each => each.ValueKind == (value ? JsonValueKind.True : JsonValueKind.False))))
            {
                words.Add(Word(value ? _notation.True : _notation.False));
            }
        }

        if ((types & JsonTypes.Number) != 0)
        {
            words.Add(Number(schemas, types));
        }

        if (types.HasFlag(JsonTypes.String))
        {
            // What is too much to tell shows here, where it is known of which schema it is.
            int text = Text(schemas, isName: false);
            if (!_e.IsNothing(text))
            {
                words.Add(_spelling.Quoted(text));
            }
        }

        if (words.Count > 0)
        {
            _builder.Add(rule, _builder.Lexeme(_e.Or([.. words])));
        }

        if (types.HasFlag(JsonTypes.Array))
        {
            DefineArray(rule, schemas);
        }

        if (types.HasFlag(JsonTypes.Object))
        {
            DefineObject(rule, schemas);
        }
    }

    int Word(string word) => _e.Literal(Encoding.UTF8.GetBytes(word));

    void DefineEnum(Symbol rule, Schema listed, List<Schema> schemas, JsonTypes types)
    {
        var words = new List<int>();
        int? texts = null;
        List<ValueSet> lists = [.. schemas.Where(schema => schema != listed && schema.Enum is not null).Select(schema => new ValueSet(schema.Enum!))];
        var excluded = new ValueSet(schemas.SelectMany(schema => schema.Excluded));
        foreach (JsonElement value in listed.Enum!)
        {
            JsonTypes type = SchemaRelations.TypeOf(value);
            if ((types & type) == 0 || excluded.Contains(value) || !lists.TrueForAll(list => list.Contains(value)))
            {
                continue;
            }

            switch (value.ValueKind)
            {
                case JsonValueKind.String:
                    string text = value.GetString()!;
                    if (Matches(texts ??= Text(schemas, isName: false), JsonSpelling.Spell(text)))
                    {
                        words.Add(_spelling.Quoted(_spelling.Literal(text)));
                    }

                    break;
                case JsonValueKind.Number:
                    NumberRange range = RangeOf(schemas);
                    string raw = value.GetRawText();
                    if (!DecimalNumber.TryParse(raw, out DecimalNumber number)
                        || (range.Contains(number) && !schemas.Exists(schema => schema.NotMultiples.Exists(number.IsMultipleOf))))
                    {
                        words.Add(_e.Literal(Encoding.UTF8.GetBytes(raw)));
                        words.Add(DecimalNumber.TryParse(raw, out number)
                            ? Range(new NumberRange { IsInteger = number.IsInteger }.AtLeast(number, false).AtMost(number, false)) : _e.Nothing);
                    }

                    break;
                case JsonValueKind.Array or JsonValueKind.Object:
                    IEnumerable<Schema> beside = schemas.Where(schema => value.ValueKind == JsonValueKind.Array ? schema.SaysArrays : schema.SaysObjects);
                    _builder.Add(rule, Value(beside.Select(schema => schema.Enum is null ? schema : _document.WithoutEnum(schema))
                        .Select(Own).Append(Whole(_document.Exactly(listed.Pointer, value)))));
                    break;
                default:
                    words.Add(Word(value.ValueKind switch
                    {
                        JsonValueKind.Null => _notation.Null,
                        JsonValueKind.True => _notation.True,
                        _ => _notation.False,
                    }));
                    break;
            }
        }

        if (words.Count > 0)
        {
            _builder.Add(rule, _builder.Lexeme(_e.Or([.. words])));
        }
    }

    static NumberRange RangeOf(List<Schema> schemas)
    {
        var range = new NumberRange();
        foreach (NumberRange each in schemas.Select(schema => schema.Range))
        {
            range = each.Min is DecimalNumber min ? range.AtLeast(min, each.IsMinExclusive) : range;
            range = each.Max is DecimalNumber max ? range.AtMost(max, each.IsMaxExclusive) : range;
            range = each.MultipleOf is DecimalNumber of ? range.Multiple(of) : range;
        }

        return range;
    }

    int Number(List<Schema> schemas, JsonTypes types)
    {
        NumberRange range = RangeOf(schemas) with { IsInteger = (types & JsonTypes.Number) == JsonTypes.Integer };
        int number = Range(range);
        if ((types & JsonTypes.Number) == JsonTypes.Fraction)
        {
            // With exponents it cannot be seen whether there is a fraction.
            number = _e.And(Automaton(range), _e.Not(IntegerValued()));
        }

        foreach (DecimalNumber divisor in schemas.SelectMany(schema => schema.NotMultiples))
        {
            number = _e.And(Automaton(range), _e.Not(Automaton(new NumberRange().Multiple(divisor))), number);
        }

        foreach (JsonElement excluded in schemas.SelectMany(schema => schema.Excluded).Where(each => each.ValueKind == JsonValueKind.Number))
        {
            if (DecimalNumber.TryParse(excluded.GetRawText(), out DecimalNumber value))
            {
                // With exponents one number has many spellings, so none is allowed here.
                number = _e.And(
                    Automaton(range), _e.Not(Automaton(new NumberRange().AtLeast(value, false).AtMost(value, false))), number);
            }
        }

        return number;
    }

    /// <summary>The spellings of numbers of a range.</summary>
    int Range(NumberRange range)
    {
        if (!_numbers.TryGetValue(range, out int number))
        {
            number = range.IsSignOnly ? OfSign(range) : range == new NumberRange { IsInteger = true } ? Integer() : Automaton(range);
            if (range.IsInteger && !_options.Strict)
            {
                // To JSON Schema 1.0 is an integer; to most programs it is none.
                number = _e.Concat(number, _e.Repeat(_e.Literal(".0"u8), 0, 1));
            }

            _numbers.Add(range, number);
        }

        return number;
    }

    int Automaton(NumberRange range) => _e.Of(new NumberAutomaton(range), 0);

    int Integer() => _e.Concat(_e.Repeat(_e.Literal("-"u8), 0, 1), WholePart());

    int IntegerValued() => _e.Concat(Integer(), _e.Repeat(_e.Concat(_e.Literal("."u8), _e.Repeat(_e.Literal("0"u8), 1, null)), 0, 1));

    int WholePart()
    {
        int digits = _e.Repeat(_e.Bytes(((byte)'0', (byte)'9')), 0, null);
        return _e.Or(_e.Literal("0"u8), _e.Concat(_e.Bytes(((byte)'1', (byte)'9')), digits));
    }

    /// <summary>Numbers with exponents, of which at most the sign matters.</summary>
    int OfSign(NumberRange range)
    {
        int digit = _e.Bytes(((byte)'0', (byte)'9')), digits = _e.Repeat(digit, 1, null);
        int exponent = _e.Repeat(_e.Concat(_e.Bytes(((byte)'e', (byte)'e'), ((byte)'E', (byte)'E')), _e.Repeat(_e.Bytes(((byte)'+', (byte)'+'), ((byte)'-',
            (byte)'-')), 0, 1), digits), 0, 1);
        int magnitude = _e.Concat(WholePart(), _e.Repeat(_e.Concat(_e.Literal("."u8), digits), 0, 1), exponent);
        int zeros = _e.Repeat(_e.Literal("0"u8), 1, null);
        int zero = _e.Concat(_e.Literal("0"u8), _e.Repeat(_e.Concat(_e.Literal("."u8), zeros), 0, 1), exponent);
        int above = _e.And(magnitude, _e.Not(zero)), minus = _e.Literal("-"u8);
        var ways = new List<int>();
        if (range.Max is null)
        {
            ways.Add(range.Min is null ? magnitude : above);
        }

        if (range.Min is null)
        {
            ways.Add(_e.Concat(minus, range.Max is null ? magnitude : above));
        }

        if ((range.Min is null || !range.IsMinExclusive) && (range.Max is null || !range.IsMaxExclusive))
        {
            ways.Add(zero);
            ways.Add(_e.Concat(minus, zero));
        }

        return _e.Or([.. ways]);
    }

    /// <summary>Texts between their quotes.</summary>
    int Text(List<Schema> schemas, bool isName)
    {
        Func<CodePointSet, int> character = isName ? _spelling.InName : _spelling.InValue;
        int any = character(CodePointSet.All), min = 0;
        int? max = null;
        var all = new List<int>();
        foreach (Schema schema in schemas)
        {
            min = Math.Max(min, schema.Length.Min);
            max = schema.Length.Max is int most ? Math.Min(most, max ?? most) : max;
            foreach ((string pattern, bool isSearch, bool isNegated, string keyword) in schema.Patterns)
            {
                try
                {
                    int expression = RegexReader.Read(_e, pattern, isSearch, character);
                    all.Add(isNegated ? _e.Not(expression) : expression);
                }
                catch (ConstraintException e) when (e.Problems.Count == 0)
                {
                    _document.Problem(schema.Pointer, keyword, "is not supported: " + e.Message);
                }
            }

            foreach (JsonElement excluded in schema.Excluded.Where(each => each.ValueKind == JsonValueKind.String))
            {
                all.Add(_e.Not(isName ? _spelling.Literal(excluded.GetString()!) : _spelling.EverySpelling(excluded.GetString()!)));
            }
        }

        if (max < min)
        {
            return _e.Nothing;
        }

        // A pattern alone is well formed; what is negated is so only beside this.
        if (min > 0 || max is not null || all.Count == 0 || schemas.Exists(schema => schema.Excluded.Count > 0
            || schema.Patterns.Exists(each => each.IsNegated)))
        {
            all.Add(_e.Repeat(any, min, max));
        }

        return _e.And([.. all]);
    }

    bool Matches(int expression, string spelled)
    {
        foreach (byte b in Encoding.UTF8.GetBytes(spelled))
        {
            ByteSet of = ByteSet.All;
            expression = _e.Derive(expression, b, ref of);
        }

        return _e.IsNullable(expression);
    }

    void DefineArray(Symbol rule, List<Schema> schemas)
    {
        int min = schemas.Max(schema => schema.ItemCount.Min);
        int? max = schemas.Min(schema => schema.ItemCount.Max);
        int prefix = schemas.Max(schema => schema.PrefixItems.Count);
        List<Schema> others = [.. schemas.Where(schema => schema.Items is not null).Select(schema => schema.Items!)];
        if (min > (max ?? int.MaxValue))
        {
            return;
        }

        Contained[] contained = [.. schemas.SelectMany(schema => schema.Contains).Distinct()];
        if (contained.Length > 0 && DefineContains(rule, schemas, contained, prefix, (min, max)))
        {
            return;
        }

        if (min == 0)
        {
            _builder.Add(rule, _arrayEmpty);
        }

        if (max == 0)
        {
            return;
        }

        Symbol[] first = new Symbol[Math.Min(prefix, max ?? prefix)];
        for (int i = 0; i < first.Length; i++)
        {
            first[i] = Value(schemas.Select(schema => i < schema.PrefixItems.Count ? schema.PrefixItems[i] : schema.Items).OfType<Schema>());
        }

        Symbol[] values = [];
        if (schemas.Find(schema => schema.IsUnique) is Schema unique && max != 1)
        {
            if (prefix > 0 || others.Count != 1 || SchemaRelations.Flat(others[0]) is not [{ Enum: List<JsonElement> listed, Choices.Count: 0 } only]
                || listed.Exists(value => value.ValueKind is JsonValueKind.Array or JsonValueKind.Object) || listed.Count > 256)
            {
                _document.Problem(unique.Pointer, "uniqueItems", "is supported for items out of a list of at most 256 texts, numbers or words alone");
            }
            else
            {
                values = [.. listed.Select(value => Enumerated(only, value))];
            }
        }

        Symbol? item = others.Exists(schema => schema.IsFalse) ? null : Value(others);
        if (prefix == 0 && min <= 1 && max is null && values.Length == 0)
        {
            // Left recursion, so that every item begins in the same row.
            if (item is Symbol each)
            {
                Symbol list = _builder.Rule("items");
                _builder.Add(list, each);
                _builder.Add(list, list, _comma, each);
                _builder.Add(rule, _arrayOpen, list, _arrayClose);
            }

            return;
        }

        var family = new ArrayItems(first, item, (min, max), values, _comma, _arrayClose);
        _builder.Add(rule, _arrayOpen, _builder.Rule("items", family, new FamilyKey(ArrayItems.Item, 0, 0)));
    }

    Symbol Enumerated(Schema schema, JsonElement value)
    {
        Schema one = _document.New(schema.Pointer);
        one.Enum = [value];
        return Value([one, schema]);
    }

    /// <summary>Arrays of which some items must have schemas.</summary>
    /// <returns>False where that is not supported, which has been noted.</returns>
    bool DefineContains(Symbol rule, List<Schema> schemas, Contained[] contained, int prefix, (int Min, int? Max) count)
    {
        if (schemas.Find(schema => schema.IsUnique) is Schema unique && count.Max != 1)
        {
            _document.Problem(unique.Pointer, "uniqueItems", "stands beside contains, which is not supported");
            return false;
        }

        int first = Math.Max(prefix, contained.Max(each => each.From));
        if (contained.Length > MostDemands || first > MostCountedItems || count.Min > MostCountedItems || (count.Max ?? 0) > MostCountedItems)
        {
            _document.Problem(schemas.Find(schema => schema.Contains.Count > 0)!.Pointer, "contains",
                FormattableString.Invariant($"counts among more than {MostCountedItems} items or in more than {MostDemands} ways, which is not supported"));
            return false;
        }

        Symbol[] possible = [.. contained.Select(_ => _builder.Rule("some item"))];
        ItemValue[][] values = [.. Enumerable.Range(0, first + 1).Select(i => ItemValues(
            [.. schemas.Select(schema => i < schema.PrefixItems.Count ? schema.PrefixItems[i] : schema.Items).OfType<Schema>()], i))];
        var family = new ContainedItems(
            values[..first], values[first], [.. contained.Select((each, i) => (each.Min, each.Max, possible[i]))], count, _comma, _arrayClose);
        if (family.CanBeEmpty)
        {
            _builder.Add(rule, _arrayEmpty);
        }

        if (count.Max != 0)
        {
            _builder.Add(rule, _arrayOpen, _builder.Rule("items", family, new FamilyKey(ContainedItems.Item, 0, 0)));
        }

        return true;

        ItemValue[] ItemValues(Schema[] item, int index)
        {
            List<(List<Schema> All, int Meets)> ways = [([.. item], 0)];
            for (int i = 0; i < contained.Length; i++)
            {
                if (contained[i].From <= index)
                {
                    // Where too many are wrong an item is counted exactly when it has the schema; else it may have it without being counted.
                    Contained each = contained[i];
                    ways = [.. ways.SelectMany(way => ((List<Schema> All, int Meets)[])
                    [
                        ([.. way.All, each.Schema], way.Meets | (1 << i)),
                        each.Max is null ? way : ([.. way.All, _document.Not(each.Schema)], way.Meets),
                    ])];
                }
            }

            ItemValue[] made = [.. ways.Where(way => !way.All.Exists(schema => schema.IsFalse)).Select(way => new ItemValue(Value(way.All), way.Meets))];
            foreach (ItemValue value in made)
            {
                for (int i = 0; i < contained.Length; i++)
                {
                    if ((value.Meets >> i & 1) != 0)
                    {
                        _builder.Add(possible[i], value.Value);
                    }
                }
            }

            return made;
        }
    }

    void DefineObject(Symbol rule, List<Schema> schemas, bool isCall = false)
    {
        (int Min, int? Max) count = (schemas.Max(schema => schema.MemberCount.Min), schemas.Min(schema => schema.MemberCount.Max));
        if (count.Min > (count.Max ?? int.MaxValue))
        {
            return;
        }

        string[] required = [.. schemas.SelectMany(schema => schema.Required).Distinct()];
        SomeMember[] demands = [.. schemas.SelectMany(schema => schema.SomeMembers)];
        if (demands.Length > MostDemands)
        {
            throw new ConstraintException(
                $"The schema demands something of some member in {demands.Length} ways at once; at most {MostDemands} are supported, so make oneOf "
                    + "and not simpler.");
        }

        string[] names = [.. schemas.SelectMany(schema => schema.Properties.Select(each => each.Name)).Concat(required).Concat(demands.SelectMany(each =>
            each.Names)).Distinct()];
        var patterns = new Dictionary<string, int>();
        foreach (SomeMember demand in demands)
        {
            if (demand.PropertyNames is Schema ofNames)
            {
                patterns.TryAdd(KeyOf(ofNames), _e.And(Text([_any], isName: true), _e.Not(Names([ofNames]))));
            }
        }

        foreach (Schema schema in schemas)
        {
            foreach (string pattern in schema.PatternProperties.Select(each => each.Pattern).Concat(schema.SomeMembers.SelectMany(each => each.Patterns)))
            {
                if (!patterns.ContainsKey(pattern))
                {
                    try
                    {
                        patterns.Add(pattern, RegexReader.Read(_e, pattern, isSearch: true, _spelling.InName));
                    }
                    catch (ConstraintException e) when (e.Problems.Count == 0)
                    {
                        _document.Problem(schema.Pointer, "patternProperties", "is not supported: " + e.Message);
                        patterns.Add(pattern, _e.Nothing);
                    }
                }
            }
        }

        bool isStrict = _options.Strict && !schemas.Exists(schema => schema.AdditionalProperties is not null || schema.PatternProperties.Count > 0);
        int allowedNames = Names([.. schemas.Select(schema => schema.PropertyNames).OfType<Schema>()]);
        Symbol[] possible = [.. demands.Select(_ => _builder.Rule("some member"))];
        var declared = new List<Member>();
        var known = new List<int>();
        foreach (string name in names)
        {
            int spelled = _spelling.Literal(name);
            known.Add(spelled);
            string key = JsonSpelling.Spell(name);
            bool isRequired = required.Contains(name);
            List<Schema>? members = MembersOf(schemas, schema => schema.Properties.Where(each => each.Name == name).Select(each => each.Schema)
                .Concat(schema.PatternProperties.Where(each => Matches(patterns[each.Pattern], key)).Select(each => each.Schema)));
            if (members is null || !Matches(allowedNames, key))
            {
                if (isRequired)
                {
                    return;
                }

                continue;
            }

            declared.Add(Member(spelled, members, isRequired, demand => demand.PropertyNames is Schema ofNames
                ? Matches(patterns[KeyOf(ofNames)], key)
                : demand.IsExcept != (demand.Names.Contains(name) || demand.Patterns.Any(pattern => Matches(patterns[pattern], key)))));
        }

        var others = new List<Member>();
        if (!isStrict)
        {
            foreach ((int kind, HashSet<string> matched) in Kinds(_e.And(allowedNames, _e.Not(_e.Or([.. known]))), patterns, schemas))
            {
                List<Schema>? members = MembersOf(schemas, schema => schema.PatternProperties.Where(each => matched.Contains(each.Pattern)).Select(each =>
                    each.Schema));
                if (members is not null)
                {
                    others.Add(Member(kind, members, false, demand => demand.PropertyNames is Schema ofNames
                        ? matched.Contains(KeyOf(ofNames))
                        : demand.IsExcept != demand.Patterns.Any(matched.Contains)));
                }
            }
        }

        var family = new ObjectMembers(
            [.. declared], [.. others], possible, count, _options.PropertyOrder == JsonPropertyOrder.Declared, _comma,
            isCall ? _builder.Lexeme(Word(")")) : _objectClose);
        if (!family.HasRoom)
        {
            return;
        }

        if (family.CanBeEmpty)
        {
            _builder.Add(rule, isCall ? _builder.Lexeme(Word(_notation.Function + "()")) : _objectEmpty);
        }

        if (count.Max != 0)
        {
            _builder.Add(rule, isCall ? _builder.Lexeme(Word(_notation.Function + "("))
                : _objectOpen, _builder.Rule("members", family, new FamilyKey(ObjectMembers.Member, 0, 0)));
        }

        Member Member(int spelled, List<Schema> members, bool isRequired, Func<SomeMember, bool> concerns)
        {
            Symbol name = _builder.Lexeme(isCall
                ? _e.Concat(spelled, Word("="))
                : _e.Concat(_spelling.Quoted(spelled), _spelling.Token(Encoding.UTF8.GetBytes(_notation.Colon))));
            List<(List<Schema> All, int Meets)> ways = [(members, 0)];
            for (int i = 0; i < demands.Length; i++)
            {
                if (concerns(demands[i]))
                {
                    ways.AddRange([.. ways.Select(way => (new List<Schema>([.. way.All, demands[i].Schema]), way.Meets | (1 << i)))]);
                }
            }

            MemberValue[] values = [.. ways.Where(way => !way.All.Exists(schema => schema.IsFalse)).Select(way => new MemberValue(Value(way.All), way.Meets))];
            foreach (MemberValue value in values)
            {
                for (int i = 0; i < demands.Length; i++)
                {
                    if ((value.Meets >> i & 1) != 0)
                    {
                        _builder.Add(possible[i], name, value.Value);
                    }
                }
            }

            return new Member(name, values, isRequired);
        }
    }

    static string KeyOf(Schema names) => FormattableString.Invariant($"\0{names.Id}");

    /// <summary>The schemas of a member: of each object schema, those that know it, or else the one for all others.</summary>
    /// <returns>Null where one of them allows no value.</returns>
    static List<Schema>? MembersOf(List<Schema> schemas, Func<Schema, IEnumerable<Schema>> knows)
    {
        var members = new List<Schema>();
        foreach (Schema schema in schemas)
        {
            int before = members.Count;
            members.AddRange(knows(schema));
            if (members.Count == before && schema.AdditionalProperties is Schema additional)
            {
                members.Add(additional);
            }
        }

        return members.Exists(member => member.IsFalse) ? null : members;
    }

    /// <summary>The names that all schemas of names allow.</summary>
    int Names(List<Schema> schemas)
    {
        int any = Text([_any], isName: true);
        return schemas.Aggregate(any, (names, schema) => _e.And(names, Names(schema, any, [])));
    }

    /// <summary>The names that a schema of names allows.</summary>
    /// <param name="schema">The schema.</param>
    /// <param name="any">Every name.</param>
    /// <param name="around">The schemas around it: one within itself says nothing that could be written down.</param>
    int Names(Schema schema, int any, HashSet<Schema> around)
    {
        if (schema.IsFalse || (schema.Types & JsonTypes.String) == 0)
        {
            return _e.Nothing;
        }

        if (around.Count >= MostNested || !around.Add(schema))
        {
            _document.Problem(schema.Pointer, "propertyNames", "nests too deeply or refers to itself, which is not supported");
            return any;
        }

        int names = Text([schema], isName: true);
        if (schema.Enum is List<JsonElement> values)
        {
            names = _e.And(names, _e.Or([.. values.Where(value => value.ValueKind == JsonValueKind.String).Select(value =>
                _spelling.Literal(value.GetString()!))]));
        }

        foreach (Schema also in schema.AllOf.Concat(schema.Not.Select(_document.Not)))
        {
            names = _e.And(names, Names(also, any, around));
        }

        foreach (Choice choice in schema.Choices.Concat(ConditionOf(schema)))
        {
            names = _e.And(names, _e.Or([.. AlternativesOf(choice, JsonTypes.String).Select(
                alternative => alternative.Aggregate(any, (all, each) => _e.And(all, Names(each, any, around))))]));
        }

        around.Remove(schema);
        return names;
    }

    /// <summary>Divides names by the patterns that they match.</summary>
    List<(int Kind, HashSet<string> Matched)> Kinds(int names, Dictionary<string, int> patterns, List<Schema> schemas)
    {
        List<(int Kind, HashSet<string> Matched)> kinds = [(names, [])];
        foreach ((string pattern, int expression) in patterns)
        {
            var next = new List<(int, HashSet<string>)>();
            foreach ((int kind, HashSet<string> matched) in kinds)
            {
                Add(_e.And(kind, expression), [.. matched, pattern]);
                Add(_e.And(kind, _e.Not(expression)), matched);

                void Add(int part, HashSet<string> by)
                {
                    if (!_e.IsNothing(part))
                    {
                        next.Add((part, by));
                    }
                }
            }

            kinds = next;
            if (kinds.Count > MostNameKinds)
            {
                _document.Problem(schemas.Find(schema => schema.PatternProperties.Count > 0)!.Pointer, "patternProperties",
                    string.Create(CultureInfo.InvariantCulture, $"has patterns that overlap in more than {MostNameKinds} ways"));
                return kinds;
            }
        }

        return kinds;
    }
}
