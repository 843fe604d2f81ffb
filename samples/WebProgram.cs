#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:sdk Microsoft.NET.Sdk.Web
#:property PublishAot=false
using Microsoft.Extensions.AI;

// Everything can also come from the configuration's section "Gemma": ModelPath, Preload, Threads, ContextLength, Chat:ModelId and so on.
WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
builder.Services.AddGemmaModel(Environment.GetEnvironmentVariable("GEMMA_MODEL") ?? "models/gemma-3n-demo", options => options.Preload = true);
builder.Services.AddGemmaChatClient().UseFunctionInvocation().UseOpenTelemetry();
builder.Services.AddHealthChecks().AddGemmaHealthCheck();
WebApplication app = builder.Build();

app.MapHealthChecks("/health");

// curl "http://localhost:5000/ask?question=What+is+the+capital+of+Peru%3F"
app.MapGet("/ask", async (string question, IChatClient client, HttpResponse response, CancellationToken cancellationToken) =>
{
    response.ContentType = "text/plain; charset=utf-8";
    await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(question, cancellationToken: cancellationToken))
    {
        await response.WriteAsync(update.Text, cancellationToken);
        await response.Body.FlushAsync(cancellationToken);
    }
});

app.Run();
