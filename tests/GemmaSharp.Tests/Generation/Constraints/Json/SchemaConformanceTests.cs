using System.Text.Json;
using GemmaSharp.Cli.Schemas;

namespace GemmaSharp.Tests.Generation.Constraints.Json;

/// <summary>
/// Schemas of others with their instances, and our own: the counts must not get worse than those in ratchet.json. When they get better, that file is brought
/// up to date.
/// </summary>
public sealed class SchemaConformanceTests
{
    const string Variable = "GEMMASHARP_CONFORMANCE";

    [Fact]
    public void OwnSchemas_Counts_AreThoseOfTheRatchet()
    {
        SchemaConformance result = NewConformance();
        foreach ((string name, string schema, string[] valid, string[] invalid) in SchemaCases.All)
        {
            using JsonDocument document = JsonDocument.Parse(schema);
            JsonDocument[] texts = [.. valid.Concat(invalid).Select(Parse).OfType<JsonDocument>()];
            result.Try(name, document.RootElement, texts.Select((text, i) => (text.RootElement, i < valid.Length)));
            Array.ForEach(texts, text => text.Dispose());
        }

        AssertRatchet("own", result);

        static JsonDocument? Parse(string text)
        {
            try
            {
                JsonDocument document = JsonDocument.Parse(text);
                return text.Contains("\"name\":\"b\"", StringComparison.Ordinal) ? null : document;
            }
            catch (JsonException)
            {
                return null;
            }
        }
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void OfficialSuite_Counts_AreThoseOfTheRatchet()
    {
        string folder = Path.Combine(Data(), "suite", "draft2020-12");
        SchemaConformance result = NewConformance();
        foreach (string file in Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file));
            foreach (JsonElement group in document.RootElement.EnumerateArray())
            {
                result.Try($"{Path.GetFileNameWithoutExtension(file)}: {group.GetProperty("description")}", group.GetProperty("schema"), Tests(group));
            }
        }

        AssertRatchet("suite", result);
    }

    [Fact]
    [Trait("Category", "Slow")]
    public void RealSchemas_Counts_AreThoseOfTheRatchet()
    {
        SchemaConformance result = NewConformance();
        foreach (string line in File.ReadLines(Path.Combine(Data(), "maskbench.jsonl")))
        {
            using JsonDocument document = JsonDocument.Parse(line, new JsonDocumentOptions { MaxDepth = 512 });
            result.Try(document.RootElement.GetProperty("name").GetString()!, document.RootElement.GetProperty("schema"), Tests(document.RootElement));
        }

        AssertRatchet("maskbench", result);
        Assert.All(result.Refused, refused => Assert.NotEmpty(refused.Reason.Problems));
    }

    static SchemaConformance NewConformance() => new(JsonText.Tokenizer, new JsonSchemaOptions { InjectIntoPrompt = false });

    static IEnumerable<(JsonElement, bool)> Tests(JsonElement group) =>
        group.GetProperty("tests").EnumerateArray().Select(test => (test.GetProperty("data"), test.GetProperty("valid").GetBoolean()));

    static string Data()
    {
        string? folder = Environment.GetEnvironmentVariable(Variable);
        string data = Path.Combine(folder ?? "", "json-schema");
        Assert.SkipUnless(folder is not null && Directory.Exists(data), $"{Variable} names no folder with json-schema in it.");
        return data;
    }

    static void AssertRatchet(string part, SchemaConformance result)
    {
        using JsonDocument ratchet = JsonDocument.Parse(File.ReadAllBytes(
            Path.Combine(AppContext.BaseDirectory, "Generation", "Constraints", "Json", "ratchet.json")));
        JsonElement expected = ratchet.RootElement.GetProperty(part);
        string accepted = string.Join("; ", result.WronglyAccepted.Take(10)), rejected = string.Join("; ", result.WronglyRejected.Take(10));
        Assert.True(result.WronglyAccepted.Count == 0, accepted);
        Assert.True(result.WronglyRejected.Count <= expected.GetProperty("wrongly_rejected").GetInt32(), rejected);
        Assert.True(result.Refused.Count <= expected.GetProperty("refused").GetInt32(), string.Join("; ", result.Refused.Select(each => each.Name)));
        Assert.True(
            (result.Schemas, result.Passed) == (expected.GetProperty("schemas").GetInt32(), expected.GetProperty("passed").GetInt32()),
            $"{result.Schemas} schemas were tried and {result.Passed} instances passed; where that is better, write it into ratchet.json.");
    }
}
