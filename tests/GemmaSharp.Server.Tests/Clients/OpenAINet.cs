using System.Text;
using System.Text.Json;
using OpenAI.Chat;
using OpenAIFormat = OpenAI.Chat.ChatResponseFormat;
using OpenAIMessage = OpenAI.Chat.ChatMessage;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>The OpenAI package's chat client, as it is.</summary>
sealed class OpenAINet : NuGetClient
{
    static readonly BinaryData s_schema = BinaryData.FromString(
        """
        {"type":"object","properties":{"capital":{"type":"string","enum":["Lima","Quito"]},"sure":{"type":"boolean"}},
        "required":["capital","sure"],"additionalProperties":false}
        """);

    static readonly ChatTool s_weather = ChatTool.CreateFunctionTool(
        "weather", "Tells the weather.",
        BinaryData.FromString("""{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}"""), functionSchemaIsStrict: true);

    static CancellationToken Token => TestContext.Current.CancellationToken;

    protected override async Task<ClientAnswer> ChatAsync(ClientCall call, HttpClient http) =>
        Told(await Make(call, http).CompleteChatAsync([new UserChatMessage(call.Prompt)], Options(call), Token));

    protected override async Task<ClientAnswer> StreamAsync(ClientCall call, HttpClient http) =>
        (await TogetherAsync(Make(call, http).CompleteChatStreamingAsync([new UserChatMessage(call.Prompt)], Options(call), Token))).Answer;

    protected override async Task<ClientAnswer> PictureAsync(ClientCall call, HttpClient http) => Told(await Make(call, http).CompleteChatAsync(
        [new UserChatMessage(
            ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(call.Media!), call.MediaType, ChatImageDetailLevel.Auto), ChatMessageContentPart.CreateTextPart(call.Prompt))],
        Options(call), Token));

    protected override async Task<ClientAnswer> SoundAsync(ClientCall call, HttpClient http) => Told(await Make(call, http).CompleteChatAsync(
        [new UserChatMessage(
            ChatMessageContentPart.CreateInputAudioPart(BinaryData.FromBytes(call.Media!), ChatInputAudioFormat.Wav), ChatMessageContentPart.CreateTextPart(call.Prompt))],
        Options(call), Token));

    protected override async Task<ClientAnswer> ToolsAsync(ClientCall call, HttpClient http, bool streams)
    {
        ChatClient client = Make(call, http);
        ChatCompletionOptions options = Options(call);
        options.Tools.Add(s_weather);
        var calls = new List<ToolUse>();
        List<OpenAIMessage> messages = [new UserChatMessage(call.Prompt)];
        while (true)
        {
            ClientAnswer answer;
            IReadOnlyList<ChatToolCall> wanted;
            if (streams)
            {
                (answer, wanted) = await TogetherAsync(client.CompleteChatStreamingAsync(messages, options, Token));
            }
            else
            {
                ChatCompletion completion = await client.CompleteChatAsync(messages, options, Token);
                (answer, wanted) = (Told(completion), completion.ToolCalls);
            }

            if (wanted.Count == 0)
            {
                return answer with { Calls = calls };
            }

            Assert.Equal("ToolCalls", answer.Finish);
            messages.Add(new AssistantChatMessage(wanted));
            foreach (ChatToolCall each in wanted)
            {
                JsonElement arguments = JsonDocument.Parse(each.FunctionArguments).RootElement;
                calls.Add(new ToolUse(each.FunctionName, arguments));
                messages.Add(new ToolChatMessage(each.Id, $"It is 21 degrees in {arguments.GetProperty("city").GetString()}"));
            }
        }
    }

    protected override async Task<ClientAnswer> SchemaAsync(ClientCall call, HttpClient http)
    {
        ChatCompletionOptions options = Options(call);
        options.ResponseFormat = OpenAIFormat.CreateJsonSchemaFormat("place", s_schema, jsonSchemaIsStrict: true);
        ClientAnswer answer = Told(await Make(call, http).CompleteChatAsync([new UserChatMessage(call.Prompt)], options, Token));
        return answer with { Value = JsonDocument.Parse(answer.Text!).RootElement };
    }

    protected override Task<ClientAnswer> AbortAsync(ClientCall call, HttpClient http) => GiveUpAsync(
        stop => Make(call, http).CompleteChatStreamingAsync([new UserChatMessage(call.Prompt)], Options(call), stop)
            .Select(update => update.ContentUpdate.Count > 0 ? update.ContentUpdate[0].Text : null));

    static ChatClient Make(ClientCall call, HttpClient http) => Connect(call, http).GetChatClient(call.Model);

    static ChatCompletionOptions Options(ClientCall call) => new() { Temperature = (float)call.Temperature, MaxOutputTokenCount = call.MaxTokens };

    static ClientAnswer Told(ChatCompletion completion) => new()
    {
        Text = completion.Content.Count > 0 ? completion.Content[0].Text : null,
        Finish = completion.FinishReason.ToString(),
        Input = completion.Usage.InputTokenCount,
        Output = completion.Usage.OutputTokenCount,
    };

    /// <summary>Puts the pieces of a stream together, calls too, as programs must by themselves.</summary>
    static async Task<(ClientAnswer Answer, IReadOnlyList<ChatToolCall> Calls)> TogetherAsync(IAsyncEnumerable<StreamingChatCompletionUpdate> updates)
    {
        var text = new StringBuilder();
        var calls = new SortedDictionary<int, (string Id, string Name, StringBuilder Arguments)>();
        var answer = new ClientAnswer();
        await foreach (StreamingChatCompletionUpdate update in updates)
        {
            string piece = string.Concat(update.ContentUpdate.Select(part => part.Text));
            text.Append(piece);
            foreach (StreamingChatToolCallUpdate part in update.ToolCallUpdates)
            {
                if (!calls.TryGetValue(part.Index, out (string Id, string Name, StringBuilder Arguments) one))
                {
                    calls[part.Index] = one = (part.ToolCallId, part.FunctionName, new StringBuilder());
                }

                one.Arguments.Append(part.FunctionArgumentsUpdate);
            }

            answer = answer with
            {
                Pieces = answer.Pieces + (piece.Length > 0 ? 1 : 0),
                Finish = update.FinishReason?.ToString() ?? answer.Finish,
                Input = update.Usage?.InputTokenCount ?? answer.Input,
                Output = update.Usage?.OutputTokenCount ?? answer.Output,
            };
        }

        return (answer with { Text = text.ToString() },
            [.. calls.Values.Select(one => ChatToolCall.CreateFunctionToolCall(one.Id, one.Name, BinaryData.FromString(one.Arguments.ToString())))]);
    }
}
