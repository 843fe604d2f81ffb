using System.CommandLine;
using GemmaSharp.Cli.Chat;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Options;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma chat</c>: a conversation in the terminal.</summary>
static class ChatCommand
{
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var media = new MediaArguments(global);
        var modelOptions = new ModelOptions(global);
        var sampling = new SamplingOptions();
        var constraint = new ConstraintOptions();
        var system = new Option<string?>("--system", "-s") { HelpName = "TEXT", Description = "What the model should know or be, before the conversation." };
        var load = new Option<string?>("--load") { HelpName = "FILE", Description = "Go on from a saved conversation." };
        var save = new Option<string?>("--save") { HelpName = "FILE", Description = "Save the conversation as JSON after every answer." };
        var command = new Command("chat", "Talk with the model; /help inside lists the commands.") { system, load, save };
        sampling.AddTo(command);
        constraint.AddTo(command);
        media.AddTo(command);
        modelOptions.AddTo(command);
        command.SetAction(async parse =>
        {
            GenerationOptions options = sampling.Read(parse) with { Constraint = constraint.Read(parse) };
            string? saveAs = parse.GetValue(save);
            if (saveAs is not null)
            {
                OutputFiles.RequireWritable(saveAs);
            }

            List<ChatMessage> messages = parse.GetValue(load) is string file ? [.. ConversationFile.Read(file)] : [];
            if (parse.GetValue(system) is string text)
            {
                messages.RemoveAll(message => message.Role == ChatMessage.SystemRole);
                messages.Insert(0, ChatMessage.System(text));
            }

            using MessageMedia reader = media.NewReader(parse, console);
            IReadOnlyList<ChatMessage> said = await reader.ReadAsync(messages).ConfigureAwait(false);
            using GemmaModel model = await modelOptions.LoadAsync(parse, console).ConfigureAwait(false);
            using GemmaSession session = model.NewSession(modelOptions.LoadAdapters(parse, console, model));
            session.SetMessages(said);
            var loop = new ChatLoop(console, model, session, reader, options, saveAs, parse.GetValue(global.Quiet));
            return await loop.RunAsync().ConfigureAwait(false);
        });
        return new CliCommand(
            command,
            "gemma chat",
            "gemma chat --model google/gemma-3n-E2B-it --system \"You are a patient teacher.\"",
            "gemma chat --load lesson.json --save lesson.json",
            "printf 'Hello\\n/image shapes.png\\nDescribe this image.\\n' | gemma chat");
    }
}
