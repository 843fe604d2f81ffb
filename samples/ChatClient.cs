#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:property PublishAot=false
using GemmaSharp;
using Microsoft.Extensions.AI;

using GemmaModel model = GemmaModel.Load("models/gemma-3n-demo");
IChatClient client = model.AsIChatClient();
await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync("What is the capital of Peru?"))
{
    Console.Write(update);
}
