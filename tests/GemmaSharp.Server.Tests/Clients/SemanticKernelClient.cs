using System.Text;
using System.Text.Json;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using OpenAI.Chat;
using ChatMessageContent = Microsoft.SemanticKernel.ChatMessageContent;

namespace GemmaSharp.Server.Tests.Clients;

/// <summary>Semantic Kernel's OpenAI connector.</summary>
sealed class SemanticKernelClient : NuGetClient
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    protected override async Task<ClientAnswer> ChatAsync(ClientCall call, HttpClient http) =>
        Told(await Make(call, http).GetChatMessageContentAsync(new ChatHistory(call.Prompt, AuthorRole.User), Settings(call), cancellationToken: Token));

    protected override async Task<ClientAnswer> StreamAsync(ClientCall call, HttpClient http) =>
        await TogetherAsync(Make(call, http).GetStreamingChatMessageContentsAsync(new ChatHistory(call.Prompt, AuthorRole.User), Settings(call), cancellationToken: Token));

    protected override Task<ClientAnswer> PictureAsync(ClientCall call, HttpClient http) => MediaAsync(call, http, new ImageContent(call.Media, call.MediaType));

    protected override Task<ClientAnswer> SoundAsync(ClientCall call, HttpClient http) =>
        MediaAsync(call, http, new Microsoft.SemanticKernel.AudioContent(call.Media, call.MediaType));

    protected override async Task<ClientAnswer> ToolsAsync(ClientCall call, HttpClient http, bool streams)
    {
        var calls = new List<ToolUse>();
        OpenAIPromptExecutionSettings settings = Settings(call);
        settings.FunctionChoiceBehavior = FunctionChoiceBehavior.Auto();
        var kernel = new Kernel();
        kernel.Plugins.AddFromFunctions("plugin", [Weather(calls).AsKernelFunction()]);
        var history = new ChatHistory(call.Prompt, AuthorRole.User);
        ClientAnswer answer = streams
            ? await TogetherAsync(Make(call, http).GetStreamingChatMessageContentsAsync(history, settings, kernel, Token))
            : Told(await Make(call, http).GetChatMessageContentAsync(history, settings, kernel, Token));
        return answer with { Calls = calls };
    }

    protected override async Task<ClientAnswer> SchemaAsync(ClientCall call, HttpClient http)
    {
        OpenAIPromptExecutionSettings settings = Settings(call);
        settings.ResponseFormat = typeof(Place);
        ClientAnswer answer = Told(await Make(call, http).GetChatMessageContentAsync(new ChatHistory(call.Prompt, AuthorRole.User), settings, cancellationToken: Token));
        JsonElement value = JsonDocument.Parse(answer.Text!).RootElement;
        return answer with { Value = Json(value.Deserialize<Place>(JsonSerializerOptions.Web)) };
    }

    protected override Task<ClientAnswer> AbortAsync(ClientCall call, HttpClient http) => GiveUpAsync(
        stop => Make(call, http).GetStreamingChatMessageContentsAsync(new ChatHistory(call.Prompt, AuthorRole.User), Settings(call), cancellationToken: stop)
            .Select(update => update.Content));

    static OpenAIChatCompletionService Make(ClientCall call, HttpClient http) => new(call.Model, Connect(call, http));

    static OpenAIPromptExecutionSettings Settings(ClientCall call) => new() { Temperature = call.Temperature, MaxTokens = call.MaxTokens };

    static async Task<ClientAnswer> MediaAsync(ClientCall call, HttpClient http, KernelContent media)
    {
        var history = new ChatHistory();
        history.AddUserMessage([media, new Microsoft.SemanticKernel.TextContent(call.Prompt)]);
        return Told(await Make(call, http).GetChatMessageContentAsync(history, Settings(call), cancellationToken: Token));
    }

    static ClientAnswer Told(ChatMessageContent message)
    {
        var completion = (ChatCompletion)message.InnerContent!;
        return new ClientAnswer
        {
            Text = message.Content,
            Finish = (string?)message.Metadata!["FinishReason"],
            Input = completion.Usage.InputTokenCount,
            Output = completion.Usage.OutputTokenCount,
        };
    }

    static async Task<ClientAnswer> TogetherAsync(IAsyncEnumerable<StreamingChatMessageContent> updates)
    {
        var text = new StringBuilder();
        var answer = new ClientAnswer();
        await foreach (StreamingChatMessageContent update in updates)
        {
            text.Append(update.Content);
            answer = answer with { Pieces = answer.Pieces + (string.IsNullOrEmpty(update.Content) ? 0 : 1) };
            if (update.InnerContent is StreamingChatCompletionUpdate raw)
            {
                answer = answer with
                {
                    Finish = raw.FinishReason?.ToString() ?? answer.Finish,
                    Input = raw.Usage?.InputTokenCount ?? answer.Input,
                    Output = raw.Usage?.OutputTokenCount ?? answer.Output,
                };
            }
        }

        return answer with { Text = text.ToString() };
    }
}
