using System.Globalization;
using GemmaSharp.Cli.Commands;
using GemmaSharp.Cli.Conversations;
using GemmaSharp.Cli.Output;
using Spectre.Console;

namespace GemmaSharp.Cli.Chat;

/// <summary>A conversation in the terminal, or through pipes.</summary>
/// <remarks>What was said is the session's; here is only what waits for the next message.</remarks>
sealed class ChatLoop
{
    readonly CliConsole _console;
    readonly GemmaModel _model;
    readonly GemmaSession _session;
    readonly MessageMedia _media;
    readonly GenerationOptions _options;
    readonly BusySign _busy;
    readonly string? _saveAs;
    readonly List<ContentPart> _attached = [];
    readonly ChatRoom _room;
    readonly bool _interactive;
    readonly bool _quiet;
    int _firstError;

    /// <summary>Makes a chat.</summary>
    /// <param name="console">Where it takes place.</param>
    /// <param name="model">Who answers.</param>
    /// <param name="session">The conversation, with what was said before.</param>
    /// <param name="media">Reads pictures and sound.</param>
    /// <param name="options">How answers are drawn.</param>
    /// <param name="saveAs">File that is brought up to date after every answer; null for none.</param>
    /// <param name="quiet">Whether progress is kept back.</param>
    public ChatLoop(CliConsole console, GemmaModel model, GemmaSession session, MessageMedia media, GenerationOptions options, string? saveAs, bool quiet)
    {
        _console = console;
        _model = model;
        _session = session;
        _media = media;
        _options = options;
        _saveAs = saveAs;
        _busy = new BusySign(console, quiet);
        _quiet = quiet;
        _room = new ChatRoom(model, session);
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

        bool marksPastes = _interactive && _console.CanMove;
        Mark(ChatInput.MarkPastes);
        try
        {
            return await TakeAllAsync().ConfigureAwait(false);
        }
        finally
        {
            Mark(ChatInput.LeavePastes);
        }

        void Mark(string sequence)
        {
            if (marksPastes)
            {
                _console.Out.Write(sequence);
                _console.Out.Flush();
            }
        }
    }

    async Task<int> TakeAllAsync()
    {
        var input = new ChatInput(_console.In, () =>
        {
            if (_interactive)
            {
                _console.Styled.Markup("[green]…[/] ");
                _console.Out.Flush();
            }
        });
        while (true)
        {
            if (_interactive)
            {
                _console.Styled.Markup(_attached.Count > 0 ? $"[green]{_attached.Count} attached >[/] " : "[green]>[/] ");
            }

            // Whoever is asked must have seen everything so far.
            await _console.Out.FlushAsync().ConfigureAwait(false);
            if (await input.ReadAsync().ConfigureAwait(false) is not ChatLine line || !await TakeAsync(line).ConfigureAwait(false))
            {
                return _interactive ? ExitCode.Done : _firstError;
            }
        }
    }

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
        catch (Exception error) when (ErrorReport.Describe(error) is (int exitCode, string message) && error is not OutOfMemoryException
            && exitCode != ExitCode.Done)
        {
            // A chat outlives a mistyped path or a prompt that is too long.
            _console.Notice("gemma: " + message.ReplaceLineEndings(" "));
            _firstError = _firstError == 0 ? exitCode : _firstError;
            return true;
        }
    }

    async Task<bool> AnswerAsync(string text)
    {
        ChatMessage question = _attached.Count == 0 ? ChatMessage.User(text) : ChatMessage.User([.. _attached, new TextPart(text)]);
        ModelSenses.Require(_model, [.. _session.Messages, question]);
        if (await _room.MakeAsync(question, _options).ConfigureAwait(false) is int left and > 0)
        {
            Notice(string.Create(
                CultureInfo.InvariantCulture,
                $"the {left} oldest messages were left out, since the context of {_model.ContextLength} tokens is full; /reset begins anew."));
        }

        var answer = new Answer(_model, _session, _busy);
        var writer = new AnswerWriter(_console);
        using (Interrupts.Scope interrupt = _console.Interrupts.Begin())
        {
            try
            {
                await answer.ReadAsync(_session.GenerateAsync(question, _options, interrupt.Token), _options, writer).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (answer.HasBegun)
            {
                // The answer ends here; what came of it stays in the conversation.
            }
        }

        _attached.Clear();
        if (_saveAs is not null)
        {
            ConversationFile.Write(_saveAs, _room.Messages);
        }

        if (answer.ClosedOutput)
        {
            return false;
        }

        writer.End();
        if (answer.Cut(_options) is string cut)
        {
            Notice(cut);
        }

        return true;
    }

    void Notice(string sentence)
    {
        if (!_quiet)
        {
            _console.Notice("gemma: notice: " + sentence);
        }
    }

    async Task<bool> ExecuteAsync(ChatLine line)
    {
        switch (line.Command)
        {
            case "image":
                await AttachAsync("image", line.Text, file => new ImagePart(null, file)).ConfigureAwait(false);
                return true;
            case "audio":
                await AttachAsync("audio", line.Text, file => new AudioPart(null, file)).ConfigureAwait(false);
                return true;
            case "video":
                await AttachAsync("video", line.Text, file => new VideoPart(null, null, file)).ConfigureAwait(false);
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

    async Task AttachAsync(string kind, string text, Func<string, ContentPart> part)
    {
        IReadOnlyList<string> files = ChatLine.Files(text, File.Exists);
        if (files.Count == 0)
        {
            throw CliException.Usage($"/{kind} names no file; give its path.");
        }

        // Read at once, so that a file that cannot be used is told of now and not with the next question.
        IReadOnlyList<ChatMessage> read = await ReadAsync([ChatMessage.User([.. files.Select(part)])]).ConfigureAwait(false);
        _attached.AddRange(read[0].Parts);
        Say($"{string.Join(", ", files.Select(Path.GetFileName))} goes with the next message.");
    }

    /// <summary>Messages with their media, which the model can take.</summary>
    async Task<IReadOnlyList<ChatMessage>> ReadAsync(IReadOnlyList<ChatMessage> messages)
    {
        using Interrupts.Scope interrupt = _console.Interrupts.Begin();
        IReadOnlyList<ChatMessage> read = await _busy.WhileAsync("Reading", Task.Run(() => _media.ReadAsync(messages, interrupt.Token))).ConfigureAwait(false);
        ModelSenses.Require(_model, read);
        return read;
    }

    void SetSystem(string text)
    {
        ChatMessage? system = _session.Messages is [{ Role: ChatMessage.SystemRole } first, ..] ? first : null;
        if (text.Length == 0)
        {
            Say(system?.Text ?? "There is no system message; /system TEXT sets one.");
            return;
        }

        IEnumerable<ChatMessage> others = system is null ? _session.Messages : _session.Messages.Skip(1);
        _session.SetMessages(text is "\"\"" or "''" ? others : others.Prepend(ChatMessage.System(text)));
        Say("The system message is set from the next answer on.");
    }

    void Reset()
    {
        _session.SetMessages(_session.Messages.Where(message => message.Role == ChatMessage.SystemRole));
        _room.Forget();
        _attached.Clear();
        Say("The conversation begins anew.");
    }

    void Save(string text)
    {
        string path = OneFile(text, "save");
        OutputFiles.RequireWritable(path);
        ConversationFile.Write(path, _room.Messages);
        Say($"{_room.Messages.Count} messages are saved in {path}.");
    }

    async Task LoadAsync(string text)
    {
        string path = OneFile(text, "load");
        _session.SetMessages(await ReadAsync(ConversationFile.Read(path)).ConfigureAwait(false));
        _room.Forget();
        _attached.Clear();
        Say($"{_session.Messages.Count} messages are loaded from {path}.");
    }

    static string OneFile(string text, string command) => ChatLine.Files(text, File.Exists) is [string file]
        ? file
        : throw CliException.Usage($"/{command} takes one file; give its path, in quotes if it has spaces.");

    void ShowStatistics()
    {
        GenerationStatistics last = _session.Statistics;
        Row("messages", _session.Messages.Count.ToString(CultureInfo.InvariantCulture));
        Row("last prompt", Show.Text($"{last.PromptTokens} tokens, {last.ReusedTokens} of them from the cache, {last.PromptTokensPerSecond:0.0} tokens/s"));
        Row("last answer", Show.Text($"{last.AnswerTokens} tokens, {last.AnswerTokensPerSecond:0.0} tokens/s"));
        if (last.DraftedTokens > 0)
        {
            Row("guessed", Show.Text($"{last.DraftedTokens} tokens, {last.AcceptedTokens} of them rightly"));
        }

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
        """"
        """             begins a message of several lines, which ends with """ again; so does a \ at the end of a line, and what is pasted stays together
        /image FILE     a picture goes with the next message (several files, quotes and spaces are fine)
        /audio FILE     a sound goes with the next message
        /video FILE     a video goes with the next message
        /system TEXT    sets the system message; /system "" removes it, /system alone shows it
        /reset          begins the conversation anew
        /save FILE      saves the conversation as JSON
        /load FILE      goes on from a saved conversation
        /stats          tokens per second and memory of the last answer
        /exit           leaves
        """");

    // Remarks are for a person; through pipes the output is answers only.
    void Say(string remark)
    {
        if (_interactive)
        {
            _console.Styled.MarkupLine($"[grey]{Markup.Escape(AnswerWriter.Visible(remark))}[/]");
        }
    }
}
