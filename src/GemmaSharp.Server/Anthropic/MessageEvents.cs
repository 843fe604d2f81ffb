using System.Text.Json;
using GemmaSharp.Server.Http;
using GemmaSharp.Server.Models;

namespace GemmaSharp.Server.Anthropic;

/// <summary>A streamed answer: blocks one after another, each with a beginning, pieces and an end. Used by one request.</summary>
sealed class MessageEvents(EventStream stream, SelectedModel model, int inputTokens)
{
    bool _begun;
    int _blocks;
    bool _inText;
    StopReason _reason;
    string? _stopText;

    /// <summary>Writes what comes first, unless it was. Which of the input's tokens are found again shows at the end only.</summary>
    public void Begin()
    {
        if (!_begun)
        {
            _begun = true;
            Write(new MessageEvent("message_start")
            {
                Message = new Message(Messages.NewId("msg_"), "message", "assistant", model.Name, [], null, null, new MessageUsage(inputTokens, 0, 0, 0)),
            });
        }
    }

    /// <summary>Writes what a token adds.</summary>
    public void Take(int index, in GeneratedToken token)
    {
        Begin();
        if (token.Text.Length > 0)
        {
            if (!_inText)
            {
                _inText = true;
                Write(new MessageEvent("content_block_start") { Index = _blocks, ContentBlock = new Block("text") { Text = "" } });
            }

            Write(new MessageEvent("content_block_delta") { Index = _blocks, Delta = new BlockDelta(token.Text, null, null) });
        }

        foreach (ToolCall call in token.ToolCalls ?? [])
        {
            EndText();
            using JsonDocument none = JsonDocument.Parse("{}");
            Write(new MessageEvent("content_block_start")
            {
                Index = _blocks,
                ContentBlock = new Block("tool_use") { Id = call.Id, Name = call.Name, Input = none.RootElement.Clone() },
            });
            Write(new MessageEvent("content_block_delta") { Index = _blocks, Delta = new BlockDelta(null, call.Arguments, null) });
            Write(new MessageEvent("content_block_stop") { Index = _blocks++ });
        }

        _reason = token.StopReason ?? _reason;
        _stopText = token.StopText ?? _stopText;
    }

    /// <summary>Writes what follows the last token.</summary>
    public void End(GenerationStatistics statistics)
    {
        Begin();
        EndText();
        Write(new MessageEvent("message_delta")
        {
            Delta = new BlockDelta(null, null, Messages.Reason(_reason), _stopText),
            Usage = Messages.Usage(statistics),
        });
        Write(new MessageEvent("message_stop"));
    }

    void EndText()
    {
        if (_inText)
        {
            _inText = false;
            Write(new MessageEvent("content_block_stop") { Index = _blocks++ });
        }
    }

    void Write(MessageEvent value) => stream.Event(value.Type, value, AnthropicJson.Default.MessageEvent);
}
