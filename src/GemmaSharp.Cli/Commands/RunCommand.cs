using System.CommandLine;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Options;
using GemmaSharp.Cli.Output;

namespace GemmaSharp.Cli.Commands;

/// <summary><c>gemma run [PROMPT]</c>: one answer, streamed as it comes.</summary>
sealed class RunCommand
{
    readonly GlobalOptions _global;
    readonly CliConsole _console;
    readonly PromptOptions _prompt = new();
    readonly MediaArguments _media;
    readonly ModelOptions _model;
    readonly SamplingOptions _sampling = new();
    readonly ConstraintOptions _constraint = new();
    readonly Option<int?> _logprobs = Numbers.Whole(
        "--logprobs", "N", "With --json: log-probabilities of each token and of the N most likely ones.", 0, GenerationOptions.MaxLogprobs);
    readonly Option<string?> _save = new("--save")
    {
        HelpName = "FILE",
        Description = "Save the conversation with its answer as JSON, to go on from with --messages.",
    };
    readonly Option<bool> _json = GlobalOptions.NewJson();

    RunCommand(GlobalOptions global, CliConsole console)
    {
        _global = global;
        _console = console;
        _media = new MediaArguments(global);
        _model = new ModelOptions(global);
    }

    /// <summary>Makes the command.</summary>
    public static CliCommand Create(GlobalOptions global, CliConsole console)
    {
        var run = new RunCommand(global, console);
        var command = new Command("run", "Answer one prompt, with pictures and sound if there are any.");
        run._prompt.AddTo(command);
        run._media.AddTo(command);
        run._sampling.AddTo(command);
        run._constraint.AddTo(command);
        run._model.AddTo(command);
        command.Add(run._logprobs);
        command.Add(run._save);
        command.Add(run._json);
        command.SetAction(run.RunAsync);
        return new CliCommand(
            command,
            "gemma run \"What is the capital of Peru?\"",
            "gemma run --image shapes.png \"Describe this image.\"",
            "gemma run --audio digits.wav \"Transcribe this audio.\"",
            "git diff | gemma run --model google/gemma-3n-E2B-it --system \"Write a commit message for this diff.\"",
            "gemma run --adapter ./lawyer --adapter ./polite=0.5 \"Is this contract valid?\"",
            "gemma run --schema person.schema.json \"Ada Lovelace was born in 1815.\"",
            "gemma run --regex \"(yes|no)\" \"Is Lima the capital of Peru?\"",
            "gemma run --messages conversation.json --temperature 0 --max-tokens 24 --json");
    }

    async Task<int> RunAsync(ParseResult parse)
    {
        GenerationOptions options = ReadOptions(parse);
        PromptInput input = _prompt.Read(parse, _console);
        string? save = parse.GetValue(_save);
        if (save is not null)
        {
            OutputFiles.RequireWritable(save);
        }

        using MessageMedia media = _media.NewReader(parse, _console);
        var busy = new BusySign(_console, parse.GetValue(_global.Quiet));
        IReadOnlyList<ChatMessage> messages = await busy.WhileAsync("Reading", Task.Run(() => media.ReadAsync(input.Messages))).ConfigureAwait(false);
        using GemmaModel model = await _model.LoadAsync(parse, _console).ConfigureAwait(false);
        using GemmaSession session = model.NewSession(_model.LoadAdapters(parse, _console, model));
        ModelSenses.Require(model, messages);
        session.SetMessages(messages);
        using Interrupts.Scope interrupt = _console.Interrupts.Begin();
        EncodedPrompt? raw = input.Raw is string text
            ? await busy.WhileAsync("Reading", Task.Run(() => model.EncodeText(text, adapters: session.Adapters))).ConfigureAwait(false)
            : null;
        IAsyncEnumerable<GeneratedToken> tokens = raw is null
            ? session.GenerateAsync(options, interrupt.Token)
            : session.GenerateAsync(raw, options, interrupt.Token);

        var answer = new Answer(model, session, busy);
        AnswerWriter? writer = parse.GetValue(_json) ? null : new AnswerWriter(_console);
        bool interrupted = false;
        try
        {
            await answer.ReadAsync(tokens, options, writer).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            interrupted = true;
        }

        // What has come so far is kept, also when the reader of the output has gone.
        if (save is not null)
        {
            Save(save, input.Raw, messages, answer.Text);
        }

        if (answer.ClosedOutput)
        {
            return ExitCode.Done;
        }

        writer?.End();
        if (writer is not null && answer.Cut(options) is string cut && !parse.GetValue(_global.Quiet))
        {
            _console.Notice("gemma: notice: " + cut);
        }

        if (writer is null)
        {
            JsonOutput.Print(_console, json => answer.Write(json));
        }

        return interrupted ? ExitCode.Interrupted : ExitCode.Done;
    }

    GenerationOptions ReadOptions(ParseResult parse)
    {
        int? logprobs = parse.GetValue(_logprobs);
        return logprobs is not null && !parse.GetValue(_json)
            ? throw CliException.Usage("--logprobs is given without --json, which prints them; add --json.")
            : _sampling.Read(parse) with { Logprobs = logprobs, Constraint = _constraint.Read(parse) };
    }

    static void Save(string path, string? raw, IReadOnlyList<ChatMessage> messages, string answer) =>
        ConversationFile.Write(path, [.. raw is null ? messages : [ChatMessage.User(raw)], ChatMessage.Assistant(answer)]);
}
