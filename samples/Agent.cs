#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:package Microsoft.Agents.AI
#:property PublishAot=false
using Microsoft.Agents.AI;
using Microsoft.Extensions.AI;
using GemmaModel = GemmaSharp.GemmaModel;

// The demo answers questions about capitals by itself and was not trained on tools; a real checkpoint calls the clock: GEMMA_MODEL=PATH.
using GemmaModel model = GemmaModel.Load(Environment.GetEnvironmentVariable("GEMMA_MODEL") ?? "models/gemma-3n-demo");
var agent = new ChatClientAgent(model.AsIChatClient(), new ChatClientAgentOptions
{
    Name = "Guide",
    ChatOptions = new ChatOptions
    {
        Temperature = 0,
        MaxOutputTokens = 200,
        Tools = [AIFunctionFactory.Create(() => DateTimeOffset.Now, "clock", "Tells the date and the time.")],
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
