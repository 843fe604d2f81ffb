#!/usr/bin/env dotnet
#:project ../src/GemmaSharp.Extensions.AI/GemmaSharp.Extensions.AI.csproj
#:property PublishAot=false
#:property NoWarn=$(NoWarn);MEAI001
using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using Microsoft.Extensions.AI;
using GemmaModel = GemmaSharp.GemmaModel;

// The demo writes down spoken digits and nothing else; what it makes of them has the type and no sense. A real checkpoint: GEMMA_MODEL=PATH.
using GemmaModel model = GemmaModel.Load(Environment.GetEnvironmentVariable("GEMMA_MODEL") ?? "models/gemma-3n-demo");

// Sound of any length: it is cut at quiet places into clips of at most 30 seconds.
using FileStream sound = File.OpenRead(args.Length > 0 ? args[0] : "tests/GemmaSharp.EndToEnd.Tests/Goldens/demo/audio-00.wav");
string dictated = (await model.AsISpeechToTextClient().GetTextAsync(sound)).Text;
Console.Error.WriteLine($"Heard: {dictated}");

var options = new ChatOptions { Temperature = 0, MaxOutputTokens = 1000, Instructions = "Turn what was dictated into a note." };
ChatResponse<Note> response = await model.AsIChatClient().GetResponseAsync<Note>(dictated, options);
Console.WriteLine(JsonSerializer.Serialize(response.Result, AIJsonUtilities.DefaultOptions));

sealed record Note([property: MaxLength(80)] string Title, Urgency Urgency, [property: MaxLength(5)] Item[] Items);

sealed record Item([property: MaxLength(80)] string Text, bool Done);

enum Urgency
{
    Low,
    Normal,
    High,
}
