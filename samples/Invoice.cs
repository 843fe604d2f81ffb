#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:property PublishAot=false
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.AI;
using GemmaModel = GemmaSharp.GemmaModel;

// The demo cannot read invoices. Its answer has the type, since no other answer can be drawn, but no sense; a real checkpoint gives both: GEMMA_MODEL=PATH.
using GemmaModel model = GemmaModel.Load(Environment.GetEnvironmentVariable("GEMMA_MODEL") ?? "models/gemma-3n-demo");
IChatClient client = model.AsIChatClient();

string picture = args.Length > 0 ? args[0] : "tests/GemmaSharp.EndToEnd.Tests/Goldens/demo/image-00.png";
var question = new ChatMessage(ChatRole.User, [await DataContent.LoadFromAsync(picture), new TextContent("Read this invoice.")]);
ChatResponse<Invoice> response = await client.GetResponseAsync<Invoice>([question], new ChatOptions { Temperature = 0, MaxOutputTokens = 1000 });
if (!response.TryGetResult(out Invoice? invoice))
{
    Console.Error.WriteLine($"The answer ended by {response.FinishReason} before the invoice was complete.");
    return 1;
}

Console.WriteLine($"{invoice.Seller}, {invoice.Currency}, {invoice.TotalCents / 100m:0.00}");
foreach (Line line in invoice.Lines)
{
    Console.WriteLine($"  {line.Count} × {line.Article}: {line.Cents / 100m:0.00}");
}

return 0;

/// <summary>What is wanted of an invoice. Limits keep a model that has lost its way from filling a text for ever.</summary>
sealed record Invoice(
    [property: MaxLength(60)] string Seller, Currency Currency, [property: Range(0, 100_000_000)] int TotalCents, [property: MaxLength(8)] Line[] Lines);

sealed record Line([property: MaxLength(60)] string Article, [property: Range(1, 1000)] int Count, [property: Range(0, 100_000_000)] int Cents);

enum Currency
{
    EUR,
    USD,
    CHF,
}
