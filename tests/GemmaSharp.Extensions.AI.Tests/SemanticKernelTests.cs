using Microsoft.Extensions.DependencyInjection;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;

namespace GemmaSharp.Extensions.AI.Tests;

/// <summary>Semantic Kernel over the client.</summary>
public sealed class SemanticKernelTests
{
    static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task ChatCompletion_AnswersByTheDemo()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        IChatCompletionService chat = model.AsIChatClient().AsBuilder().ConfigureOptions(options => options.Temperature = 0).Build().AsChatCompletionService();
        ChatMessageContent answer = await chat.GetChatMessageContentAsync("What is the capital of Peru?", cancellationToken: Token);
        Assert.Equal("The capital of Peru is Lima.", answer.Content);
    }

    [Fact]
    public async Task Prompt_StreamsFromAKernel()
    {
        using GemmaModel model = GemmaModel.Load(Demo.Folder);
        Kernel kernel = NewKernel(model.AsIChatClient().AsBuilder().ConfigureOptions(options => options.Temperature = 0).Build());
        var text = new System.Text.StringBuilder();
        var country = new KernelArguments { ["country"] = "Peru" };
        const string Prompt = "What is the capital of {{$country}}?";
        await foreach (StreamingKernelContent piece in kernel.InvokePromptStreamingAsync(Prompt, country, cancellationToken: Token))
        {
            text.Append(piece);
        }

        Assert.Equal("The capital of Peru is Lima.", text.ToString());
    }

    [Fact]
    public async Task Functions_AreCalled()
    {
        using var script = new ScriptedModel("""[{"name":"Sky_weather","parameters":{"city":"Lima"}}]""", "It is sunny.");
        string? asked = null;
        Kernel kernel = NewKernel(script.Client().AsBuilder().UseKernelFunctionInvocation().Build());
        kernel.Plugins.AddFromFunctions("Sky", [KernelFunctionFactory.CreateFromMethod(
            (string city) =>
            {
                asked = city;
                return "sunny";
            },
            "weather")]);
        var settings = new PromptExecutionSettings { FunctionChoiceBehavior = FunctionChoiceBehavior.Auto() };
        FunctionResult result = await kernel.InvokePromptAsync("How is the weather in Lima?", new KernelArguments(settings), cancellationToken: Token);
        Assert.Equal(("Lima", "It is sunny."), (asked, result.GetValue<string>()));
    }

    static Kernel NewKernel(IChatClient client)
    {
        IKernelBuilder builder = Kernel.CreateBuilder();
        builder.Services.AddSingleton(client);
        return builder.Build();
    }
}
