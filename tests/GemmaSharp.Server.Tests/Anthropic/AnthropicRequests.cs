using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace GemmaSharp.Server.Tests.Anthropic;

/// <summary>Requests of the tests, and how their answers are read.</summary>
static class AnthropicRequests
{
    public const string Url = "/v1/messages";

    public const string Capital = "What is the capital of Peru?";

    public const string Lima = "The capital of Peru is Lima.";

    /// <summary>A tool as clients declare it.</summary>
    public const string Weather =
        """
        "tools":[{"name":"weather","description":"Tells the weather.","input_schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}]
        """;

    /// <summary>A conversation that is answered greedily.</summary>
    /// <param name="messages">JSON of the messages, without the brackets.</param>
    /// <param name="more">More fields.</param>
    public static string Messages(string messages, string more = "\"max_tokens\":60") =>
        $$$"""{"model":"gemma-3n-demo","messages":[{{{messages}}}],"temperature":0{{{(more.Length > 0 ? "," : "")}}}{{{more}}}}""";

    public static string User(string text) => Message("user", JsonSerializer.Serialize(text));

    public static string Message(string role, string content) => $$"""{"role":"{{role}}","content":{{content}}}""";

    /// <summary>What an answer says.</summary>
    public static string Said(JsonNode message) => string.Concat(message["content"]!.AsArray().Select(block => (string?)block!["text"]));

    /// <summary>Posts, and reads the events of a stream, whose names must be those in their data.</summary>
    public static async Task<JsonNode[]> EventsAsync(RunningServer server, string json) => Events(await TextAsync(server, json));

    public static async Task<string> TextAsync(RunningServer server, string json)
    {
        using HttpResponseMessage response = await server.PostAsync(Url, json);
        string text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.StatusCode == HttpStatusCode.OK, text);
        Assert.Equal("text/event-stream; charset=utf-8", response.Content.Headers.ContentType!.ToString());
        return text;
    }

    public static JsonNode[] Events(string text)
    {
        Assert.EndsWith("\n\n", text, StringComparison.Ordinal);
        return [.. text[..^2].Split("\n\n").Select(block =>
        {
            string[] lines = block.Split('\n');
            Assert.Equal(2, lines.Length);
            JsonNode data = JsonNode.Parse(lines[1]["data: ".Length..])!;
            Assert.Equal("event: " + (string)data["type"]!, lines[0]);
            Assert.StartsWith("data: ", lines[1], StringComparison.Ordinal);
            return data;
        })];
    }

    public static IEnumerable<string> Types(IEnumerable<JsonNode> events) => events.Select(each => (string)each["type"]!);

    /// <summary>The names of an object's fields, in order.</summary>
    public static IEnumerable<string> Names(JsonNode node) => node.AsObject().Select(field => field.Key);

    /// <summary>The type and sentence of an error, whose form is checked.</summary>
    public static (string Type, string Message) Error(JsonNode error)
    {
        Assert.Equal(["type", "error"], Names(error));
        Assert.Equal("error", (string)error["type"]!);
        Assert.Equal(["type", "message"], Names(error["error"]!));
        return ((string)error["error"]!["type"]!, (string)error["error"]!["message"]!);
    }
}
