#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:property PublishAot=false
using System.ComponentModel;
using Microsoft.Extensions.AI;
using GemmaModel = GemmaSharp.GemmaModel;

// The demo was not trained on tools: it calls because it must, and what it says about the result means little. A real checkpoint calls when it wants to:
// GEMMA_MODEL=PATH.
string? path = Environment.GetEnvironmentVariable("GEMMA_MODEL");
using GemmaModel model = GemmaModel.Load(path ?? "models/gemma-3n-demo");
IChatClient client = model.AsIChatClient().AsBuilder().UseFunctionInvocation().Build();

[Description("Tells the population of a city.")]
static int Population(City city)
{
    int population = city switch { City.Lima => 10_092_000, City.Oslo => 709_000, _ => 2_103_000 };
    Console.WriteLine($"  (the model asks for the population of {city}: {population})");
    return population;
}

var options = new ChatOptions
{
    Tools = [AIFunctionFactory.Create(Population, "population")],
    ToolMode = path is null ? ChatToolMode.RequireAny : null,
    Temperature = 0,
    MaxOutputTokens = 200,
};
var conversation = new List<ChatMessage>();
foreach (string question in args.Length > 0 ? args : ["How many people live in Lima?"])
{
    Console.WriteLine($"> {question}");
    conversation.Add(new(ChatRole.User, question));
    ChatResponse response = await client.GetResponseAsync(conversation, options);
    conversation.AddRange(response.Messages);
    Console.WriteLine(response.Text);
}

enum City
{
    Lima,
    Oslo,
    Paris,
}
