using System.Text.Json;
using GemmaSharp.Extensions.AI;
using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.Requests;

/// <summary>What an answer has to be: OpenAI's <c>response_format</c>, and what llama-server and vLLM call it.</summary>
static class FormatFields
{
    /// <summary>What the answer has to be; null for anything. Compiling takes a while, so it is not done on the caller's thread.</summary>
    /// <param name="body">The request.</param>
    /// <exception cref="ApiException">A form is unknown, there are several, or a schema uses what is not supported.</exception>
    public static Task<Constraint?> ReadAsync(Fields body)
    {
        var forms = new List<(string Name, Func<Constraint?> Make)>();
        if (body.TryGet("response_format", out JsonElement format))
        {
            Func<Constraint?>? form = OfFormat(format.ValueKind == JsonValueKind.String ? null : Fields.Of(format, "response_format"), format);
            if (form is not null)
            {
                forms.Add(("response_format", form));
            }
        }

        Fields? structured = body.Object("structured_outputs");
        Add("grammar", body, "grammar", Grammar);
        Add("json_schema", body, "json_schema", (fields, name) => Schema(fields, name, strict: null));
        Add("guided_json", body, "guided_json", (fields, name) => Schema(fields, name, strict: null));
        Add("guided_regex", body, "guided_regex", Regex);
        Add("guided_grammar", body, "guided_grammar", Grammar);
        Add("guided_choice", body, "guided_choice", Choice);
        if (structured is Fields nested)
        {
            Add("structured_outputs.json", nested, "json", (fields, name) => Schema(fields, name, strict: null));
            Add("structured_outputs.regex", nested, "regex", Regex);
            Add("structured_outputs.grammar", nested, "grammar", Grammar);
            Add("structured_outputs.choice", nested, "choice", Choice);
        }

        return forms.Count > 1
            ? throw ApiException.Invalid(forms[1].Name, $"The request has {forms[0].Name} and {forms[1].Name}; give one form for the answer.")
            : forms.Count == 0 ? Task.FromResult<Constraint?>(null)
            : MakeAsync(forms[0].Name, forms[0].Make);

        void Add(string path, Fields fields, string name, Func<Fields, string, Func<Constraint?>> make)
        {
            if (fields.Has(name))
            {
                forms.Add((path, make(fields, name)));
            }
        }
    }

    /// <summary>Compiles a form, whose faults are those of a field.</summary>
    public static async Task<Constraint?> MakeAsync(string path, Func<Constraint?> make)
    {
        try
        {
            return await Task.Run(make).ConfigureAwait(false);
        }
        catch (ConstraintException error)
        {
            throw ApiException.Invalid(path, $"{path}: {ErrorMapping.Of(error).Message}");
        }
    }

    /// <summary>What "JSON" means to clients: an object, which they index by names.</summary>
    public static Constraint JsonObject => s_jsonObject.Value;

    static readonly Lazy<Constraint> s_jsonObject = new(() => Constraint.JsonSchema("""{"type":"object"}"""));

    /// <summary>The form that <c>response_format</c>, or <c>text.format</c>, asks for; null for any text.</summary>
    /// <param name="format">The object; null where it is something else.</param>
    /// <param name="element">The field's value.</param>
    public static Func<Constraint?>? OfFormat(Fields? format, JsonElement element)
    {
        string? type = format is Fields known ? known.RequiredText("type") : element.GetString();
        switch (type)
        {
            case "text":
                return null;
            case "json_object" or "json":
                return format is Fields fields && fields.Has("schema") ? Schema(fields, "schema", strict: null) : () => JsonObject;
            case "json_schema" when format is Fields holder:
                Fields inner = holder.Object("json_schema") ?? holder;
                return inner.Has("schema")
                    ? Schema(inner, "schema", inner.Flag("strict"))
                    : throw ApiException.Missing(inner.PathOf("schema"), "a JSON schema");
            case "grammar" when format is Fields grammar && grammar.Has("grammar"):
                return Grammar(grammar, "grammar");
            case "regex" when format is Fields regex && regex.Has("pattern"):
                return Regex(regex, "pattern");
            default:
                string path = format?.PathOf("type") ?? "response_format";
                throw ApiException.Unsupported(path, $"{path} is {Strangers.Shown(type)}; it must be text, json_object or json_schema.");
        }
    }

    /// <summary>JSON of a schema.</summary>
    /// <param name="fields">Where the schema is.</param>
    /// <param name="name">Its field; an object, or one as text.</param>
    /// <param name="strict">Whether objects have what they declare alone; null: unless that leaves nothing.</param>
    public static Func<Constraint?> Schema(Fields fields, string name, bool? strict)
    {
        fields.TryGet(name, out JsonElement element);
        if (element.ValueKind == JsonValueKind.String)
        {
            try
            {
                using JsonDocument parsed = JsonDocument.Parse(fields.RequiredText(name));
                element = parsed.RootElement;
                element = element.Clone();
            }
            catch (JsonException)
            {
                throw fields.Wrong(name, element, "a JSON schema");
            }
        }

        ToolFields.Size(element, fields.PathOf(name));
        JsonElement schema = element.Clone();
        return () => Constraint.JsonSchema(schema, new JsonSchemaOptions { Strict = strict ?? !PreparedRequest.IsAnyObject(schema) });
    }

    static Func<Constraint?> Grammar(Fields fields, string name)
    {
        string text = Bounded(fields, name);
        return () => Constraint.Grammar(text);
    }

    static Func<Constraint?> Regex(Fields fields, string name)
    {
        string text = Bounded(fields, name);
        return () => Constraint.Regex(text);
    }

    static Func<Constraint?> Choice(Fields fields, string name)
    {
        string[] choices = [.. fields.Texts(name, 1024)];
        return choices.Length == 0
            ? throw ApiException.Invalid(fields.PathOf(name), $"{fields.PathOf(name)} is an empty list; give the texts to choose from.")
            : () => Constraint.Regex(string.Join('|', choices.Select(Escaped)));
    }

    // Only what has a meaning in the expressions, so that white space stays itself.
    static string Escaped(string text) => string.Concat(text.Select(c => @"\^$.|?*+()[]{}/-".Contains(c, StringComparison.Ordinal) ? @"\" + c : c.ToString()));

    static string Bounded(Fields fields, string name)
    {
        const int Longest = 256 << 10;
        string text = fields.RequiredText(name);
        return text.Length <= Longest ? text
            : throw ApiException.Invalid(
                fields.PathOf(name), FormattableString.Invariant($"{fields.PathOf(name)} has {text.Length} characters; at most {Longest} are taken."));
    }
}
