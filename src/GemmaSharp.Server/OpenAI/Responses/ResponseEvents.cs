using System.Text;
using GemmaSharp.Server.Http;

namespace GemmaSharp.Server.OpenAI.Responses;

/// <summary>The output of a response, put together token by token, and told event by event where it is streamed. Used by one request.</summary>
/// <param name="response">The response as it begins.</param>
/// <param name="tokenizer">The model's.</param>
/// <param name="stream">Where events go; null for nowhere.</param>
/// <param name="tellsLogprobs">Whether the client asked for probabilities.</param>
sealed class ResponseEvents(Response response, Tokenizer tokenizer, EventStream? stream, bool tellsLogprobs)
{
    readonly List<OutputItem> _output = [];
    readonly StringBuilder _text = new();
    readonly List<WireLogprob> _logprobs = [];
    readonly List<WireLogprob> _held = [];
    string? _messageId;
    StopReason _reason;
    bool _begun;
    int _sequence;

    /// <summary>The response as it is now.</summary>
    public Response Response { get; private set; } = response;

    /// <summary>Takes a token.</summary>
    public void Take(int index, in GeneratedToken token)
    {
        Begin();
        if (tellsLogprobs && AnswerParts.Logprob(tokenizer, token) is WireLogprob logprob)
        {
            _held.Add(logprob);
        }

        if (token.Text.Length > 0)
        {
            BeginMessage();
            _text.Append(token.Text);
            string delta = token.Text;
            Tell("response.output_text.delta", each => each with
            {
                ItemId = _messageId,
                OutputIndex = _output.Count,
                ContentIndex = 0,
                Delta = delta,
                Logprobs = [.. _held],
            });
            _logprobs.AddRange(_held);
            _held.Clear();
        }

        if (token.StopReason is StopReason reason)
        {
            _reason = reason;
            if (_messageId is not null || token.ToolCalls is null)
            {
                BeginMessage();
                EndMessage();
            }

            foreach (ToolCall call in token.ToolCalls ?? [])
            {
                Add(call);
            }
        }
    }

    /// <summary>Ends the response, which is then whole.</summary>
    public Response End(GenerationStatistics statistics)
    {
        bool isCut = AnswerParts.FinishReason(_reason) == "length";
        Response = Response with
        {
            Status = isCut ? "incomplete" : "completed",
            CompletedAt = isCut ? null : AnswerParts.Now(),
            IncompleteDetails = isCut ? new IncompleteDetails("max_output_tokens") : null,
            Output = [.. _output],
            Usage = new ResponseUsage(
                statistics.PromptTokens, new InputTokensDetails(statistics.ReusedTokens), statistics.AnswerTokens, new OutputTokensDetails(0),
                statistics.PromptTokens + statistics.AnswerTokens),
        };
        return Response;
    }

    /// <summary>Tells that it has ended.</summary>
    public void TellEnd() => Tell(Response.Status == "incomplete" ? "response.incomplete" : "response.completed", each => each with { Response = Response });

    /// <summary>Ends the response with what went wrong.</summary>
    public void Fail(ApiException error)
    {
        Begin();
        string code = error.Code ?? "server_error";
        Response = Response with { Status = "failed", Error = new ResponseError(code, error.Message), Output = [.. _output] };

        // Some clients pass over a response that failed and would take what came for the answer; this event none of them passes over.
        stream?.Event("error", new ResponseErrorEvent("error", code, error.Message, error.Parameter, _sequence++), ResponsesJson.Default.ResponseErrorEvent);
        Tell("response.failed", each => each with { Response = Response });
    }

    /// <summary>Tells that it has begun, once.</summary>
    public void Begin()
    {
        if (!_begun)
        {
            _begun = true;
            Tell("response.created", each => each with { Response = Response });
            Tell("response.in_progress", each => each with { Response = Response });
        }
    }

    void BeginMessage()
    {
        if (_messageId is null)
        {
            _messageId = AnswerParts.NewId("msg_");
            Tell("response.output_item.added", each => each with
            {
                OutputIndex = _output.Count,
                Item = new OutputItem("message", _messageId, "in_progress") { Role = "assistant", Content = [] },
            });
            Tell("response.content_part.added", each => each with
            {
                ItemId = _messageId,
                OutputIndex = _output.Count,
                ContentIndex = 0,
                Part = new OutputText("output_text", "", [], []),
            });
        }
    }

    void EndMessage()
    {
        _logprobs.AddRange(_held);
        _held.Clear();
        string text = _text.ToString();
        var part = new OutputText("output_text", text, [], [.. _logprobs]);
        Tell("response.output_text.done", each => each with
        {
            ItemId = _messageId,
            OutputIndex = _output.Count,
            ContentIndex = 0,
            Text = text,
            Logprobs = [.. _logprobs],
        });
        Tell("response.content_part.done", each => each with { ItemId = _messageId, OutputIndex = _output.Count, ContentIndex = 0, Part = part });
        string status = AnswerParts.FinishReason(_reason) == "length" ? "incomplete" : "completed";
        EndItem(new OutputItem("message", _messageId!, status) { Role = "assistant", Content = [part] });
    }

    void Add(ToolCall call)
    {
        var item = new OutputItem("function_call", AnswerParts.NewId("fc_"), "completed") { CallId = call.Id, Name = call.Name, Arguments = call.Arguments };
        Tell("response.output_item.added", each => each with { OutputIndex = _output.Count, Item = item with { Status = "in_progress", Arguments = "" } });
        Tell("response.function_call_arguments.delta", each => each with { ItemId = item.Id, OutputIndex = _output.Count, Delta = call.Arguments });
        Tell("response.function_call_arguments.done", each => each with
        {
            ItemId = item.Id,
            OutputIndex = _output.Count,
            Name = call.Name,
            Arguments = call.Arguments,
        });
        EndItem(item);
    }

    void EndItem(OutputItem item)
    {
        Tell("response.output_item.done", each => each with { OutputIndex = _output.Count, Item = item });
        _output.Add(item);
    }

    void Tell(string type, Func<ResponseEvent, ResponseEvent> fill)
    {
        if (stream is not null)
        {
            stream.Event(type, fill(new ResponseEvent(type, _sequence++)), ResponsesJson.Default.ResponseEvent);
        }
    }
}
