#!/usr/bin/env dotnet
#:project ../src/GemmaSharp/GemmaSharp.csproj
#:property PublishAot=false
using GemmaSharp;

using GemmaModel model = GemmaModel.Load("models/gemma-3n-demo");
using GemmaSession session = model.NewSession();
await foreach (GeneratedToken token in session.GenerateAsync("What is the capital of Peru?"))
{
    Console.Write(token.Text);
}
