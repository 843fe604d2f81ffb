using System.Text;
using System.Text.Json.Nodes;

namespace GemmaSharp.Load;

/// <summary>How a question is put to the server.</summary>
enum WireDialect
{
    Chat,
    Completion,
    Response,
    Message,
    OllamaChat,
    OllamaGenerate,
    Transcription,
}

/// <summary>Finds the answer in a response.</summary>
static class WireAnswer
{
    /// <summary>The texts of a response that came to its end.</summary>
    /// <param name="dialect">The dialect.</param>
    /// <param name="body">All of it.</param>
    /// <param name="streams">Whether it was streamed.</param>
    /// <param name="count">How many answers are wanted.</param>
    /// <exception cref="InvalidDataException">It is not a whole answer.</exception>
    public static IReadOnlyList<string> Texts(WireDialect dialect, string body, bool streams, int count)
    {
        if (!streams)
        {
            JsonNode json = JsonNode.Parse(body) ?? throw new InvalidDataException($"The body is no JSON: {body}");
            return json["error"] is JsonNode error ? throw new ServerErrorException(error.ToJsonString()) : dialect switch
            {
                WireDialect.Chat => [.. json["choices"]!.AsArray().Select(choice => (string?)choice!["message"]!["content"] ?? "")],
                WireDialect.Completion => [.. json["choices"]!.AsArray().Select(choice => (string)choice!["text"]!)],
                WireDialect.Response => [string.Concat(json["output"]!.AsArray().SelectMany(item => item!["content"]!.AsArray()).Select(part => (string)part!["text"]!))],
                WireDialect.Message => [string.Concat(json["content"]!.AsArray().Select(block => (string)block!["text"]!))],
                WireDialect.OllamaChat => [(string)json["message"]!["content"]!],
                WireDialect.OllamaGenerate => [(string)json["response"]!],
                _ => [(string)json["text"]!],
            };
        }

        StringBuilder[] texts = [.. Enumerable.Range(0, count).Select(_ => new StringBuilder())];
        bool ended = false;
        bool isNamed = dialect is WireDialect.Response or WireDialect.Message;
        foreach (string line in body.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            bool isOllama = dialect is WireDialect.OllamaChat or WireDialect.OllamaGenerate;
            string? data = isOllama ? line : line.StartsWith("data: ", StringComparison.Ordinal) ? line[6..] : null;
            if (data is null or "[DONE]")
            {
                ended |= data is not null;
                continue;
            }

            JsonNode json = JsonNode.Parse(data)!;
            if (json["error"] is JsonNode error && (!isNamed || (string?)json["type"] is "error"))
            {
                throw new ServerErrorException(error.ToJsonString());
            }

            switch (dialect)
            {
                case WireDialect.Chat:
                    foreach (JsonNode? choice in json["choices"]!.AsArray())
                    {
                        texts[(int)choice!["index"]!].Append((string?)choice["delta"]!["content"]);
                    }

                    break;
                case WireDialect.Completion:
                    foreach (JsonNode? choice in json["choices"]!.AsArray())
                    {
                        texts[(int)choice!["index"]!].Append((string)choice["text"]!);
                    }

                    break;
                case WireDialect.Response:
                    ended |= (string)json["type"]! is "response.completed" or "response.incomplete";
                    texts[0].Append((string)json["type"]! == "response.output_text.delta" ? (string)json["delta"]! : "");
                    if ((string)json["type"]! == "response.failed")
                    {
                        throw new ServerErrorException(data);
                    }

                    break;
                case WireDialect.Message:
                    ended |= (string)json["type"]! == "message_stop";
                    texts[0].Append((string)json["type"]! == "content_block_delta" ? (string)json["delta"]!["text"]! : "");
                    break;
                case WireDialect.OllamaChat:
                    ended |= (bool)json["done"]!;
                    texts[0].Append((string)json["message"]!["content"]!);
                    break;
                case WireDialect.OllamaGenerate:
                    ended |= (bool)json["done"]!;
                    texts[0].Append((string)json["response"]!);
                    break;
                default:
                    ended |= (string)json["type"]! == "transcript.text.done";
                    texts[0].Append((string)json["type"]! == "transcript.text.delta" ? (string)json["delta"]! : "");
                    break;
            }
        }

        return ended ? [.. texts.Select(text => text.ToString())] : throw new InvalidDataException($"The stream breaks off: {(body.Length > 200 ? body[^200..] : body)}");
    }
}

/// <summary>The server said in the middle of an answer that it cannot go on.</summary>
sealed class ServerErrorException(string message) : Exception(message);
