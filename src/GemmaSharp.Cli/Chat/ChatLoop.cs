using System.Globalization;
using GemmaSharp.Cli.Commands;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Chat;

/// <summary>A conversation in the terminal, or through pipes.</summary>
sealed class ChatLoop : IDisposable
{
    readonly CliConsole _console;
    readonly GemmaModel _model;
    readonly GemmaSession _session;
    readonly MessageBuilder _builder;
    readonly GenerationOptions _options;
    readonly BusySign _busy;
    readonly string? _saveAs;
    readonly List<ConversationPart> _attached = [];
    readonly bool _interactive;
    List<ConversationMessage> _messages;
    int _firstError;

    /// <summary>Makes a chat.</summary>
    /// <param name="console">Where it takes place.</param>
    /// <param name="model">Who answers.</param>
    /// <param name="adapters">What is added to the model.</param>
    /// <param name="builder">Loads pictures and sound.</param>
    /// <param name="options">How answers are drawn.</param>
    /// <param name="messages">What was said before.</param>
    /// <param name="saveAs">File that is brought up to date after every answer; null for none.</param>
    /// <param name="quiet">Whether progress is kept back.</param>
    public ChatLoop(
        CliConsole console, GemmaModel model, AdapterSet adapters, MessageBuilder builder, GenerationOptions options, IEnumerable<ConversationMessage> messages, string? saveAs, bool quiet)
    {
        _console = console;
        _model = model;
        _session = model.NewSession(adapters);
        _builder = builder;
        _options = options;
        _messages = [.. messages];
        _saveAs = saveAs;
        _busy = new BusySign(console, quiet);
        _interactive = console.InputIsTerminal && console.OutputIsTerminal;
    }

    /// <summary>Reads lines until the input ends or <c>/exit</c>.</summary>
    /// <returns>Zero, or where nobody watches: the exit code of the first line that failed.</returns>
    public async Task<int> RunAsync()
    {
        if (_interactive)
        {
            _console.Styled.MarkupLine("[grey]/help lists the commands; Ctrl-C stops an answer, a second one leaves.[/]");
        }

        while (true)
        {
            if (_interactive)
            {
                _console.Styled.Markup(_attached.Count > 0 ? $"[green]{_attached.Count} attached >[/] " : "[green]>[/] ");
            }

            // Whoever is asked must have seen everything so far.
            await _console.Out.FlushAsync().ConfigureAwait(false);
            string? line = await _console.In.ReadLineAsync().ConfigureAwait(false);
            if (line is null || !await TakeAsync(ChatLine.Parse(line)).ConfigureAwait(false))
            {
                return _interactive ? ExitCode.Done : _firstError;
            }
        }
    }

    /// <summary>Frees the session.</summary>
    public void Dispose() => _session.Dispose();

    /// <returns>False when the chat is over.</returns>
    async Task<bool> TakeAsync(ChatLine line)
    {
        try
        {
            if (line.Command is not null)
            {
                return await ExecuteAsync(line).ConfigureAwait(false);
            }

            return line.Text.Length == 0 || await AnswerAsync(line.Text).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C stops what is being read, not the chat.
            Say("Stopped.");
            return true;
        }
        catch (Exception error) when (ErrorReport.Describe(error) is (int exitCode, string message) && error is not OutOfMemoryException && exitCode != ExitCode.Done)
        {
            // A chat outlives a mistyped path or a prompt that is too long.
            _console.Notice("gemma: " + message.ReplaceLineEndings(" "));
            _firstError = _firstError == 0 ? exitCode : _firstError;
            return true;
        }
    }

    async Task<bool> AnswerAsync(string text)
    {
        var question = new ConversationMessage(ConversationMessage.User, [.. _attached, new ConversationPart(PartKind.Text, text)]);
        var answer = new Answer(_model, _session, _busy);
        var writer = new AnswerWriter(_console);
        using (Interrupts.Scope interrupt = _console.Interrupts.Begin())
        {
            ChatMessage[] messages = await BuildAsync([.. _messages, question], interrupt).ConfigureAwait(false);
            ModelSenses.Require(_model, messages);
            EncodedPrompt prompt = await _busy.WhileAsync("Reading", Task.Run(() => _model.Encode(messages, adapters: _session.Adapters))).ConfigureAwait(false);
            try
            {
                await answer.GenerateAsync(prompt, _options, writer, interrupt).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The answer ends here; what came of it stays in the conversation.
            }
        }

        _attached.Clear();
        _messages.Add(question);
        _messages.Add(ConversationMessage.OfText(ConversationMessage.Assistant, answer.Text));
        if (_saveAs is not null)
        {
            ConversationFile.Write(_saveAs, _messages);
        }

        if (answer.ClosedOutput)
        {
            return false;
        }

        writer.End();
        return true;
    }

    async Task<bool> ExecuteAsync(ChatLine line)
    {
        switch (line.Command)
        {
            case "image":
                await AttachAsync(PartKind.Image, line.Text).ConfigureAwait(false);
                return true;
            case "audio":
                await AttachAsync(PartKind.Audio, line.Text).ConfigureAwait(false);
                return true;
            case "video":
                await AttachAsync(PartKind.Video, line.Text).ConfigureAwait(false);
                return true;
            case "system":
                SetSystem(line.Text);
                return true;
            case "reset":
                Reset();
                return true;
            case "save":
                Save(line.Text);
                return true;
            case "load":
                await LoadAsync(line.Text).ConfigureAwait(false);
                return true;
            case "stats":
                ShowStatistics();
                return true;
            case "help" or "?":
                ShowHelp();
                return true;
            case "exit" or "quit" or "bye":
                return false;
            default:
                throw CliException.Usage($"/{line.Command} is no command of the chat; /help lists them, and // begins a message with a slash.");
        }
    }

    async Task AttachAsync(PartKind kind, string text)
    {
        IReadOnlyList<string> files = ChatLine.Files(text, File.Exists);
        if (files.Count == 0)
        {
            throw CliException.Usage($"/{kind.ToString().ToLowerInvariant()} names no file; give its path.");
        }

        // Decoded at once, so that a file that cannot be used is told of now and not with the next question.
        ConversationPart[] parts = [.. files.Select(file => new ConversationPart(kind, file))];
        using Interrupts.Scope interrupt = _console.Interrupts.Begin();
        ModelSenses.Require(_model, await BuildAsync([new ConversationMessage(ConversationMessage.User, parts)], interrupt).ConfigureAwait(false));
        _attached.AddRange(parts);
        Say($"{string.Join(", ", files.Select(Path.GetFileName))} goes with the next message.");
    }

    Task<ChatMessage[]> BuildAsync(IReadOnlyList<ConversationMessage> messages, Interrupts.Scope interrupt) =>
        _busy.WhileAsync("Reading", Task.Run(() => _builder.BuildAsync(messages, interrupt.Token)));

    void SetSystem(string text)
    {
        bool had = _messages is [{ Role: ConversationMessage.System }, ..];
        if (text.Length == 0)
        {
            Say(had ? _messages[0].Parts[0].Value : "There is no system message; /system TEXT sets one.");
            return;
        }

        if (had)
        {
            _messages.RemoveAt(0);
        }

        if (text is not ("\"\"" or "''"))
        {
            _messages.Insert(0, ConversationMessage.OfText(ConversationMessage.System, text));
        }

        Say("The system message is set from the next answer on.");
    }

    void Reset()
    {
        _messages.RemoveAll(message => message.Role != ConversationMessage.System);
        _attached.Clear();
        _builder.Keep(_messages);
        Say("The conversation begins anew.");
    }

    void Save(string text)
    {
        string path = OneFile(text, "save");
        ConversationFile.Write(path, _messages);
        Say($"{_messages.Count} messages are saved in {path}.");
    }

    async Task LoadAsync(string text)
    {
        string path = OneFile(text, "load");
        List<ConversationMessage> messages = ConversationFile.Read(path);
        using Interrupts.Scope interrupt = _console.Interrupts.Begin();
        ModelSenses.Require(_model, await BuildAsync(messages, interrupt).ConfigureAwait(false));
        _messages = messages;
        _builder.Keep(messages);
        _attached.Clear();
        Say($"{_messages.Count} messages are loaded from {path}.");
    }

    static string OneFile(string text, string command) => ChatLine.Files(text, File.Exists) is [string file]
        ? file
        : throw CliException.Usage($"/{command} takes one file; give its path, in quotes if it has spaces.");

    void ShowStatistics()
    {
        GenerationStatistics last = _session.Statistics;
        Row("messages", _messages.Count.ToString(CultureInfo.InvariantCulture));
        Row("last prompt", Show.Text($"{last.PromptTokens} tokens, {last.ReusedTokens} of them from the cache, {last.PromptTokensPerSecond:0.0} tokens/s"));
        Row("last answer", Show.Text($"{last.AnswerTokens} tokens, {last.AnswerTokensPerSecond:0.0} tokens/s"));
        Row("time to first token", Show.Time(last.TimeToFirstToken));
        foreach (WeightedAdapter weighted in _session.Adapters.Adapters)
        {
            Row("adapter", Show.Text($"{weighted.Adapter.Name}, weight {weighted.Weight}, {weighted.Adapter.Modules.Count} modules"));
        }

        Row("cache", Show.Bytes(_session.CacheBytes));
        Row("context", Show.Text($"{_model.ContextLength} tokens"));
        Row("memory", Show.Bytes(Environment.WorkingSet));

        void Row(string name, string value) => _console.Out.WriteLine($"{name,-20} {value}");
    }

    void ShowHelp() => _console.Out.WriteLine(
        """
        /image FILE     a picture goes with the next message (several files, quotes and spaces are fine)
        /audio FILE     a sound goes with the next message
        /video FILE     a video goes with the next message
        /system TEXT    sets the system message; /system "" removes it, /system alone shows it
        /reset          begins the conversation anew
        /save FILE      saves the conversation as JSON
        /load FILE      goes on from a saved conversation
        /stats          tokens per second and memory of the last answer
        /exit           leaves
        """);

    // Remarks are for a person; through pipes the output is answers only.
    void Say(string remark)
    {
        if (_interactive)
        {
            _console.Styled.MarkupLine($"[grey]{Markup.Escape(remark)}[/]");
        }
    }
}
