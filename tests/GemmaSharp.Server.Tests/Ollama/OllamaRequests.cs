using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GemmaSharp.Server.Tests.Ollama;

/// <summary>Requests of the tests, and how their answers are read.</summary>
static class OllamaRequests
{
    public const string Capital = "What is the capital of Peru?";

    public const string Lima = "The capital of Peru is Lima.";

    /// <summary>A tool as clients declare it.</summary>
    public const string Weather =
        """
        "tools":[{"type":"function","function":{"name":"weather","description":"Tells the weather.","parameters":{"type":"object",
        "properties":{"city":{"type":"string"}},"required":["city"]}}}]
        """;

    /// <summary>A conversation that is answered greedily, as one object.</summary>
    /// <param name="messages">JSON of the messages, without the brackets.</param>
    /// <param name="more">More fields.</param>
    public static string Chat(string messages, string more = "\"stream\":false") =>
        $$$"""{"model":"gemma-3n-demo","messages":[{{{messages}}}],"options":{"temperature":0}{{{(more.Length > 0 ? "," : "")}}}{{{more}}}}""";

    /// <summary>A prompt that is answered greedily, as one object.</summary>
    public static string Generate(string prompt, string more = "\"stream\":false") =>
        $$$"""{"model":"gemma-3n-demo","prompt":{{{JsonSerializer.Serialize(prompt)}}},"options":{"temperature":0}{{{(more.Length > 0 ? "," : "")}}}{{{more}}}}""";

    /// <summary>The question of the capital with options of its own.</summary>
    public static string WithOptions(string options, string more = "\"stream\":false") =>
        $$$"""{"model":"gemma-3n-demo","messages":[{{{User(Capital)}}}],"options":{{{options}}},{{{more}}}}""";

    public static string User(string text) => Message("user", text);

    public static string Message(string role, string text) => $$"""{"role":"{{role}}","content":{{JsonSerializer.Serialize(text)}}}""";

    /// <summary>What an answer of <c>/api/chat</c> says.</summary>
    public static string Said(JsonNode line) => (string)line["message"]!["content"]!;

    /// <summary>Posts, and reads the lines of a stream.</summary>
    public static async Task<JsonNode[]> LinesAsync(RunningServer server, string path, string json) => Lines(await TextAsync(server, path, json));

    /// <summary>Posts, and reads the text of a stream.</summary>
    public static async Task<string> TextAsync(RunningServer server, string path, string json)
    {
        using HttpResponseMessage response = await server.PostAsync(path, json);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal("application/x-ndjson", response.Content.Headers.ContentType!.ToString());
        return text;
    }

    /// <summary>Every line is an object, and the last has an end, too.</summary>
    public static JsonNode[] Lines(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        return [.. text[..^1].Split('\n').Select(line => JsonNode.Parse(line)!)];
    }

    /// <summary>The names of an object's fields, in order.</summary>
    public static IEnumerable<string> Names(JsonNode node) => node.AsObject().Select(field => field.Key);

    /// <summary>Waits until nothing is computed any more.</summary>
    public static async Task IdleAsync(GemmaModel model)
    {
        for (int i = 0; i < 250 && model.ActiveAnswers + model.WaitingAnswers > 0; i++)
        {
            await Task.Delay(20, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, model.ActiveAnswers + model.WaitingAnswers);
    }
}
