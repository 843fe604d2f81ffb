using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using GemmaSharp.Cli.Output;
using GemmaSharp.Cli.Schemas;
using GemmaSharp.Files;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma schema test FILE</c>: how well JSON schemas can be kept, tried on their instances.</summary>
sealed class SchemaCommand
{
    const int LongestLine = 64 << 20;

    readonly GlobalOptions _global;
    readonly CliConsole _console;
    readonly Argument<string> _file = new("FILE") { Description = "JSON lines of {name, schema, tests: [{data, valid}]}." };
    readonly Option<string?> _tokenizer = new("--tokenizer") { HelpName = "FILE", Description = "A tokenizer.json. Default: the model's." };
    readonly Option<bool> _declared = new("--declared-order") { Description = "Properties come as the schemas declare them, instead of in any order." };
    readonly Option<bool> _json = GlobalOptions.NewJson();

    SchemaCommand(GlobalOptions global, CliConsole console)
    {
        _global = global;
        _console = console;
    }

    /// <summary>Makes the command.</summary>
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var schema = new SchemaCommand(global, console);
        var test = new Command("test", "Try schemas on valid and invalid instances, token by token, and time the masks.")
        {
            schema._file, schema._tokenizer, schema._declared, schema._json,
        };
        test.SetAction(schema.Test);
        return new CliCommand(
            new Command("schema", "JSON schemas as forms of answers.") { test },
            "gemma schema test schemas.jsonl",
            "gemma schema test schemas.jsonl --json --tokenizer ./tokenizer.json");
    }

    int Test(ParseResult parse)
    {
        var conformance = new SchemaConformance(
            LoadTokenizer(parse),
            new JsonSchemaOptions { PropertyOrder = parse.GetValue(_declared) ? JsonPropertyOrder.Declared : JsonPropertyOrder.Any });
        int number = 0;
        foreach (string line in Lines(parse.GetValue(_file)!))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                Try(conformance, line, number);
            }
        }

        if (conformance.Schemas == 0)
        {
            throw CliException.Usage($"{parse.GetValue(_file)} has no schema; a line of it is an object with name, schema and tests.");
        }

        if (parse.GetValue(_json))
        {
            JsonOutput.Print(_console, json => Write(json, conformance));
        }
        else
        {
            Print(conformance);
        }

        return ExitCode.Done;
    }

    Tokenizer LoadTokenizer(ParseResult parse)
    {
        if (parse.GetValue(_tokenizer) is not string path)
        {
            return Tokenizer.Load(ModelLocator.Find(parse.GetValue(_global.Model)));
        }

        try
        {
            using FileStream stream = File.OpenRead(path);
            return Tokenizer.Load(stream);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CliException(ExitCode.Usage, BoundedFile.Unreadable(path, e));
        }
    }

    static IEnumerable<string> Lines(string path)
    {
        StreamReader reader;
        try
        {
            reader = new StreamReader(path);
        }
        catch (Exception e) when (BoundedFile.IsRefusal(e))
        {
            throw new CliException(ExitCode.Usage, BoundedFile.Unreadable(path, e));
        }

        using (reader)
        {
            while (reader.ReadLine() is string line)
            {
                yield return line;
            }
        }
    }

    static void Try(SchemaConformance conformance, string line, int number)
    {
        if (line.Length > LongestLine)
        {
            throw new CliException(ExitCode.Usage, $"Line {number} has {line.Length} characters; at most {LongestLine} are read.");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 512 });
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("schema", out JsonElement schema))
            {
                throw new CliException(ExitCode.Usage, $"Line {number} is no object with a schema; it must be {{name, schema, tests}}.");
            }

            string name = root.TryGetProperty("name", out JsonElement named) && named.ValueKind == JsonValueKind.String
                ? named.GetString()! : number.ToString(CultureInfo.InvariantCulture);
            (JsonElement, bool)[] tests = root.TryGetProperty("tests", out JsonElement list) && list.ValueKind == JsonValueKind.Array
                ? [.. list.EnumerateArray().Select(test => ReadTest(test, number))] : [];
            conformance.Try(name, schema, tests);
        }
        catch (JsonException e)
        {
            throw new CliException(ExitCode.Usage, $"Line {number} is no JSON: {e.Message.TrimEnd('.')}.");
        }
    }

    static (JsonElement Data, bool IsValid) ReadTest(JsonElement test, int number) =>
        test.ValueKind == JsonValueKind.Object && test.TryGetProperty("data", out JsonElement data)
            && test.TryGetProperty("valid", out JsonElement valid) && valid.ValueKind is JsonValueKind.True or JsonValueKind.False
            ? (data, valid.GetBoolean())
            : throw new CliException(ExitCode.Usage, $"Line {number} has a test without data and valid; each must be {{data, valid: true or false}}.");

    void Print(SchemaConformance result)
    {
        TextWriter output = _console.Out;
        output.WriteLine(Show.Text($"schemas            {result.Schemas}"));
        output.WriteLine(Show.Text($"refused            {result.Refused.Count}"));
        output.WriteLine(Show.Text($"instances          {result.Instances}"));
        output.WriteLine(Show.Text($"passed             {result.Passed}"));
        output.WriteLine(Show.Text($"wrongly accepted   {result.WronglyAccepted.Count}"));
        output.WriteLine(Show.Text($"wrongly rejected   {result.WronglyRejected.Count}"));
        Times masks = new(result.MaskTimes), compiles = new(result.CompileTimes);
        output.WriteLine(Show.Text($"mask               {masks.Mean:F1} µs mean, {masks.P50:F1} median, {masks.P99:F1} p99, {masks.Max:F1} longest"));
        output.WriteLine(Show.Text($"compile            {compiles.P50:F2} ms median, {compiles.P99:F2} p99, {compiles.Max:F2} longest"));
        foreach ((string name, int index) in result.WronglyAccepted)
        {
            output.WriteLine(Show.Text($"accepted {AnswerWriter.Visible(name)} {index}"));
        }

        foreach ((string name, int index, string reason) in result.WronglyRejected)
        {
            output.WriteLine(Show.Text($"rejected {AnswerWriter.Visible(name)} {index}: {AnswerWriter.Visible(reason)}"));
        }

        foreach ((string name, ConstraintException reason) in result.Refused)
        {
            output.WriteLine(Show.Text($"refused {AnswerWriter.Visible(name)}: {AnswerWriter.Visible(reason.Message)}"));
        }
    }

    static void Write(Utf8JsonWriter json, SchemaConformance result)
    {
        Times masks = new(result.MaskTimes), compiles = new(result.CompileTimes);
        json.WriteStartObject();
        json.WriteNumber("schemas", result.Schemas);
        json.WriteNumber("refused", result.Refused.Count);
        json.WriteNumber("instances", result.Instances);
        json.WriteNumber("wrongly_accepted", result.WronglyAccepted.Count);
        json.WriteNumber("wrongly_rejected", result.WronglyRejected.Count);
        json.WriteNumber("passed", result.Passed);
        json.WriteStartObject("mask_microseconds");
        json.WriteMeasured("mean", masks.Mean);
        json.WriteMeasured("p50", masks.P50);
        json.WriteMeasured("p99", masks.P99);
        json.WriteMeasured("max", masks.Max);
        json.WriteEndObject();
        json.WriteStartObject("compile_milliseconds");
        json.WriteMeasured("p50", compiles.P50);
        json.WriteMeasured("p99", compiles.P99);
        json.WriteMeasured("max", compiles.Max);
        json.WriteEndObject();
        json.WriteStartArray("refused_schemas");
        foreach ((string name, ConstraintException reason) in result.Refused)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("message", reason.Message);
            json.WriteStartArray("problems");
            foreach (ConstraintProblem problem in reason.Problems)
            {
                json.WriteStartObject();
                json.WriteString("pointer", problem.Pointer);
                json.WriteString("keyword", problem.Keyword);
                json.WriteString("message", problem.Message);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("wrongly_accepted_instances");
        foreach ((string name, int index) in result.WronglyAccepted)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("index", index);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("wrongly_rejected_instances");
        foreach ((string name, int index, string reason) in result.WronglyRejected)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteNumber("index", index);
            json.WriteString("at", reason);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    /// <summary>What is told of many times; zeros where there are none.</summary>
    readonly struct Times
    {
        public Times(List<double> values)
        {
            double[] sorted = [.. values.Order()];
            if (sorted.Length > 0)
            {
                Mean = sorted.Average();
                P50 = sorted[sorted.Length / 2];
                P99 = sorted[(int)(0.99 * (sorted.Length - 1))];
                Max = sorted[^1];
            }
        }

        public double Mean { get; }

        public double P50 { get; }

        public double P99 { get; }

        public double Max { get; }
    }
}
