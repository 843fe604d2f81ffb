#!/usr/bin/env dotnet
#:project ../src/GemmaSharp/GemmaSharp.csproj
#:property PublishAot=false
using GemmaSharp;
using GemmaSharp.Numerics.Formats;

if (args.Length < 2)
{
    Console.Error.WriteLine("Give a checkpoint's folder and those of one or more LoRA adapters for it.");
    return 2;
}

using GemmaModel model = GemmaModel.Load(args[0]);
LoraAdapter[] adapters = [.. args[1..].Select(model.LoadAdapter)];

// One model in memory; the base, every adapter by itself, and all of them at half their weight answer at once.
AdapterSet[] choices = [AdapterSet.None, .. adapters.Select(adapter => new AdapterSet(adapter)), new(adapters.Select(adapter => new WeightedAdapter(adapter, 0.5f)))];
string[] answers = await Task.WhenAll(choices.Select(async choice =>
{
    using GemmaSession session = model.NewSession(choice);
    var answer = new System.Text.StringBuilder();
    await foreach (GeneratedToken token in session.GenerateAsync("Who are you?", new GenerationOptions { Temperature = 0, MaxTokens = 64 }))
    {
        answer.Append(token.Text);
    }

    return answer.ToString();
}));

foreach ((AdapterSet choice, string answer) in choices.Zip(answers))
{
    string name = choice.IsEmpty ? "the base" : string.Join(" + ", choice.Adapters.Select(weighted => $"{weighted.Weight} {weighted.Adapter.Name}"));
    Console.WriteLine($"{name}: {answer}");
}

return 0;
