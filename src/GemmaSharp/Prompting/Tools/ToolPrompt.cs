using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace GemmaSharp.Prompting.Tools;

/// <summary>The words in which the model is told of tools and results, and in which its own calls stand in a conversation. All of them are here.</summary>
/// <remarks>
/// Gemma 3n has no tokens and no role for tools: it is told in the system text and answers in a form that can be recognised. The texts depend on nothing but
/// the tools and their order, so that prompts with the same tools begin alike. Stateless, thread-safe.
/// </remarks>
static class ToolPrompt
{
    /// <summary>Begins a block of Python calls.</summary>
    public const string CodeFence = "```tool_code\n";

    /// <summary>Ends a block.</summary>
    public const string CodeFenceEnd = "\n```";

    static readonly JsonWriterOptions s_compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What the model is told of tools.</summary>
    public static string Describe(ToolOptions options)
    {
        var text = new StringBuilder("You can call functions. ");
        text.Append(options.Format switch
        {
            ToolFormat.Json => "To call, answer with nothing but a JSON array of calls, each "
                + "{\"name\":\"the function\",\"parameters\":{\"a parameter\":\"its value\"}}.",
            ToolFormat.Pythonic => "To call, answer with nothing but a list of calls in Python: [function(parameter=\"value\")].",
            _ => "To call, answer with nothing but a block of code that begins with ```tool_code, has a call in Python on each line, "
                + "function(parameter=\"value\"), "
                + "and ends with ```.",
        });
        text.Append(options.Parallel ? " Several calls may come at once." : " Call one function at a time.");
        text.Append(" You are then told what they returned. Where no function helps, answer in words. The functions, one on each line:");
        foreach (ToolDefinition tool in options.Tools)
        {
            text.Append('\n').Append(Describe(tool));
        }

        return text.ToString();
    }

    /// <summary>One function as a line of JSON.</summary>
    static string Describe(ToolDefinition tool) => Json(json =>
    {
        json.WriteStartObject();
        json.WriteString("name", tool.Name);
        if (!string.IsNullOrEmpty(tool.Description))
        {
            json.WriteString("description", tool.Description);
        }

        json.WritePropertyName("parameters");
        tool.Parameters.WriteTo(json);
        json.WriteEndObject();
    });

    /// <summary>What calls returned, in the order of the calls.</summary>
    public static string Results(IEnumerable<(string Name, string Result)> results) => string.Join('\n', results.Select(each =>
        "<tool_response>\n" + Json(json =>
        {
            json.WriteStartObject();
            json.WriteString("name", each.Name);
            json.WritePropertyName("result");
            WriteResult(json, each.Result);
            json.WriteEndObject();
        }) + "\n</tool_response>"));

    /// <summary>Calls as the model writes them, so that the tokens of an answer are those of the conversation that goes on from it.</summary>
    public static string Calls(IReadOnlyList<ToolCall> calls, ToolFormat format) => format switch
    {
        ToolFormat.Json => "[" + string.Join(',', calls.Select(call => JsonCallStart(call.Name) + Arguments(call) + "}")) + "]",
        ToolFormat.Pythonic => "[" + string.Join(", ", calls.Select(PythonCalls.Write)) + "]",
        _ => CodeFence + string.Join('\n', calls.Select(PythonCalls.Write)) + CodeFenceEnd,
    };

    /// <summary>A call in JSON up to its parameters.</summary>
    public static string JsonCallStart(string name) => "{\"name\":\"" + name + "\",\"parameters\":";

    static string Arguments(ToolCall call) => string.IsNullOrWhiteSpace(call.Arguments) ? "{}" : call.Arguments;

    /// <summary>JSON stays what it is; any other text becomes a JSON text.</summary>
    static void WriteResult(Utf8JsonWriter json, string result)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(result);
            document.RootElement.WriteTo(json);
        }
        catch (JsonException)
        {
            json.WriteStringValue(result);
        }
    }

    static string Json(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_compact))
        {
            write(json);
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
