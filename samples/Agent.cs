#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:package Microsoft.Agents.AI
#:property PublishAot=false
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using GemmaModel = GemmaSharp.GemmaModel;

// The demo answers questions about capitals and was not trained on tools, whose description only confuses it. A real checkpoint gets a clock to look at:
// GEMMA_MODEL=PATH.
string? path = Environment.GetEnvironmentVariable("GEMMA_MODEL");
using GemmaModel model = GemmaModel.Load(path ?? "models/gemma-3n-demo");
var agent = new ChatClientAgent(model.AsIChatClient(), new ChatClientAgentOptions
{
    Name = "Guide",
    ChatOptions = new ChatOptions
    {
        Temperature = 0,
        MaxOutputTokens = 200,
        Tools = path is null ? null : [AIFunctionFactory.Create(() => DateTimeOffset.Now, "clock", "Tells the date and the time.")],
    },
});

// The session keeps the conversation; what of it the model has computed before is found again by itself.
AgentSession session = await agent.CreateSessionAsync();
foreach (string question in args.Length > 0 ? args : ["What is the capital of Peru?", "What is the capital of Brazil?"])
{
    Console.WriteLine($"> {question}");
    await foreach (AgentResponseUpdate update in agent.RunStreamingAsync(question, session))
    {
        Console.Write(update);
    }

    Console.WriteLine();
}
