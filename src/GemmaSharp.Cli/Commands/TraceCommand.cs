using System.CommandLine;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;
using GemmaSharp.Media;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma trace</c>: every named intermediate of one forward pass over the whole prompt, in a safetensors file.</summary>
static class TraceCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var prompt = new PromptOptions();
        var media = new MediaArguments(global, AlphaMode.Reference);
        var modelOptions = new ModelOptions(global, exactByDefault: true);
        var output = new Option<string>("--output", "-o") { HelpName = "FILE", Description = "The safetensors file to write.", Required = true };
        var only = new Option<string[]>("--only")
        {
            HelpName = "PATTERN",
            Description = "Record only names that match (* for any characters), or lie below a name; may be given several times."
        };
        Option<bool> json = GlobalOptions.NewJson();
        var command = new Command("trace", "Record every intermediate tensor of one forward pass, to compare with a reference.");
        prompt.AddTo(command);
        command.Add(output);
        command.Add(only);
        media.AddTo(command);
        modelOptions.AddTo(command);
        command.Add(json);
        command.SetAction(async parse =>
        {
            PromptInput input = prompt.Read(parse, console);
            string path = parse.GetRequiredValue(output);
            OutputFiles.RequireWritable(path);
            using MessageMedia reader = media.NewReader(parse, console);
            IReadOnlyList<ChatMessage> messages = await reader.ReadAsync(input.Messages).ConfigureAwait(false);
            using GemmaModel model = await modelOptions.LoadAsync(parse, console).ConfigureAwait(false);
            AdapterSet adapters = modelOptions.LoadAdapters(parse, console, model);
            using Interrupts.Scope interrupt = console.Interrupts.Begin();
            string[] patterns = parse.GetValue(only) ?? [];
            using var file = new TraceFile(path, patterns);
            var busy = new BusySign(console, parse.GetValue(global.Quiet));
            if (await busy.WhileAsync("Tracing", RunAsync(model, adapters, input, messages, file, interrupt.Token)).ConfigureAwait(false) == 0)
            {
                throw CliException.Usage(
                    $"--only {string.Join(" --only ", patterns)} fits no intermediate of this pass; "
                        + "leave it out once to see the names, or use * for any characters.");
            }

            file.Finish();
            if (parse.GetValue(json))
            {
                JsonOutput.Print(console, writer =>
                {
                    writer.WriteStartObject();
                    writer.WriteString("output", path);
                    writer.WriteNumber("tensors", file.Count);
                    writer.WriteEndObject();
                });
            }
            else if (!parse.GetValue(global.Quiet))
            {
                console.Out.WriteLine($"{file.Count} tensors are in {path}.");
            }

            return ExitCode.Done;
        });
        return new CliCommand(
            command,
            "gemma trace \"Hello\" --output trace.safetensors",
            "gemma trace --messages case.json --output trace.safetensors",
            "gemma trace --image shapes.png \"Describe this image.\" --only \"vision_tower.*\" --output towers.safetensors");
    }

    static async Task<int> RunAsync(
        GemmaModel model, AdapterSet adapters, PromptInput input, IReadOnlyList<ChatMessage> messages, TraceFile file, CancellationToken cancellationToken)
    {
        ModelSenses.Require(model, messages);
        EncodedPrompt prompt = input.Raw is string raw
            ? await model.EncodeTextAsync(raw, file, adapters, cancellationToken).ConfigureAwait(false)
            : await model.EncodeForAnswerAsync(messages, file, adapters, cancellationToken).ConfigureAwait(false);
        await model.TraceAsync(prompt, file, cancellationToken).ConfigureAwait(false);
        return file.Count;
    }
}
