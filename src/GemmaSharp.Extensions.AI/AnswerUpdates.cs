using System.Text.Json;
using Microsoft.Extensions.AI;

namespace GemmaSharp.Extensions.AI;

/// <summary>An answer's tokens as the updates of one response with one message. Used by one reader.</summary>
sealed class AnswerUpdates(string modelId, Tokenizer tokenizer)
{
    readonly string _responseId = Guid.NewGuid().ToString("N");
    readonly string _messageId = Guid.NewGuid().ToString("N");
    readonly DateTimeOffset _createdAt = DateTimeOffset.UtcNow;
    readonly LogprobWriter _logprobs = new(tokenizer);

    /// <summary>Log-probabilities of the whole answer so far; null where none were asked for.</summary>
    public JsonElement? AllLogprobs => _logprobs.All();

    /// <summary>What a token adds to the answer; null for nothing yet.</summary>
    /// <param name="token">The token.</param>
    /// <param name="statistics">What the answer cost; asked for at its last token only.</param>
    public ChatResponseUpdate? Next(GeneratedToken token, Func<GenerationStatistics> statistics)
    {
        _logprobs.Add(token);
        var contents = new List<AIContent>();
        if (token.Text.Length > 0)
        {
            contents.Add(new TextContent(token.Text));
        }

        if (token.StopReason is null && contents.Count == 0)
        {
            return null;
        }

        foreach (ToolCall call in token.ToolCalls ?? [])
        {
            contents.Add(Content(call));
        }

        if (token.StopReason is not null)
        {
            contents.Add(new UsageContent(Usage(statistics())));
        }

        return new ChatResponseUpdate(ChatRole.Assistant, contents)
        {
            ResponseId = _responseId,
            MessageId = _messageId,
            ModelId = modelId,
            CreatedAt = _createdAt,
            FinishReason = token.StopReason is StopReason reason ? Reason(reason) : null,
            RawRepresentation = token,
            AdditionalProperties = _logprobs.Take() is JsonElement logprobs
                ? new AdditionalPropertiesDictionary { [AdditionalOptions.Logprobs] = logprobs }
                : null,
        };
    }

    static FunctionCallContent Content(ToolCall call)
    {
        FunctionCallContent content = FunctionCallContent.CreateFromParsedArguments(call.Arguments, call.Id, call.Name, JsonText.Arguments);
        content.RawRepresentation = call;
        return content;
    }

    static ChatFinishReason Reason(StopReason reason) => reason switch
    {
        StopReason.MaxTokens or StopReason.ContextFull or StopReason.Repetition => ChatFinishReason.Length,
        StopReason.ToolCalls => ChatFinishReason.ToolCalls,
        _ => ChatFinishReason.Stop,
    };

    /// <summary>What an answer cost, in the words of the abstractions.</summary>
    public static UsageDetails Usage(GenerationStatistics statistics) => new()
    {
        InputTokenCount = statistics.PromptTokens,
        OutputTokenCount = statistics.AnswerTokens,
        TotalTokenCount = statistics.PromptTokens + statistics.AnswerTokens,
        CachedInputTokenCount = statistics.ReusedTokens,
        ReasoningTokenCount = 0,
        AdditionalCounts = new AdditionalPropertiesDictionary<long>
        {
            ["InputTokenDetails.ImageTokenCount"] = statistics.ImageTokens,
            ["InputTokenDetails.AudioTokenCount"] = statistics.AudioTokens,
            ["OutputTokenDetails.ForcedTokenCount"] = statistics.ForcedTokens,
            ["OutputTokenDetails.DraftedTokenCount"] = statistics.DraftedTokens,
            ["OutputTokenDetails.AcceptedPredictionTokenCount"] = statistics.AcceptedTokens,
        },
    };
}
