using System.Globalization;
using System.Text.Json;
using GemmaSharp.Cli.Output;
using GemmaSharp.Files;

namespace GemmaSharp.Cli.Bench;

/// <summary>Reads what <c>gemma bench --json</c> printed: one result, or several one after the other.</summary>
/// <remarks>Results of versions that said less are read, too. Stateless, thread-safe.</remarks>
static class BenchFile
{
    const int MostBytes = 64 << 20;

    /// <summary>All results of a file, at least one.</summary>
    /// <exception cref="CliException">The file cannot be read, or holds something else.</exception>
    public static IReadOnlyList<BenchResult> Read(string path)
    {
        byte[]? bytes;
        try
        {
            bytes = BoundedFile.Read(path, MostBytes);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw CliException.Input(BoundedFile.Unreadable(path, e), e);
        }

        if (bytes is null)
        {
            throw CliException.Input($"{path} has more than {MostBytes >> 20} MiB; {Wanted}.");
        }

        var results = new List<BenchResult>();
        try
        {
            var reader = new Utf8JsonReader(bytes, new JsonReaderOptions { AllowMultipleValues = true });
            while (reader.Read())
            {
                using JsonDocument document = JsonDocument.ParseValue(ref reader);
                results.Add(Result(new Node(document.RootElement, path, results.Count + 1, "")));
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw CliException.Input($"{path} is no JSON ({e.Message.TrimEnd('.')}); {Wanted}.", e);
        }

        return results.Count > 0 ? results : throw CliException.Input($"{path} is empty; {Wanted}.");
    }

    const string Wanted = "give what \"gemma bench --json\" printed";

    static BenchResult Result(Node json)
    {
        Node machine = json.Object("machine");
        return new BenchResult(
            new Origin(
                json.Text("program", Origin.Unknown), json.Text("runtime", Origin.Unknown), json.Text("system", Origin.Unknown),
                json.Text("arguments", Origin.Unknown),
                DateTimeOffset.TryParse(json.Text("measured_at", ""), CultureInfo.InvariantCulture, out DateTimeOffset time) ? time : null),
            json.Text("model"), json.Text("format"),
            new Machine(
                machine.Text("processor", Origin.Unknown), machine.Text("instruction_set"), machine.Whole("threads"),
                machine.Number("read_bytes_per_second"), machine.Number("float_operations_per_second"), machine.Number("integer_operations_per_second", 0)),
            json.Number("load_seconds"),
            json.Maybe("prefill", run => new PrefillResult(run.Whole("tokens"), Time(run), run.Number("operations", 0), run.Number("bytes", 0))),
            json.Maybe("decode", run => new DecodeResult(
                run.Whole("tokens"), (int)run.Number("context", 0), Time(run), (long)run.Number("bytes_per_token"), run.Number("operations_per_token", 0))),
            json.Maybe("image", Encode), json.Maybe("audio", Encode),
            json.List("conversations", run => new ConversationsResult(
                run.Whole("count"), run.Whole("tokens"), Time(run), run.Number("operations", 0), run.Number("bytes", 0))),
            json.Maybe("prefix", prefix => new PrefixResult(prefix.Whole("tokens"), Time(prefix.Object("cold")), Time(prefix.Object("hit")))),
            json.Maybe("constrained", form => new ConstrainedResult(
                form.Whole("tokens"), Time(form.Object("free")), Time(form.Object("masked")), Time(form.Object("skipped")), (int)form.Number("forced"))),
            json.List("speculation", text => new SpeculationResult(
                text.Text("text"), text.Whole("tokens"), Time(text.Object("plain")), Time(text.Object("guessed")), (int)text.Number("drafted"),
                (int)text.Number("accepted"))),
            json.List("profile", Profile), (long)json.Number("peak_memory_bytes"));
    }

    static EncodeResult Encode(Node run) => new(run.Text("input"), Time(run), run.Number("operations", 0));

    static Measurement Time(Node run)
    {
        IReadOnlyList<double> seconds = run.Numbers("runs");
        return seconds.Count > 0 && seconds.All(s => s > 0) ? new Measurement(seconds) : throw run.Refusal("runs", "no list of times above 0");
    }

    static ProfileResult Profile(Node json) => new(
        json.Text("of"), json.Whole("rows"), json.Whole("steps"), json.Number("seconds"), json.Number("loops"), json.Number("loop_seconds"),
        json.List("parts", Part), json.List("products", Part));

    static ProfilePart Part(Node json) => new(json.Text("name"), json.Number("seconds"), json.Number("bytes"), json.Number("operations"));

    /// <summary>An object of a result, and where it is.</summary>
    readonly struct Node(JsonElement json, string file, int result, string path)
    {
        readonly JsonElement _json = json.ValueKind == JsonValueKind.Object
            ? json : throw CliException.Input($"{file}, result {result}: {(path.Length > 0 ? path : "it")} is no object; {Wanted}.");

        public CliException Refusal(string name, string what) =>
            CliException.Input($"{file}, result {result}: {(path.Length > 0 ? path + "." : "")}{name} is {what}; {Wanted}.");

        public string Text(string name, string? otherwise = null) =>
            Find(name, otherwise is not null) is not JsonElement found ? otherwise!
            : found.ValueKind == JsonValueKind.String ? AnswerWriter.Visible(found.GetString()!) : throw Refusal(name, "no text");

        public double Number(string name, double? otherwise = null) =>
            Find(name, otherwise is not null) is not JsonElement found ? otherwise!.Value
            : Value(found) ?? throw Refusal(name, "no number of 0 or more");

        public int Whole(string name) =>
            Find(name, false) is JsonElement { ValueKind: JsonValueKind.Number } found && found.TryGetInt32(out int value) && value > 0
                ? value : throw Refusal(name, "no whole number of 1 or more");

        public IReadOnlyList<double> Numbers(string name)
        {
            JsonElement found = Find(name, false)!.Value;
            double?[] values = found.ValueKind == JsonValueKind.Array ? [.. found.EnumerateArray().Select(Value)] : [null];
            return values.All(value => value is not null) ? [.. values.Select(value => value!.Value)] : throw Refusal(name, "no list of numbers");
        }

        public Node Object(string name) => new(Find(name, false)!.Value, file, result, Below(name));

        public T? Maybe<T>(string name, Func<Node, T> read)
            where T : class => Find(name, true) is JsonElement found ? read(new Node(found, file, result, Below(name))) : null;

        public List<T> List<T>(string name, Func<Node, T> read)
        {
            if (Find(name, true) is not JsonElement found)
            {
                return [];
            }

            if (found.ValueKind != JsonValueKind.Array)
            {
                throw Refusal(name, "no list");
            }

            var items = new List<T>();
            foreach (JsonElement item in found.EnumerateArray())
            {
                items.Add(read(new Node(item, file, result, $"{Below(name)}[{items.Count}]")));
            }

            return items;
        }

        string Below(string name) => path.Length > 0 ? $"{path}.{name}" : name;

        static double? Value(JsonElement json) =>
            json.ValueKind == JsonValueKind.Number && json.TryGetDouble(out double value) && double.IsFinite(value) && value >= 0 ? value : null;

        JsonElement? Find(string name, bool mayBeMissing) => _json.TryGetProperty(name, out JsonElement found) ? found
            : mayBeMissing ? null : throw Refusal(name, "missing");
    }
}
