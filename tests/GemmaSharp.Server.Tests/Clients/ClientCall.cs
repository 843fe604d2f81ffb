using System.Text.Json;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>What a client is to do: one of the cases that all clients have, or one of its own.</summary>
/// <param name="Case">Which one, such as <c>chat</c>.</param>
/// <param name="Url">The server, with a slash at its end.</param>
/// <param name="Prompt">What is said to the model.</param>
sealed record ClientCall(string Case, Uri Url, string Prompt)
{
    /// <summary>Which of the clients in one program.</summary>
    public string Client { get; init; } = "";

    public string Model { get; init; } = ClientServers.ModelId;

    public string Key { get; init; } = ClientServers.Key;

    public double Temperature { get; init; }

    public int MaxTokens { get; init; } = 60;

    /// <summary>How often the client may try again.</summary>
    public int Retries { get; init; }

    /// <summary>A picture or a sound, if there is one.</summary>
    public byte[]? Media { get; init; }

    public string? MediaType { get; init; }

    /// <summary>What else is said.</summary>
    public IReadOnlyList<string> Prompts { get; init; } = [];
}

/// <summary>What a client made of the server's answer, as its program would read it.</summary>
sealed record ClientAnswer
{
    public string? Text { get; init; }

    /// <summary>In how many pieces the text came, where it was streamed.</summary>
    public int Pieces { get; init; }

    /// <summary>Tokens of the prompt, as the client counts them.</summary>
    public int? Input { get; init; }

    /// <summary>Tokens of the answer.</summary>
    public int? Output { get; init; }

    /// <summary>Why the answer ended, in the client's words.</summary>
    public string? Finish { get; init; }

    /// <summary>The tools that were called.</summary>
    public IReadOnlyList<ToolUse> Calls { get; init; } = [];

    /// <summary>What the client parsed of a structured answer, or whatever else a case is about.</summary>
    public JsonElement? Value { get; init; }

    public string? Id { get; init; }

    public IReadOnlyList<string> Ids { get; init; } = [];

    /// <summary>How a stream that was aborted ended for the client.</summary>
    public string? End { get; init; }
}

/// <summary>A tool as a client's program was called.</summary>
sealed record ToolUse(string Name, JsonElement Arguments);

/// <summary>An error as a client's program gets it.</summary>
/// <param name="Kinds">The names of its class and of those it derives from.</param>
/// <param name="Status">The status of the response, as far as the client tells.</param>
/// <param name="Message">What it says.</param>
/// <param name="More">What else there is, for whoever reads the test's failure.</param>
sealed record ClientError(IReadOnlyList<string> Kinds, int? Status, string Message, string More = "");

/// <summary>Either of both, and the statuses of the responses on the way.</summary>
sealed record ClientOutcome(ClientAnswer? Answer, ClientError? Error, IReadOnlyList<int> Statuses)
{
    /// <summary>The answer, or a failure that says what came instead.</summary>
    public ClientAnswer Answered()
    {
        Assert.True(Answer is not null, $"{string.Join(" < ", Error?.Kinds ?? [])} {Error?.Status}: {Error?.Message}\n{Error?.More}");
        return Answer;
    }

    /// <summary>The error, or a failure that says what came instead.</summary>
    public ClientError Failed()
    {
        Assert.True(Error is not null, $"There was no error, but: {Answer?.Text} {Answer?.Value}");
        return Error;
    }
}

/// <summary>A client that people use, asked to do something.</summary>
interface ITestedClient
{
    /// <summary>Does it.</summary>
    /// <param name="call">What.</param>
    /// <param name="onStatus">Told the status of each response as it comes.</param>
    Task<ClientOutcome> AskAsync(ClientCall call, Action<int>? onStatus = null);
}
